//! `make bench`: measures the functions and their alternatives, and checks the budgets.

mod life;
mod measure;
mod operation;
mod request;
mod settings;
mod stand_ins;
mod target;
mod testbed;
mod token;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use bench::{
    Problem,
    baseline::Baseline,
    budgets,
    counter::Counter,
    machine::Machine,
    package::zip_size,
    problem,
    report::{chart, markdown, table},
    results::{Measured, Results, Times},
    sandbox::Core,
    statistics::Spread,
};
use local::recording::{self, Environment};
use tokio::signal::unix::{SignalKind, signal};

use measure::Round;
use settings::Settings;
use target::Target;
use testbed::Testbed;

fn main() -> ExitCode {
    match run() {
        Ok(failed) if failed.is_empty() => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("\nFailed budgets:\n{}", failed.join("\n"));
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("make bench: {problem}.");
            ExitCode::from(2)
        }
    }
}

/// Measures, evaluates and reports. Returns the failed budgets.
fn run() -> Result<Vec<String>, Problem> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let mut results = match &settings.from {
        Some(file) => recording::read(file)?,
        None => measured(&settings)?,
    };
    let mut baseline = if settings.baseline.exists() { Baseline::read(&settings.baseline)? } else { Baseline::default() };
    if settings.update_baseline {
        baseline.update(&results);
        baseline.write(&settings.baseline)?;
    }
    results.verdicts = budgets::classify(&results, &baseline);
    let report =
        if settings.markdown { [markdown::text(&results), markdown::consumption(&results)].join("\n\n") } else { table::text(&results) };
    println!("{report}");
    if let Some(file) = &settings.json {
        recording::write(&results, file)?;
    }
    if let Some(file) = &settings.chart {
        std::fs::write(file, chart::svg(&results)?).map_err(|error| problem!("{}: {error}", file.display()))?;
    }
    Ok(table::failed(&results.verdicts))
}

fn measured(settings: &Settings) -> Result<Results, Problem> {
    let counter = if settings.quick { Counter::repeatable()? } else { Counter::detect()? };
    let machine = Machine { environment: Environment::here(), counter };
    // Before the first thread starts, so that no thread uses the core of the functions.
    let core = Core::reserve();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| problem!("no runtime: {error}"))?;
    runtime.block_on(async {
        let receive = |kind| signal(kind).map_err(|error| problem!("signals cannot be received: {error}"));
        let (mut terminated, mut hung_up) = (receive(SignalKind::terminate())?, receive(SignalKind::hangup())?);
        // Dropping the work ends the running process and removes its control group.
        tokio::select! {
            results = measure_all(settings, machine, core) => results,
            _ = tokio::signal::ctrl_c() => Err(problem!("interrupted")),
            _ = terminated.recv() => Err(problem!("terminated")),
            _ = hung_up.recv() => Err(problem!("the terminal was closed")),
        }
    })
}

async fn measure_all(settings: &Settings, machine: Machine, core: Option<Core>) -> Result<Results, Problem> {
    let targets = target::all(settings)?;

    // One unrecorded run puts every program into the page cache.
    let testbed = Testbed::new(core).await?;
    for target in &targets {
        measure::timed(&testbed, target, 1).await?;
    }
    let mut rounds = vec![Vec::new(); targets.len()];
    let mut firsts = vec![Vec::new(); targets.len()];
    for round in 1..=settings.rounds {
        eprintln!("Round {round} of {}.", settings.rounds);
        // The embedded engine looks through all records of its streams at each write: one that has served many rounds would exceed the
        // functions' time limits.
        let testbed = Testbed::new(core).await?;
        for (index, target) in targets.iter().enumerate() {
            rounds[index].push(measure::timed(&testbed, target, settings.requests.min(target.operation.max_requests())).await?);
            if !settings.quick {
                firsts[index].extend(measure::throttled(&testbed, target).await?);
            }
        }
    }
    let mut all = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        eprintln!("Instructions of {}, by {}.", target.id, machine.counter.name());
        let testbed = Testbed::new(core).await?;
        all.push(Measured {
            id: target.id.clone(),
            name: target.name.clone(),
            kind: target.kind,
            versions: target.versions.clone(),
            times: if settings.quick { None } else { times(&rounds[index], &firsts[index]) },
            peak_memory: Spread::of(rounds[index].iter().map(|round| round.memory)),
            memory_growth: Spread::of(rounds[index].iter().map(|round| round.memory_growth)),
            instructions: Some(measure::instructions(&testbed, target, machine.counter).await?),
            database: measure::database(&testbed, target).await?,
            binary: target.binary.as_ref().and_then(|binary| Some(binary.metadata().ok()?.len())),
            zip: zip(target)?,
        });
    }
    let testbed = Testbed::new(core).await?;
    let steps =
        if settings.only.as_deref().is_none_or(|only| only == "life") { life::steps(&testbed, settings).await? } else { BTreeMap::new() };
    let throttled = firsts.iter().any(|firsts| !firsts.is_empty());
    Ok(Results { machine, rounds: settings.rounds, requests: settings.requests, throttled, targets: all, steps, verdicts: Vec::new() })
}

fn times(rounds: &[Round], firsts: &[(Duration, Duration)]) -> Option<Times> {
    let of = |figure: fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
    Some(Times {
        init_ms: of(|round| round.init_ms)?,
        first_ms: of(|round| round.first_ms)?,
        first_cpu_ms: of(|round| round.first_cpu_ms)?,
        first_at_128_mb_ms: Spread::of(firsts.iter().map(|(all, _)| all.as_secs_f64() * 1e3)),
        first_at_128_mb_own_ms: Spread::of(firsts.iter().map(|(_, own)| own.as_secs_f64() * 1e3)),
        warm_p50_us: of(|round| round.p50_us)?,
        warm_p99_us: of(|round| round.p99_us)?,
        warm_cpu_us: of(|round| round.cpu_us)?,
    })
}

fn zip(target: &Target) -> Result<Option<u64>, Problem> {
    if target.package.is_empty() { Ok(None) } else { zip_size(&target.directory, &target.package).map(Some) }
}
