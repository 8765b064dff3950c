//! Why a well-formed request has no effect.

use std::{fmt, time::Duration};

use super::{delivery::DeliveryStatus, id::InvitationId, invitation::Closing, role::RoleId, text::excerpt, time::Timestamp};

/// The model's refusals. Each is final for the present state: the same request may succeed later, or never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// The account has no such invitation.
    NotFound,
    /// The address has an open invitation.
    AlreadyInvited {
        /// The open one.
        open: InvitationId,
    },
    /// The invitation is closed for good.
    Closed(Closing),
    /// The invitation has expired.
    Expired,
    /// The last mail came back, or was called spam.
    Refused(DeliveryStatus),
    /// The verified address is not the invited one.
    WrongInvitee,
    /// The account wants its host application to accept for the invitee, whom it has signed in.
    SignInRequired,
    /// The invitation was sent as often as it may be.
    MaxSends {
        /// The limit.
        max: u32,
    },
    /// Sent too recently.
    Cooldown {
        /// Whole seconds after which it may be sent again.
        retry_after: u64,
    },
    /// The account has sent as much as it may in this window.
    Quota {
        /// Sendings in a window.
        limit: u32,
        /// The length of a window.
        window: Duration,
        /// Whole seconds until the next window.
        retry_after: u64,
    },
    /// The caller's role may not hand out this role.
    RoleNotGrantable {
        /// The role of the invitation.
        role: RoleId,
        /// The caller's.
        own: RoleId,
    },
    /// The wanted expiry is too near or too far.
    Expiry {
        /// What was asked for.
        wanted: Timestamp,
        /// The earliest that is accepted now.
        earliest: Timestamp,
        /// The latest that is accepted now.
        latest: Timestamp,
    },
    /// The idempotency key was used with another request.
    KeyReused,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "The resource you were looking for doesn't exist."),
            Self::AlreadyInvited { open } => {
                write!(f, "email: this address already has an open invitation, {open}; resend or revoke that one")
            }
            Self::Closed(closing) => {
                write!(f, "the invitation is already {}; create a new one to invite again", closing.state())
            }
            Self::Expired => write!(f, "the invitation has expired; ask for a new one"),
            Self::Refused(status) => {
                write!(
                    f,
                    "the last email to this address {}; if that is resolved, resend with ?force=true",
                    match status {
                        DeliveryStatus::Complained => "was reported as spam",
                        _ => "bounced permanently",
                    }
                )
            }
            Self::WrongInvitee => write!(f, "email: the invitation is for another address"),
            Self::SignInRequired => {
                write!(
                    f,
                    "accepting this invitation requires signing in to the account's own application, which accepts it for the invitee"
                )
            }
            Self::MaxSends { max } => {
                write!(f, "the invitation has been sent {max} times, the maximum; revoke it and create a new one")
            }
            Self::Cooldown { retry_after } => write!(f, "the invitation was sent too recently; it can be sent again in {retry_after} s"),
            Self::Quota { limit, window, retry_after } => {
                write!(
                    f,
                    "the account has reached its limit of {limit} sends per {} s; the next window starts in {retry_after} s",
                    window.as_secs()
                )
            }
            Self::RoleNotGrantable { role, own } => write!(f, "the role '{own}' may not grant the role '{}'", excerpt(role.as_str())),
            Self::Expiry { wanted, earliest, latest } => {
                write!(f, "expiry: {wanted} is out of range; it must be between {earliest} and {latest}")
            }
            Self::KeyReused => {
                write!(f, "this Idempotency-Key was used with another request in the last 24 hours; use a new key for a new request")
            }
        }
    }
}

impl std::error::Error for Rejected {}
