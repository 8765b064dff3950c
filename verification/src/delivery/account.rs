//! The accounts of a simulation.

use shared::domain::Timestamp;

/// An account, with a name that only its emails may contain.
pub(super) struct Account {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) key: String,
    /// Its external id, and from which events on they carry it.
    pub(super) external: Option<(&'static str, Timestamp)>,
}
