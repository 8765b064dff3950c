//! Changes that an account requests: the table of actions and states, and their effects.

use super::{Operation, SendPolicy, grantable};
use crate::domain::{
    invitation::{Closing, Invitation, State},
    principal::Principal,
    rejected::Rejected,
    time::Timestamp,
};

/// A change of an existing invitation that a caller requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// No body: send it again.
    Resend,
    /// No body and `?force=true`: send it again, even to an address that has bounced or complained.
    ForcedResend,
    /// `{"state": "invited"}`: resend it if expired; otherwise no change.
    Invite,
    /// `{"state": "revoked"}`: revoke it unless already revoked.
    Revoke,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Resend, Self::ForcedResend, Self::Invite, Self::Revoke];

    /// The name in logs and fingerprints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::ForcedResend => "forced-resend",
            Self::Invite => "invite",
            Self::Revoke => "revoke",
        }
    }
}

/// The effect of an action in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The invitation is already in the requested state.
    Nothing,
    /// Close it.
    Revoke,
    /// Send it, with a new link.
    Send,
}

/// The table in the API documentation: rows are actions, columns are states.
///
/// # Errors
/// [`Rejected::Closed`] if the invitation can no longer change.
pub fn step(state: State, action: Action) -> Result<Step, Rejected> {
    match (state, action) {
        (State::Invited | State::Expired, Action::Resend | Action::ForcedResend) | (State::Expired, Action::Invite) => Ok(Step::Send),
        (State::Invited, Action::Invite) | (State::Revoked, Action::Revoke) => Ok(Step::Nothing),
        (State::Invited | State::Expired, Action::Revoke) => Ok(Step::Revoke),
        (State::Revoked, Action::Resend | Action::ForcedResend | Action::Invite) => Err(Rejected::Closed(Closing::Revoked)),
        (State::Accepted, Action::Resend | Action::ForcedResend | Action::Invite | Action::Revoke) => {
            Err(Rejected::Closed(Closing::Accepted))
        }
        (State::Declined, Action::Resend | Action::ForcedResend | Action::Invite | Action::Revoke) => {
            Err(Rejected::Closed(Closing::Declined))
        }
    }
}

/// The result of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No change.
    Nothing,
    /// The invitation, closed.
    Closed(Invitation),
    /// The invitation, sent again.
    Sent(Invitation),
}

/// The result of `action` on `before` at `now`.
///
/// # Errors
/// [`Rejected::Closed`], [`Rejected::RoleNotGrantable`], [`Rejected::MaxSends`], [`Rejected::EmailRefused`], [`Rejected::Cooldown`].
pub fn modify(
    who: &Principal,
    before: &Invitation,
    action: Action,
    operation: &Operation,
    now: Timestamp,
    policy: &SendPolicy,
) -> Result<Change, Rejected> {
    match step(before.state(now), action)? {
        Step::Nothing => Ok(Change::Nothing),
        Step::Revoke => Ok(Change::Closed(before.closed(Closing::Revoked, now, operation.id.clone()))),
        Step::Send => {
            grantable(who, &before.resource.role)?;
            // Rejections that waiting cannot resolve take precedence.
            if before.sends >= policy.max_sends {
                return Err(Rejected::MaxSends { max: policy.max_sends });
            }
            // A forced resend ignores earlier bounces and complaints.
            if let Some(delivery) =
                before.resource.delivery.as_ref().filter(|delivery| delivery.status.blocks() && action != Action::ForcedResend)
            {
                return Err(Rejected::EmailRefused(delivery.status));
            }
            if now < before.next_send {
                return Err(Rejected::Cooldown { retry_after: before.next_send.seconds_from(now) });
            }
            let link = policy.link_keys.link(&before.resource.account, before.resource.id, before.link.version + 1, operation.nonce);
            let mut after = before.resent(now, operation.id.clone(), link, policy.cooldown, who.name());
            if action == Action::ForcedResend {
                after.feedback_since = after.link.version;
            }
            Ok(Change::Sent(after))
        }
    }
}
