//! What was measured, and the gate.

use std::time::Duration;

use bench::statistics::percentile;
use serde::Serialize;

/// The same request may take this much longer in the largest account than in the smallest.
pub(crate) const BAR: f64 = 1.2;
/// What we would like.
pub(crate) const STRETCH: f64 = 1.05;

/// One invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// From handing the event over to having the answer.
    pub(crate) total: Duration,
    /// Of that: waiting for the engine.
    pub(crate) engine: Duration,
}

/// Microseconds: what 10, 50 and 99 of 100 stay below. The first hardly knows what else the machine does.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Micros {
    pub(crate) p10: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Micros {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e6).collect();
        let at = |share| percentile(times.iter().copied(), share).unwrap_or_default().round();
        Self { p10: at(0.1), p50: at(0.5), p99: at(0.99) }
    }
}

/// What one request of a step consumes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Consumed {
    /// Requests to DynamoDB.
    pub(crate) requests: u64,
    /// Read units.
    pub(crate) read: f64,
    /// Write units.
    pub(crate) write: f64,
}

/// A step at one size.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    /// How many invitations the account has.
    pub(crate) invitations: u64,
    /// The whole invocation.
    pub(crate) total: Micros,
    /// The part of it that the engine took.
    pub(crate) engine: Micros,
    /// The rest: the function, and the way to and from it.
    pub(crate) service: Micros,
    /// What it consumes.
    pub(crate) consumed: Consumed,
}

impl Cell {
    pub(crate) fn new(invitations: u64, samples: &[Sample], consumed: Consumed) -> Self {
        Self {
            invitations,
            total: Micros::of(samples.iter().map(|sample| sample.total)),
            engine: Micros::of(samples.iter().map(|sample| sample.engine)),
            service: Micros::of(samples.iter().map(|sample| sample.total.saturating_sub(sample.engine))),
            consumed,
        }
    }
}

/// A step at all sizes, smallest first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) step: &'static str,
    pub(crate) sizes: Vec<Cell>,
    /// The medians of the largest account over those of the smallest.
    pub(crate) growth: Growth,
    /// The same of the fastest tenth, which other programs on the machine hardly disturb. Reported, not judged.
    pub(crate) growth_undisturbed: Growth,
    /// Whether the gate looks at the time: at reading and creating. What it consumes, it looks at always.
    pub(crate) timed: bool,
    pub(crate) same_consumption: bool,
}

/// How much longer something takes in the largest account.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Growth {
    pub(crate) total: f64,
    pub(crate) engine: f64,
    pub(crate) service: f64,
}

impl Growth {
    /// From the least to the most, by one of their times, to three places.
    fn between(least: &Cell, most: &Cell, time: fn(&Micros) -> f64) -> Self {
        let factor = |most: &Micros, least: &Micros| (time(most) / time(least) * 1e3).round() / 1e3;
        Self {
            total: factor(&most.total, &least.total),
            engine: factor(&most.engine, &least.engine),
            service: factor(&most.service, &least.service),
        }
    }
}

impl Row {
    pub(crate) fn new(step: &'static str, timed: bool, sizes: Vec<Cell>) -> Self {
        let between = |time: fn(&Micros) -> f64| match (sizes.first(), sizes.last()) {
            (Some(least), Some(most)) => Growth::between(least, most, time),
            _ => Growth::default(),
        };
        let (growth, growth_undisturbed) = (between(|micros| micros.p50), between(|micros| micros.p10));
        let same_consumption = sizes.windows(2).all(|pair| pair[0].consumed == pair[1].consumed);
        Self { step, sizes, growth, growth_undisturbed, timed, same_consumption }
    }

    /// Whether the step is as fast and as cheap in the largest account as it has to be.
    pub(crate) fn passes(&self) -> bool {
        self.same_consumption && (self.growth.total <= BAR || !self.timed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(invitations: u64, micros: u64, read: f64) -> Cell {
        let sample = Sample { total: Duration::from_micros(micros), engine: Duration::from_micros(micros / 2) };
        Cell::new(invitations, &[sample; 3], Consumed { requests: 1, read, write: 0.0 })
    }

    fn passes(timed: bool, least: Cell, most: Cell) -> bool {
        Row::new("step", timed, vec![least, most]).passes()
    }

    #[test]
    fn the_gate_is_at_a_fifth_more() {
        assert!(passes(true, cell(1_000, 1_000, 1.0), cell(1_000_000, 1_200, 1.0)));
        assert!(!passes(true, cell(1_000, 1_000, 1.0), cell(1_000_000, 1_202, 1.0)));
        assert!(passes(false, cell(1_000, 1_000, 1.0), cell(1_000_000, 9_000, 1.0)));
    }

    #[test]
    fn the_gate_forgives_no_unit() {
        assert!(!passes(true, cell(1_000, 1_000, 1.0), cell(1_000_000, 900, 1.5)));
        assert!(!passes(false, cell(1_000, 1_000, 1.0), cell(1_000_000, 900, 0.5)));
    }
}
