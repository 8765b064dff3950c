//! Whether a service is asked at all.

use std::sync::{Mutex, PoisonError};

use shared::domain::Timestamp;

/// Until when a service is not asked, after it has turned out that it does nothing for anybody.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<Option<Timestamp>>);

impl Circuit {
    /// Until when not to ask, if that is so now.
    pub(super) fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > now)
    }

    /// Asks no more until then; with `None`, asks again.
    pub(super) fn set(&self, open_until: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = open_until;
    }
}
