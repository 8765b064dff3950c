//! The four ways to run a subject: for its times, throttled, for its instructions, for what it asks of DynamoDB.

use std::{collections::BTreeMap, time::Duration};

use bench::{
    Problem,
    counter::Counter,
    dynamodb::{Capacity, Counts},
    problem,
    results::{Database, Instructions},
    statistics::{Spread, percentile},
};

use crate::{operation::Operation, stage::Stage, subject::Subject};

/// Warm requests of a run that counts requests. They are all alike, so few suffice; more than one, to see that they are.
const COUNTED: u32 = 10;

/// Figures of one process that was timed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) init_ms: f64,
    pub(crate) first_ms: f64,
    pub(crate) first_cpu_ms: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us: f64,
    pub(crate) memory: f64,
}

/// A process with nothing in its way: the first request, then `requests` warm ones.
pub(crate) async fn timed(stage: &Stage, subject: &Subject, requests: u32) -> Result<Round, Problem> {
    let mut run = stage.start(subject, requests as usize + 1, Vec::new()).await?;
    let init_ms = run.sandbox.init().as_secs_f64() * 1e3;
    let idle = run.sandbox.cpu_time()?;
    let first_ms = stage.ask(&mut run, subject).await?.as_secs_f64() * 1e3;
    run.sandbox.idle().await?;
    let before = run.sandbox.cpu_time()?;
    let first_cpu_ms = (before - idle).as_secs_f64() * 1e3;
    let mut warm = Vec::with_capacity(requests as usize);
    for _ in 0..requests {
        warm.push(stage.ask(&mut run, subject).await?.as_secs_f64() * 1e6);
    }
    run.sandbox.idle().await?;
    let cpu = run.sandbox.cpu_time()? - before;
    let memory = run.sandbox.peak_memory()? as f64;
    run.sandbox.stop().await?;
    let of = |share| percentile(warm.iter().copied(), share).unwrap_or_default();
    Ok(Round {
        init_ms,
        first_ms,
        first_cpu_ms,
        p50_us: of(0.5),
        p99_us: of(0.99),
        cpu_us: cpu.as_secs_f64() * 1e6 / f64::from(requests),
        memory,
    })
}

/// The first request with the processor share of 128 MB: in all, and without the engine's time. None where this machine
/// cannot do that.
pub(crate) async fn throttled(stage: &Stage, subject: &Subject) -> Result<Option<(Duration, Duration)>, Problem> {
    let mut run = stage.start(subject, 1, Vec::new()).await?;
    let mut took = None;
    if run.sandbox.throttle() {
        stage.database.reset_counts();
        let all = stage.ask(&mut run, subject).await?;
        took = Some((all, all.saturating_sub(stage.database.counts().engine)));
    }
    run.sandbox.stop().await?;
    Ok(took)
}

/// Instructions to the first response, and per warm request: the difference of a long run and a short one.
pub(crate) async fn instructions(stage: &Stage, subject: &Subject, counter: Counter) -> Result<Instructions, Problem> {
    // An interpreter takes half a minute for each run under an emulated processor. Programs are run five times, and the least
    // counts: under an emulated processor a busy machine can make a deadline pass, and what is tried again only adds.
    let (runs, requests) = if subject.binary.is_some() { (5, 200) } else { (1, 20) };
    let mut firsts = Vec::new();
    for _ in 0..runs {
        firsts.push(total(stage, subject, counter, 1).await?);
    }
    let first = Spread::of(firsts).ok_or_else(|| problem!("{}: nothing was counted", subject.id))?.min;
    let all = total(stage, subject, counter, 1 + requests).await?;
    Ok(Instructions { first, warm: (all - first) / f64::from(requests), requests })
}

async fn total(stage: &Stage, subject: &Subject, counter: Counter, requests: u32) -> Result<f64, Problem> {
    let file = stage.directory.path().join("instructions");
    let mut run = stage.start(subject, requests as usize, counter.instrument(&file)).await?;
    for _ in 0..requests {
        stage.ask(&mut run, subject).await?;
    }
    run.sandbox.idle().await?;
    run.sandbox.stop().await?;
    counter.read(&file).map(|count| count as f64)
}

/// What is asked of DynamoDB during init, by the first request and by a warm one. None for who asks nothing.
pub(crate) async fn database(stage: &Stage, subject: &Subject) -> Result<Option<Database>, Problem> {
    if subject.operation == Operation::Hello {
        return Ok(None);
    }
    stage.database.count_capacity(true);
    let counted = count(stage, subject).await;
    stage.database.count_capacity(false);
    let [init, first, warm] = counted?;
    let events = f64::from(COUNTED);
    Ok(Some(Database {
        init_handshakes: init.handshakes,
        init_requests: requests(&init, 1.0),
        first_handshakes: first.handshakes,
        first_requests: requests(&first, 1.0),
        warm_requests: requests(&warm, events),
        warm_capacity: Capacity { read: warm.capacity.read / events, write: warm.capacity.write / events },
    }))
}

async fn count(stage: &Stage, subject: &Subject) -> Result<[Counts; 3], Problem> {
    stage.database.reset_counts();
    let mut run = stage.start(subject, COUNTED as usize + 1, Vec::new()).await?;
    let mut counts = [Counts::default(), Counts::default(), Counts::default()];
    for (phase, requests) in counts.iter_mut().zip([0, 1, COUNTED]) {
        for _ in 0..requests {
            stage.ask(&mut run, subject).await?;
        }
        run.sandbox.idle().await?;
        *phase = stage.database.counts();
        stage.database.reset_counts();
    }
    run.sandbox.stop().await?;
    Ok(counts)
}

fn requests(counts: &Counts, events: f64) -> BTreeMap<String, f64> {
    counts.requests.iter().map(|(operation, &count)| (operation.clone(), count as f64 / events)).collect()
}
