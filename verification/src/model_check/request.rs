//! The requests of the model's clients.

/// The operation of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Create an invitation for the address.
    Create,
    /// Resend the initial invitation.
    Resend,
    /// Revoke it.
    Revoke,
    /// Accept it with the initial link.
    Accept,
    /// Decline it with the initial link.
    Decline,
}

/// An operation with its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) key: Option<usize>,
}

impl Request {
    pub(super) fn new(kind: Kind, key: Option<usize>) -> Self {
        Self { kind, key }
    }
}
