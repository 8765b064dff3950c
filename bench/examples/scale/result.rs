//! The figures, and their limits.

use std::time::Duration;

use bench::statistics::percentile;
use serde::Serialize;

/// The limit: the largest account's time for a request as a multiple of the smallest one's.
pub(crate) const MAX_GROWTH: f64 = 1.2;
/// The goal, which is stricter than the limit.
pub(crate) const GOAL: f64 = 1.05;

/// One invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// From the delivery of the event to the response.
    pub(crate) total: Duration,
    /// The engine's part of it.
    pub(crate) engine: Duration,
}

/// Percentiles in microseconds. The 10th hardly depends on the machine's load.
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

/// The consumption of one request of a step.
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
pub(crate) struct SizeResult {
    /// The number of invitations in the account.
    pub(crate) invitations: u64,
    /// The whole invocation.
    pub(crate) total: Micros,
    /// The engine's part of it.
    pub(crate) engine: Micros,
    /// The rest: the function and its transport.
    pub(crate) service: Micros,
    /// Its consumption.
    pub(crate) consumed: Consumed,
}

impl SizeResult {
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
pub(crate) struct StepResult {
    pub(crate) step: &'static str,
    pub(crate) sizes: Vec<SizeResult>,
    /// The medians of the largest account divided by those of the smallest.
    pub(crate) growth: Growth,
    /// The same for the 10th percentiles, which hardly depend on the machine's load. Advisory.
    pub(crate) growth_undisturbed: Growth,
    /// Whether its time is limited, as for reading and creating. Consumption is always limited.
    pub(crate) timed: bool,
    /// The read units that it may consume.
    pub(crate) max_read: f64,
    pub(crate) same_consumption: bool,
}

/// The growth of times from the smallest to the largest account.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Growth {
    pub(crate) total: f64,
    pub(crate) engine: f64,
    pub(crate) service: f64,
}

impl Growth {
    /// The growth of one percentile, to three decimals.
    fn between(smallest: &SizeResult, largest: &SizeResult, time: fn(&Micros) -> f64) -> Self {
        let factor = |largest: &Micros, smallest: &Micros| (time(largest) / time(smallest) * 1e3).round() / 1e3;
        Self {
            total: factor(&largest.total, &smallest.total),
            engine: factor(&largest.engine, &smallest.engine),
            service: factor(&largest.service, &smallest.service),
        }
    }
}

impl StepResult {
    pub(crate) fn new(step: &'static str, timed: bool, max_read: f64, sizes: Vec<SizeResult>) -> Self {
        let between = |time: fn(&Micros) -> f64| match (sizes.first(), sizes.last()) {
            (Some(smallest), Some(largest)) => Growth::between(smallest, largest, time),
            _ => Growth::default(),
        };
        let (growth, growth_undisturbed) = (between(|micros| micros.p50), between(|micros| micros.p10));
        let same_consumption = sizes.windows(2).all(|pair| pair[0].consumed == pair[1].consumed);
        Self { step, sizes, growth, growth_undisturbed, timed, max_read, same_consumption }
    }

    /// Whether the step is fast and cheap enough in the largest account.
    pub(crate) fn passes(&self) -> bool {
        let cheap = self.sizes.iter().all(|size| size.consumed.read <= self.max_read);
        self.same_consumption && cheap && (self.growth.total <= MAX_GROWTH || !self.timed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(invitations: u64, micros: u64, read: f64) -> SizeResult {
        let sample = Sample { total: Duration::from_micros(micros), engine: Duration::from_micros(micros / 2) };
        SizeResult::new(invitations, &[sample; 3], Consumed { requests: 1, read, write: 0.0 })
    }

    fn passes(timed: bool, smallest: SizeResult, largest: SizeResult) -> bool {
        StepResult::new("step", timed, 3.0, vec![smallest, largest]).passes()
    }

    #[test]
    fn a_fifth_more_time_is_allowed() {
        assert!(passes(true, cell(1_000, 1_000, 1.0), cell(1_000_000, 1_200, 1.0)));
        assert!(!passes(true, cell(1_000, 1_000, 1.0), cell(1_000_000, 1_202, 1.0)));
        assert!(passes(false, cell(1_000, 1_000, 1.0), cell(1_000_000, 9_000, 1.0)));
    }

    #[test]
    fn more_read_units_than_the_limit_are_not_allowed() {
        assert!(passes(true, cell(1_000, 1_000, 3.0), cell(1_000_000, 1_000, 3.0)));
        assert!(!passes(true, cell(1_000, 1_000, 3.5), cell(1_000_000, 1_000, 3.5)));
    }

    #[test]
    fn no_additional_unit_is_allowed() {
        assert!(!passes(true, cell(1_000, 1_000, 1.0), cell(1_000_000, 900, 1.5)));
        assert!(!passes(false, cell(1_000, 1_000, 1.0), cell(1_000_000, 900, 0.5)));
    }
}
