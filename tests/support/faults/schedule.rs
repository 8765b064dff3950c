//! Random faults.

use std::collections::BTreeMap;

use super::Fault;
use crate::random::Random;

/// Decides which faults are injected into which requests. Only the seed and the order of the requests determine it.
#[derive(Debug)]
pub(super) struct FaultSchedule {
    random: Random,
    chances: Vec<(Fault, u32)>,
    pub(super) injected: BTreeMap<&'static str, usize>,
    /// Those of reads, by the kind of the row's partition.
    pub(super) reads: BTreeMap<String, usize>,
}

impl FaultSchedule {
    /// The denominator of the chances.
    pub(super) const WHOLE: u32 = 10_000;

    pub(super) fn new(seed: u64, chances: Vec<(Fault, u32)>) -> Self {
        let sum: u32 = chances.iter().map(|(_, chance)| chance).sum();
        assert!(sum <= Self::WHOLE, "more faults than requests");
        Self { random: Random::new(seed), chances, injected: BTreeMap::new(), reads: BTreeMap::new() }
    }

    /// The fault of the next request, if it can have the one that is drawn. `read` is the kind of partition that it reads a row of.
    pub(super) fn draw(&mut self, operation: &str, read: Option<String>) -> Option<Fault> {
        let mut drawn = u32::try_from(self.random.below(Self::WHOLE as usize)).expect("a small number");
        for (fault, chance) in &self.chances {
            if drawn < *chance {
                if !fault.applies_to(operation) {
                    return None;
                }
                *self.injected.entry(fault.name()).or_default() += 1;
                if let Some(kind) = read {
                    *self.reads.entry(kind).or_default() += 1;
                }
                return Some(fault.clone());
            }
            drawn -= chance;
        }
        None
    }
}

impl Fault {
    fn applies_to(&self, operation: &str) -> bool {
        match self {
            Self::Cancelled(_) | Self::ConflictAfterwards | Self::LateConflict(_) | Self::Error(_, "TransactionInProgressException") => {
                operation == "TransactWriteItems"
            }
            Self::Dropped(_) => !["GetItem", "Query"].contains(&operation),
            _ => true,
        }
    }

    /// Its name in counts.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ConnectionRefused => "connection refused",
            Self::TimedOut => "timeout before sending",
            Self::ReplyLost => "reply lost after commit",
            Self::ErrorAfterwards => "500 after commit",
            Self::Error(_, "ThrottlingException") => "throttled",
            Self::Error(_, "TransactionInProgressException") => "transaction in progress",
            Self::Error(..) => "error, not executed",
            Self::Cancelled(_) => "transaction cancelled by a conflict",
            Self::ConflictAfterwards | Self::LateConflict(_) => "conflict reported after commit",
            Self::TruncatedReply => "reply truncated after commit",
            Self::NoReply => "no reply",
            Self::Late(_) => "late",
            Self::Duplicated(_) => "sent twice",
            Self::Crash => "process killed after commit",
            Self::Dropped(_) => "acknowledged, not executed",
            Self::Held(..) => "held up",
        }
    }
}
