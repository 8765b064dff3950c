//! The accounts of a simulation.

/// An account, with a name that only its emails may contain.
pub(super) struct Account {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) key: String,
}
