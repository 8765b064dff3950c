//! The accounts of a simulation.

/// An account, and words that only its mails may hold.
pub(super) struct Account {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) key: String,
}
