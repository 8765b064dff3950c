//! The counters of a simulation.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counter {
    Invitations,
    Bulks,
    BulksUnanswered,
    BulkRows,
    Sendings,
    NeverEmailed,
    /// Sends of invitations that were open in a period without faults, so that their email is due.
    Due,
    Emails,
    Reminders,
    LinksOpened,
    Records,
    RecordsLost,
    RecordsDuplicated,
    RecordsOutOfOrder,
    BatchesRetried,
    BatchesGivenUp,
    Crashes,
    Throttled,
    Paused,
    Failed,
    RepliesLost,
    BusRefusals,
    TableFaults,
    Lost,
    /// Lost emails that no courier ever tried to send.
    NeverTried,
    SecondCopies,
    CopiesReplyLost,
    CopiesCrashed,
    CopiesRecordFailed,
    CopiesUnexplained,
    Claims,
    InvalidClaims,
    EventsPublished,
    EventsRepublished,
    EventsLost,
    Reports,
    Expired,
    Jumps,
}

/// Counts shared by all tasks of a simulation.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(Arc<Mutex<BTreeMap<Counter, u64>>>);

impl Counts {
    pub(super) fn add(&self, counter: Counter, count: usize) {
        *self.lock().entry(counter).or_default() += u64::try_from(count).unwrap_or(u64::MAX);
    }

    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.lock().get(&counter).copied().unwrap_or_default()
    }

    pub(super) fn merge(&self, other: &Self) {
        for (counter, count) in other.lock().iter() {
            *self.lock().entry(*counter).or_default() += count;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Counter, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
