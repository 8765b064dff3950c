//! One step at all sizes, by turns, so that whatever else the machine does meets all of them.
//!
//! In each turn the sizes come in another order: one that always followed the largest would find the caches as that left them.

use std::collections::BTreeMap;

use bench::{Problem, problem};

use crate::{
    deployment::Deployment,
    result::{Cell, Consumed, Row},
    rng::Rng,
    steps::Step,
};

/// Turns before the ones that count.
const WARM_UP: u64 = 20;
/// Turns of which it is counted what they consume. They are not timed.
const COUNTED: u64 = 30;

/// How many turns a step takes that is timed `rounds` times.
pub(crate) fn turns(rounds: u64) -> u64 {
    WARM_UP + rounds + COUNTED
}

/// Times a step and counts what it consumes.
pub(crate) async fn measure(deployments: &mut [Deployment], step: &Step, rounds: u64) -> Result<Row, Problem> {
    let mut samples: Vec<Vec<_>> = deployments.iter().map(|_| Vec::new()).collect();
    for turn in 0..WARM_UP + rounds {
        for which in shuffled(deployments.len(), turn) {
            let sample = deployments[which].sample(step, turn).await?;
            if turn >= WARM_UP {
                samples[which].push(sample);
            }
        }
    }
    let mut cells = Vec::new();
    for (fixture, samples) in deployments.iter_mut().zip(samples) {
        let mut seen = Vec::new();
        for turn in WARM_UP + rounds..turns(rounds) {
            seen.push(fixture.consumed(step, turn).await?);
        }
        cells.push(Cell::new(fixture.accounts.size(), &samples, usual(&seen)?));
    }
    Ok(Row::new(step.name, step.timed, cells))
}

/// The numbers below `count`, in an order that differs from turn to turn.
fn shuffled(count: usize, turn: u64) -> Vec<usize> {
    let mut rng = Rng::of(turn);
    let mut keyed: Vec<(u64, usize)> = (0..count).map(|number| (rng.next(), number)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, number)| number).collect()
}

/// What most turns consume. Once in 30 seconds a function reads its caller's key anew, and that one costs a unit more.
fn usual(seen: &[Consumed]) -> Result<Consumed, Problem> {
    let mut often: BTreeMap<String, (usize, Consumed)> = BTreeMap::new();
    for consumed in seen {
        often.entry(format!("{consumed:?}")).or_insert((0, *consumed)).0 += 1;
    }
    let (times, consumed) = often.into_values().max_by_key(|(times, _)| *times).ok_or_else(|| problem!("nothing was counted"))?;
    if times + 2 < seen.len() {
        return Err(problem!("requests of one kind consume different amounts: {seen:?}"));
    }
    Ok(consumed)
}
