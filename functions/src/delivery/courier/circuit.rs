//! A circuit breaker: stops calling a service that is down.

use std::sync::{Mutex, PoisonError};

use shared::domain::Timestamp;

/// While open, the service is not called.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<Option<Timestamp>>);

impl Circuit {
    /// The time until which the circuit is open, if it is open now.
    pub(super) fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > now)
    }

    /// Opens the circuit until this time; `None` closes it.
    pub(super) fn set(&self, open_until: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = open_until;
    }
}
