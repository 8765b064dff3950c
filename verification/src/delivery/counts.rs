//! What a world counts while it runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Invitations,
    Sendings,
    NeverMailed,
    /// Sendings that were open in calm schedule, so that their mail is owed.
    Owed,
    Mails,
    LinksOpened,
    Records,
    RecordsLost,
    RecordsTwice,
    RecordsOutOfOrder,
    BatchesAgain,
    BatchesGivenUp,
    Killed,
    Throttled,
    Paused,
    Failing,
    RepliesLost,
    BusRefusals,
    TableFaults,
    Lost,
    /// Of those, the ones that no courier has ever seen.
    NeverTried,
    SecondCopies,
    CopiesReplyLost,
    CopiesDied,
    CopiesNoteRefused,
    CopiesOutside,
    Claims,
    ClaimsOfNothing,
    EventsTold,
    EventsTwice,
    EventsLost,
    Reports,
    Expired,
    Jumps,
}

/// Counts that many hands add to.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(Arc<Mutex<BTreeMap<What, u64>>>);

impl Counts {
    pub(super) fn add(&self, what: What, how_many: usize) {
        *self.lock().entry(what).or_default() += u64::try_from(how_many).unwrap_or(u64::MAX);
    }

    pub(super) fn get(&self, what: What) -> u64 {
        self.lock().get(&what).copied().unwrap_or_default()
    }

    pub(super) fn take_in(&self, other: &Self) {
        for (what, how_many) in other.lock().iter() {
            *self.lock().entry(*what).or_default() += how_many;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<What, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
