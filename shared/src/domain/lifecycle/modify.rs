//! Changes that an account requests: the table of actions and states, and their effects.

use super::{Handover, Operation, SendPolicy, grantable, lifetime};
use crate::domain::{
    invitation::{Closing, Invitation, State},
    principal::Principal,
    rejected::Rejected,
    role::RoleId,
    settings::AccountSettings,
    time::Timestamp,
};

/// How often an open invitation may be updated, so that its row stays small.
pub const MAX_UPDATES: usize = 10;

/// A change of an existing invitation that a caller requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// No body: send it again.
    Resend,
    /// No body and `?force=true`: send it again, even to an address that has bounced or complained.
    ForcedResend,
    /// No body and `?send=false`: a new link for the caller, without an email.
    NewLink,
    /// `{"state": "invited"}`: resend it if expired; otherwise no change.
    Invite,
    /// `{"state": "revoked"}`: revoke it unless already revoked.
    Revoke,
    /// `{"roleID"?, "expiry"?}`: change it while it is open. Its link stays.
    Update(Update),
}

/// What an update changes. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The new role.
    pub role: Option<RoleId>,
    /// The new expiry.
    pub expiry: Option<Timestamp>,
}

impl Action {
    /// Whether it can be a sending.
    #[must_use]
    pub fn may_send(&self) -> bool {
        match self {
            Self::Resend | Self::ForcedResend | Self::NewLink | Self::Invite => true,
            Self::Revoke | Self::Update(_) => false,
        }
    }

    /// The name in logs and fingerprints.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::ForcedResend => "forced-resend",
            Self::NewLink => "new-link",
            Self::Invite => "invite",
            Self::Revoke => "revoke",
            Self::Update(_) => "update",
        }
    }
}

/// The effect of an action in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The invitation is already in the requested state.
    Nothing,
    /// Close it.
    Revoke,
    /// Send it, with a new link, even to an address that has bounced or complained if `forced`.
    Send {
        /// How the invitee gets the link.
        handover: Handover,
        /// Whether it is forced.
        forced: bool,
    },
    /// Change it as requested.
    Update(&'a Update),
}

/// The table in the API documentation: rows are actions, columns are states.
///
/// # Errors
/// [`Rejected::Closed`] if the invitation can no longer change; [`Rejected::Expired`] if only a resend can open it again.
pub fn step(state: State, action: &Action) -> Result<Step<'_>, Rejected> {
    match (state, action) {
        (State::Invited | State::Expired, Action::Resend) | (State::Expired, Action::Invite) => {
            Ok(Step::Send { handover: Handover::Email, forced: false })
        }
        (State::Invited | State::Expired, Action::ForcedResend) => Ok(Step::Send { handover: Handover::Email, forced: true }),
        (State::Invited | State::Expired, Action::NewLink) => Ok(Step::Send { handover: Handover::Caller, forced: false }),
        (State::Invited, Action::Invite) | (State::Revoked, Action::Revoke) => Ok(Step::Nothing),
        (State::Invited | State::Expired, Action::Revoke) => Ok(Step::Revoke),
        (State::Invited, Action::Update(update)) => Ok(Step::Update(update)),
        (State::Expired, Action::Update(_)) => Err(Rejected::Expired),
        (State::Revoked, Action::Resend | Action::ForcedResend | Action::NewLink | Action::Invite | Action::Update(_)) => {
            Err(Rejected::Closed(Closing::Revoked))
        }
        (
            State::Accepted,
            Action::Resend | Action::ForcedResend | Action::NewLink | Action::Invite | Action::Revoke | Action::Update(_),
        ) => Err(Rejected::Closed(Closing::Accepted)),
        (
            State::Declined,
            Action::Resend | Action::ForcedResend | Action::NewLink | Action::Invite | Action::Revoke | Action::Update(_),
        ) => Err(Rejected::Closed(Closing::Declined)),
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
    /// The invitation, with another role or expiry.
    Updated(Invitation),
}

/// The result of `action` on `before` at `now`.
///
/// # Errors
/// [`Rejected::Closed`], [`Rejected::Expired`], [`Rejected::RoleNotGrantable`], [`Rejected::MaxSends`], [`Rejected::EmailRefused`],
/// [`Rejected::Cooldown`], [`Rejected::Expiry`], [`Rejected::MaxUpdates`], [`Rejected::DomainNotAllowed`].
pub fn modify(
    who: &Principal,
    before: &Invitation,
    action: &Action,
    operation: &Operation,
    now: Timestamp,
    policy: &SendPolicy,
    settings: &AccountSettings,
) -> Result<Change, Rejected> {
    match step(before.state(now), action)? {
        Step::Nothing => Ok(Change::Nothing),
        Step::Revoke => Ok(Change::Closed(before.closed(Closing::Revoked, now, operation.id.clone()))),
        Step::Send { handover, forced } => {
            let sent = resend(who, before, (handover, forced), operation, now, policy, settings);
            sent.map(Change::Sent)
        }
        Step::Update(requested) => update(who, before, requested, operation, now, policy),
    }
}

fn resend(
    who: &Principal,
    before: &Invitation,
    (handover, forced): (Handover, bool),
    operation: &Operation,
    now: Timestamp,
    policy: &SendPolicy,
    settings: &AccountSettings,
) -> Result<Invitation, Rejected> {
    grantable(who, &before.resource.role)?;
    settings.domains.check(before.resource.email.normalised())?;
    // Rejections that waiting cannot resolve take precedence.
    if before.sends >= policy.limits.max_sends {
        return Err(Rejected::MaxSends { max: policy.limits.max_sends });
    }
    // A forced resend ignores earlier bounces and complaints. A link for the caller needs no mailbox.
    let needs_mailbox = handover == Handover::Email && !forced;
    if let Some(delivery) = before.resource.delivery.as_ref().filter(|delivery| delivery.status.blocks() && needs_mailbox) {
        return Err(Rejected::EmailRefused(delivery.status));
    }
    if now < before.next_send {
        return Err(Rejected::Cooldown { retry_after: before.next_send.seconds_from(now) });
    }
    let link = policy.link_keys.link(&before.resource.account, before.resource.id, before.link.version + 1, operation.nonce);
    let mut after = before.resent(handover, now, operation.id.clone(), link, policy.limits.cooldown, who.name());
    if forced {
        after.feedback_since = after.link.version;
    }
    Ok(after)
}

/// The caller must be able to grant the old role, too: else they could take away what only others may grant.
fn update(
    who: &Principal,
    before: &Invitation,
    requested: &Update,
    operation: &Operation,
    now: Timestamp,
    policy: &SendPolicy,
) -> Result<Change, Rejected> {
    let role = requested.role.as_ref().unwrap_or(&before.resource.role);
    let expiry = requested.expiry.map_or(before.resource.expiry, Timestamp::floor_to_second);
    if (role, expiry) == (&before.resource.role, before.resource.expiry) {
        return Ok(Change::Nothing);
    }
    grantable(who, &before.resource.role)?;
    grantable(who, role)?;
    if expiry != before.resource.expiry {
        lifetime(Some(expiry), now, policy)?;
    }
    if before.updates() >= MAX_UPDATES {
        return Err(Rejected::MaxUpdates { max: MAX_UPDATES });
    }
    Ok(Change::Updated(before.updated(role.clone(), expiry, now, operation.id.clone())))
}
