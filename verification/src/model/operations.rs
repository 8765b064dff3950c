//! What callers and invitees do.

use std::sync::Arc;

/// A request that changes something and may carry an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// Invite an address.
    Create {
        /// In its normal form.
        email: Arc<str>,
    },
    /// Change an invitation.
    Modify {
        /// Which.
        id: Arc<str>,
        /// How.
        action: Action,
    },
}

impl Request {
    /// What a key is kept for, beside the caller.
    #[must_use]
    pub fn route(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Modify { .. } => "modify",
        }
    }
}

/// What an account wants of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// No body.
    Resend,
    /// `{"state": "invited"}`.
    Invite,
    /// `{"state": "revoked"}`.
    Revoke,
}

/// What an invitee does with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Look.
    Lookup,
    /// Say yes.
    Accept,
    /// Say no.
    Decline,
}

impl Answer {
    /// The last part of its route.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Accept => "accept",
            Self::Decline => "decline",
        }
    }

    /// How it closes an invitation.
    #[must_use]
    pub fn closing(self) -> Option<Closing> {
        match self {
            Self::Lookup => None,
            Self::Accept => Some(Closing::Accepted),
            Self::Decline => Some(Closing::Declined),
        }
    }
}

/// How an invitation ends for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closing {
    /// By its invitee.
    Accepted,
    /// By its invitee.
    Declined,
    /// By its account.
    Revoked,
}

impl Closing {
    /// The state that callers see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
        }
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// With or without an idempotency key.
    Request {
        /// What for.
        request: Request,
        /// The key.
        key: Option<Arc<str>>,
    },
    /// Look at an invitation.
    Describe {
        /// Which.
        id: Arc<str>,
    },
    /// Use a link.
    Hold {
        /// What for.
        answer: Answer,
        /// The invitation that it names.
        id: Arc<str>,
        /// What tells it from the links before and after it: its secret's hash, in hexadecimal digits.
        link: Arc<str>,
    },
}
