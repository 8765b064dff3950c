//! `make bench-scale`: checks that a request costs the same in an account of a million invitations as in one of a thousand.
//!
//! There are three tables, each with 10,000 small accounts and one of 1,000, 100,000 or 1,000,000 invitations. The release
//! functions handle the same requests on each, in turns. Time and consumed capacity must stay flat; see `docs/scale.md`.

mod account;
mod deployment;
mod load;
mod measure;
mod plot;
mod population;
mod result;
mod rng;
mod schema_check;
mod settings;
mod snapshots;
mod steps;
mod table;

use std::{fs, path::Path, process::ExitCode, time::Instant};

use bench::{Problem, problem, sandbox::peak_memory};
use rustix::process::getpid;
use serde_json::json;

use crate::{deployment::Deployment, result::StepResult, settings::Settings, steps::STEPS};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("bench-scale: {problem}.");
            ExitCode::from(2)
        }
    }
}

/// Whether all steps are within their limits.
async fn run() -> Result<bool, Problem> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let started = Instant::now();
    let snapshots = snapshots::create(&settings).await?;
    let loaded = started.elapsed();
    println!("Loaded in {} s; the largest table takes {:.1} GB.", loaded.as_secs(), snapshots.largest as f64 / 1e9);

    let mut deployments = Vec::new();
    for (file, size) in &snapshots.files {
        deployments.push(Deployment::open(file, &settings.functions, snapshots.fixture.clone(), snapshots.account(*size)).await?);
    }
    if let Some(few) =
        deployments.iter().map(|deployment| deployment.account.open()).min().filter(|open| *open < measure::turns(settings.rounds))
    {
        return Err(problem!("{few} open invitations are too few to revoke one in each turn"));
    }
    let mut rows = Vec::new();
    let load_before = load_average();
    for step in &STEPS {
        rows.push(measure::measure(&mut deployments, step, settings.rounds).await?);
        eprintln!("{} of {}: {}", rows.len(), STEPS.len(), step.name);
    }
    for deployment in deployments {
        deployment.close().await?;
    }
    let passed = rows.iter().all(StepResult::passes);
    let table = table::table(&rows);
    println!("{table}");
    println!("{} in {} s.", if passed { "Flat" } else { "NOT flat" }, started.elapsed().as_secs());

    let report = json!({
        "measured": snapshots.now.to_string(),
        "rounds": settings.rounds,
        "sizes": snapshots.files.iter().map(|(_, size)| size).collect::<Vec<_>>(),
        "loadSeconds": loaded.as_secs(),
        "runSeconds": started.elapsed().as_secs(),
        "largestTableBytes": snapshots.largest,
        // Engines included.
        "peakMemoryBytes": peak_memory(getpid()).ok(),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "loadAverage": [load_before, load_average()],
        "bytes": snapshots.footprint,
        "bar": result::MAX_GROWTH,
        "passed": passed,
        "steps": rows,
        "table": table,
    });
    write(&settings.out, "growth.json", &format!("{report:#}\n"))?;
    write(&settings.out, "growth.svg", &plot::svg(&rows))?;
    Ok(passed)
}

fn write(directory: &Path, name: &str, text: &str) -> Result<(), Problem> {
    let file = directory.join(name);
    fs::create_dir_all(directory).and_then(|()| fs::write(&file, text)).map_err(|error| problem!("{}: {error}", file.display()))
}

/// The load average. Above the number of cores, other programs dominate the times.
fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
