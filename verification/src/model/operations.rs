//! The operations of callers and invitees.

use std::sync::Arc;

/// Who acts for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its URN.
    pub urn: Arc<str>,
    /// Whether its role may create and change invitations.
    pub may_write: bool,
}

/// A request that changes something and may carry an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// Invite an address.
    Create {
        /// The normalized address.
        email: Arc<str>,
    },
    /// Change an invitation.
    Modify {
        /// The invitation's id.
        id: Arc<str>,
        /// The change.
        action: Action,
    },
}

impl Request {
    /// The scope of an idempotency key, beside the caller.
    #[must_use]
    pub fn route(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Modify { .. } => "modify",
        }
    }
}

/// An account's change to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// No body.
    Resend,
    /// `{"state": "invited"}`.
    Invite,
    /// `{"state": "revoked"}`.
    Revoke,
}

/// An invitee's use of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkAction {
    /// Show the invitation.
    Lookup,
    /// Accept it.
    Accept,
    /// Decline it.
    Decline,
}

impl LinkAction {
    /// The last part of its route.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Accept => "accept",
            Self::Decline => "decline",
        }
    }

    /// The final state that it leads to.
    #[must_use]
    pub fn closing(self) -> Option<Closing> {
        match self {
            Self::Lookup => None,
            Self::Accept => Some(Closing::Accepted),
            Self::Decline => Some(Closing::Declined),
        }
    }
}

/// A final state of an invitation.
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
    /// A change by an account.
    Request {
        /// Who requests it. Its idempotency keys are its own.
        caller: Caller,
        /// The change.
        request: Request,
        /// The idempotency key.
        key: Option<Arc<str>>,
    },
    /// Show an invitation.
    Describe {
        /// The invitation's id.
        id: Arc<str>,
    },
    /// Use a link.
    UseLink {
        /// The action.
        action: LinkAction,
        /// The id in the link.
        id: Arc<str>,
        /// The hash of the link's secret in hexadecimal digits, which distinguishes it from earlier and later links.
        link: Arc<str>,
    },
}
