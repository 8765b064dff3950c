//! Rejections of well-formed requests.

use std::{fmt, time::Duration};

use super::{
    delivery::DeliveryStatus, id::InvitationId, invitation::Closing, role::RoleId, settings::DomainRule, text::excerpt, time::Timestamp,
};

/// Why the domain rejects a request. The same request may succeed in another state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// The account has no such invitation.
    NotFound,
    /// The address has an open invitation.
    AlreadyInvited {
        /// The open invitation.
        open: InvitationId,
    },
    /// The invitation does not have the entity tag that the caller requires.
    Changed,
    /// The invitation is closed for good.
    Closed(Closing),
    /// The invitation has expired.
    Expired,
    /// The invitee was shown another role than the invitation has now.
    RoleChanged {
        /// The role that it has now.
        role: RoleId,
    },
    /// The last email bounced or was reported as spam.
    EmailRefused(DeliveryStatus),
    /// The account's policy does not allow the domain of the address.
    DomainNotAllowed(DomainRule),
    /// The account's settings do not list the origin of the redirect.
    RedirectNotAllowed {
        /// The origin.
        origin: String,
    },
    /// The verified address is not the invited one.
    WrongInvitee,
    /// The account requires that its host application signs the invitee in and accepts.
    SignInRequired,
    /// The invitation was sent as often as allowed.
    MaxSends {
        /// The limit.
        max: u32,
    },
    /// The invitation was changed as often as allowed.
    MaxUpdates {
        /// The limit.
        max: usize,
    },
    /// Sent too recently.
    Cooldown {
        /// Whole seconds after which it may be sent again.
        retry_after: u64,
    },
    /// The account has used up its quota in this window.
    Quota {
        /// The number of sends per window.
        limit: u32,
        /// The length of a window.
        window: Duration,
        /// Whole seconds until the next window.
        retry_after: u64,
    },
    /// The caller's role may not grant this role.
    RoleNotGrantable {
        /// The role of the invitation.
        role: RoleId,
        /// The caller's role.
        own: RoleId,
    },
    /// The requested expiry is too early or too late.
    Expiry {
        /// The requested expiry.
        wanted: Timestamp,
        /// The earliest accepted expiry.
        earliest: Timestamp,
        /// The latest accepted expiry.
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
            Self::Changed => write!(
                f,
                "the invitation has changed: its entity tag is not among those of If-Match, where weak tags never match; describe it and \
                 decide again"
            ),
            Self::Closed(closing) => {
                write!(f, "the invitation is already {}; create a new one to invite again", closing.state())
            }
            Self::Expired => write!(f, "the invitation has expired; it has to be sent again"),
            Self::EmailRefused(status) => {
                write!(
                    f,
                    "the last email to this address {}; if that is resolved, resend with ?force=true",
                    match status {
                        DeliveryStatus::Complained => "was reported as spam",
                        _ => "bounced permanently",
                    }
                )
            }
            Self::DomainNotAllowed(DomainRule::NotAllowed) => {
                write!(f, "email: the account invites only certain domains, and this is none of them")
            }
            Self::DomainNotAllowed(DomainRule::Denied) => write!(f, "email: the account does not invite this domain"),
            Self::RedirectNotAllowed { origin } => {
                write!(f, "redirect: the account's settings do not list the origin {}", excerpt(origin))
            }
            Self::WrongInvitee => write!(f, "email: the invitation is for another address"),
            Self::SignInRequired => {
                write!(f, "this invitation can only be accepted or declined by someone who has signed in with the invited address")
            }
            Self::MaxSends { max } => {
                write!(f, "the invitation has been sent {max} times, the maximum; revoke it and create a new one")
            }
            Self::RoleChanged { role } => {
                write!(f, "roleID: the role of the invitation is '{role}' now; show it, and accept again")
            }
            Self::MaxUpdates { max } => {
                write!(f, "the invitation has been changed {max} times, the maximum; revoke it and create a new one")
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
