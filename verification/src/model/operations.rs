//! The operations of callers and invitees.

use std::sync::Arc;

use super::state::Millis;

/// Who acts for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its URN.
    pub urn: Arc<str>,
    /// Whether its role may create and change invitations.
    pub may_write: bool,
}

/// A person who has signed in and whose address is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitee {
    /// Their URN in the account of the invitation.
    pub urn: Arc<str>,
    /// The normalized address.
    pub email: Arc<str>,
}

/// What gives an invitee access to an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A link: the hash of its secret in base64url, which distinguishes it from earlier and later links, and the person who uses
    /// it, if they have signed in.
    Link(Arc<str>, Option<Invitee>),
    /// The address, without a link.
    Address(Invitee),
}

impl Access {
    /// The person, if they have signed in.
    #[must_use]
    pub fn invitee(&self) -> Option<&Invitee> {
        match self {
            Self::Link(_, invitee) => invitee.as_ref(),
            Self::Address(invitee) => Some(invitee),
        }
    }
}

/// A request that changes something and may carry an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// Invite an address.
    Create {
        /// The normalized address.
        email: Arc<str>,
        /// Whether the caller gets the link, instead of the invitee by email.
        link: bool,
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
    /// Whether its caller gets the link of the invitation.
    #[must_use]
    pub fn returns_link(&self) -> bool {
        matches!(self, Self::Create { link: true, .. } | Self::Modify { action: Action::NewLink, .. })
    }

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
    /// The same, but the caller gets the link.
    NewLink,
    /// `{"state": "invited"}`.
    Invite,
    /// `{"state": "revoked"}`.
    Revoke,
    /// `{"roleID"}` and, if given, `{"expiry"}`: the new role, and the new expiry in whole seconds.
    Update(&'static str, Option<Millis>),
}

/// What an invitee does with an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InviteeAction {
    /// Show the invitation.
    Lookup,
    /// Accept it.
    Accept,
    /// Accept it only with this role, which was shown.
    AcceptRole(&'static str),
    /// Decline it.
    Decline,
}

impl InviteeAction {
    /// The last part of its route.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Accept | Self::AcceptRole(_) => "accept",
            Self::Decline => "decline",
        }
    }

    /// The final state that it leads to.
    #[must_use]
    pub fn closing(self) -> Option<Closing> {
        match self {
            Self::Lookup => None,
            Self::Accept | Self::AcceptRole(_) => Some(Closing::Accepted),
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
    /// One row of a bulk: it is independent of the others, and has a result of its own.
    Row {
        /// Who requests it.
        caller: Caller,
        /// The normalized address.
        email: Arc<str>,
        /// The idempotency key, which is always used for the same rows.
        key: Option<Arc<str>>,
    },
    /// Show an invitation.
    Describe {
        /// The invitation's id.
        id: Arc<str>,
    },
    /// What an invitee does.
    Invitee {
        /// The action.
        action: InviteeAction,
        /// The invitation's id.
        id: Arc<str>,
        /// What gives access to it.
        access: Access,
    },
    /// List the open invitations of a person: here, those of one account.
    ListOwn {
        /// The person's verified address.
        email: Arc<str>,
    },
}
