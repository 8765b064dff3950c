//! One step at all sizes, in turns, so that the machine's load affects all of them alike.
//!
//! Each turn has another order of sizes: a size that always followed the largest one would find the same caches.

use std::collections::BTreeMap;

use bench::{Problem, problem};

use crate::{
    deployment::Deployment,
    result::{Consumed, SizeResult, StepResult},
    rng::Rng,
    steps::Step,
};

/// Turns before the measured ones.
const WARM_UP: u64 = 20;
/// Turns that count consumption and are not timed.
const COUNTED: u64 = 30;

/// The turns of a step that is timed `rounds` times.
pub(crate) fn turns(rounds: u64) -> u64 {
    WARM_UP + rounds + COUNTED
}

/// Times a step and counts its consumption.
pub(crate) async fn measure(deployments: &mut [Deployment], step: &Step, rounds: u64) -> Result<StepResult, Problem> {
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
    for (deployment, samples) in deployments.iter_mut().zip(samples) {
        let mut seen = Vec::new();
        for turn in WARM_UP + rounds..turns(rounds) {
            seen.push(deployment.consumed(step, turn).await?);
        }
        cells.push(SizeResult::new(deployment.account.size(), &samples, typical(&seen)?));
    }
    Ok(StepResult::new(step.name, step.timed, step.max_read, cells))
}

/// The numbers below `count`, in another order for each turn.
fn shuffled(count: usize, turn: u64) -> Vec<usize> {
    let mut rng = Rng::of(turn);
    let mut keyed: Vec<(u64, usize)> = (0..count).map(|number| (rng.next(), number)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, number)| number).collect()
}

/// The consumption of most turns. Once in 30 seconds a function reads its caller's key again, which costs one unit more.
fn typical(seen: &[Consumed]) -> Result<Consumed, Problem> {
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
