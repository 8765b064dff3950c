//! The four ways to run a target: for its times, throttled, for its instructions, for its DynamoDB requests.

use std::{collections::BTreeMap, time::Duration};

use bench::{
    Problem,
    counter::Counter,
    dynamodb::{Capacity, Counts},
    problem,
    results::{Database, Instructions},
    statistics::{Spread, percentile},
};

use crate::{operation::Operation, target::Target, testbed::Testbed};

/// Warm requests of a run that counts DynamoDB requests. A few show that they are all alike.
const COUNTED: u32 = 10;
/// Warm requests of a run that counts instructions. The first response and the end of the process are in both runs, so that this
/// many are enough for a figure that differs by less than 1 % between runs.
const INSTRUMENTED: u32 = 100;

/// The figures of one timed process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) init_ms: f64,
    pub(crate) first_ms: f64,
    pub(crate) first_cpu_ms: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us: f64,
    pub(crate) memory: f64,
    pub(crate) memory_growth: f64,
}

/// Times an unthrottled process: the first request, then `requests` warm ones.
pub(crate) async fn timed(testbed: &Testbed, target: &Target, requests: u32) -> Result<Round, Problem> {
    let mut run = testbed.start(target, requests as usize + 1, Vec::new()).await?;
    let init_ms = run.sandbox.init().as_secs_f64() * 1e3;
    let idle = run.sandbox.cpu_time()?;
    let first_ms = testbed.send(&mut run, target).await?.as_secs_f64() * 1e3;
    run.sandbox.idle().await?;
    let before = run.sandbox.cpu_time()?;
    let first_cpu_ms = (before - idle).as_secs_f64() * 1e3;
    let mut warm = Vec::with_capacity(requests as usize);
    let mut at_half = 0;
    for number in 0..requests {
        if number == requests / 2 {
            at_half = run.sandbox.peak_memory()?;
        }
        warm.push(testbed.send(&mut run, target).await?.as_secs_f64() * 1e6);
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
        memory_growth: memory / at_half as f64,
    })
}

/// The first request with the processor share of 128 MB: in total, and without the engine's time. None if this machine does
/// not support that.
pub(crate) async fn throttled(testbed: &Testbed, target: &Target) -> Result<Option<(Duration, Duration)>, Problem> {
    let mut run = testbed.start(target, 1, Vec::new()).await?;
    let mut took = None;
    if run.sandbox.throttle() {
        testbed.database.reset_counts();
        let all = testbed.send(&mut run, target).await?;
        took = Some((all, all.saturating_sub(testbed.database.counts().engine)));
    }
    run.sandbox.stop().await?;
    Ok(took)
}

/// Instructions to the first response, and per warm request: the difference of a long run and a short one.
pub(crate) async fn instructions(testbed: &Testbed, target: &Target, counter: Counter) -> Result<Instructions, Problem> {
    // An interpreter takes half a minute per run under an emulated processor. Programs run five times, and the minimum counts:
    // on a busy machine a deadline can pass in the emulated processor, and retries only add instructions.
    let (runs, requests) = if target.binary.is_some() { (5, INSTRUMENTED) } else { (1, 20) };
    let requests = requests.min(target.operation.max_requests());
    let mut firsts = Vec::new();
    for _ in 0..runs {
        firsts.push(total(testbed, target, counter, 1).await?);
    }
    let first = Spread::of(firsts).ok_or_else(|| problem!("{}: no instructions were counted", target.id))?.min;
    let all = total(testbed, target, counter, 1 + requests).await?;
    Ok(Instructions { first, warm: (all - first) / f64::from(requests), requests })
}

async fn total(testbed: &Testbed, target: &Target, counter: Counter, requests: u32) -> Result<f64, Problem> {
    let file = testbed.directory.path().join("instructions");
    let mut run = testbed.start(target, requests as usize, counter.instrument(&file)).await?;
    for _ in 0..requests {
        testbed.send(&mut run, target).await?;
    }
    run.sandbox.idle().await?;
    run.sandbox.stop().await?;
    counter.read(&file).map(|count| count as f64)
}

/// The DynamoDB requests during init, of the first event and of a warm one. None for a target that makes none.
pub(crate) async fn database(testbed: &Testbed, target: &Target) -> Result<Option<Database>, Problem> {
    if target.operation == Operation::Hello {
        return Ok(None);
    }
    testbed.database.count_capacity(true);
    let counted = count(testbed, target).await;
    testbed.database.count_capacity(false);
    let [init, first, warm] = counted?;
    let events = f64::from(counted_requests(target));
    Ok(Some(Database {
        init_handshakes: init.handshakes,
        init_requests: requests(&init, 1.0),
        first_handshakes: first.handshakes,
        first_requests: requests(&first, 1.0),
        warm_requests: requests(&warm, events),
        warm_capacity: Capacity { read: warm.capacity.read / events, write: warm.capacity.write / events },
    }))
}

/// Few enough that a function still remembers the settings of the account, for half a minute, on a slow machine.
fn counted_requests(target: &Target) -> u32 {
    COUNTED.min(target.operation.max_requests())
}

async fn count(testbed: &Testbed, target: &Target) -> Result<[Counts; 3], Problem> {
    testbed.database.reset_counts();
    let warm = counted_requests(target);
    let mut run = testbed.start(target, warm as usize + 1, Vec::new()).await?;
    let mut counts = [Counts::default(), Counts::default(), Counts::default()];
    for (phase, requests) in counts.iter_mut().zip([0, 1, warm]) {
        for _ in 0..requests {
            testbed.send(&mut run, target).await?;
        }
        run.sandbox.idle().await?;
        *phase = testbed.database.counts();
        testbed.database.reset_counts();
    }
    run.sandbox.stop().await?;
    Ok(counts)
}

fn requests(counts: &Counts, events: f64) -> BTreeMap<String, f64> {
    counts.requests.iter().map(|(operation, &count)| (operation.clone(), count as f64 / events)).collect()
}
