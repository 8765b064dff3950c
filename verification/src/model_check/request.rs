//! What a client of the model requests.

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// A new invitation for the address.
    Create,
    /// That the invitation be sent again.
    Resend,
    /// That it be taken back.
    Revoke,
    /// Yes, with the link that was sent before the beginning.
    Accept,
    /// No, with the same link.
    Decline,
}

/// An operation, and the idempotency key that it is sent with.
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
