//! What may happen to an invitation, and what a request does to it: one table.
//!
//! Everything here is total and pure. The store repeats each decision as a write condition.

use std::time::Duration;

use super::{
    email::Email,
    id::InvitationId,
    invitation::{Closing, Invitation, OperationId, SendAttempts, State, Status, expiry},
    link::{LinkKeys, Nonce},
    outbox::{EventType, Outbox},
    principal::Principal,
    rejected::Rejected,
    role::RoleId,
    settings::Locale,
    text::random_bytes,
    time::Timestamp,
};

/// The shortest lifetime that a caller may ask for.
pub const MIN_LIFETIME: Duration = Duration::from_secs(3600);

/// The limits on sending. Fixed by configuration for the life of a process.
#[derive(Debug, Clone)]
pub struct SendPolicy {
    /// The lifetime of an invitation whose creator named no expiry.
    pub lifetime: Duration,
    /// The longest lifetime that a caller may ask for.
    pub max_lifetime: Duration,
    /// The pause between two sendings of one invitation.
    pub cooldown: Duration,
    /// How often one invitation may be sent, the first included.
    pub max_sends: u32,
    /// How many sendings an account has in a window.
    pub quota: u32,
    /// The length of a window.
    pub quota_window: Duration,
    /// How long closed and expired invitations are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// Makes the secrets of links.
    pub link_keys: LinkKeys,
}

/// A validated request to invite.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Whom.
    pub email: Email,
    /// As what.
    pub role: RoleId,
    /// Until when, if the caller says.
    pub expiry: Option<Timestamp>,
    /// In which language, if the caller says.
    pub locale: Option<Locale>,
}

/// What makes a sending unique: fixed for all attempts of one operation, so that it recognises its own effect.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// The nonce of the link it would send.
    pub nonce: Nonce,
}

impl Operation {
    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self { id: OperationId::generate(), nonce: random_bytes() }
    }
}

/// The invitation that `request` creates at `now`.
///
/// # Errors
/// [`Rejected::RoleNotGrantable`], [`Rejected::Expiry`].
pub fn create(
    who: &Principal,
    request: &NewInvitation,
    id: InvitationId,
    operation: &Operation,
    now: Timestamp,
    policy: &SendPolicy,
) -> Result<Invitation, Rejected> {
    grantable(who, &request.role)?;
    let lifetime = lifetime(request.expiry, now, policy)?;
    let mut outbox = Outbox::default();
    outbox.put(EventType::Created, now);
    Ok(Invitation {
        id,
        account: who.account().clone(),
        email: request.email.clone(),
        role: request.role.clone(),
        status: Status::Pending,
        created: now,
        modified: now,
        expiry: expiry(now, lifetime),
        lifetime,
        last_sent: now,
        next_send: now.plus(policy.cooldown),
        sends: 1,
        link: policy.link_keys.link(who.account(), id, 1, operation.nonce),
        revision: 1,
        operations: [operation.id.clone()].into(),
        invited_by: who.urn().to_owned(),
        sender: who.name().map(str::to_owned),
        locale: request.locale.clone(),
        send_attempts: SendAttempts::requested_at(now),
        delivery: None,
        feedback_since: 1,
        outbox,
        expiry_published: false,
        accepted_by: None,
    })
}

/// The lifetime until the wanted expiry, counted in whole seconds as callers see them.
fn lifetime(wanted: Option<Timestamp>, now: Timestamp, policy: &SendPolicy) -> Result<Duration, Rejected> {
    let Some(wanted) = wanted else {
        return Ok(policy.lifetime);
    };
    let start = now.floor_to_second();
    let (earliest, latest) = (start.plus(MIN_LIFETIME), start.plus(policy.max_lifetime));
    let wanted = wanted.floor_to_second();
    if (earliest..=latest).contains(&wanted) { Ok(wanted.since(start)) } else { Err(Rejected::Expiry { wanted, earliest, latest }) }
}

/// One rule for everything that hands out or renews a role.
fn grantable(who: &Principal, role: &RoleId) -> Result<(), Rejected> {
    if who.may_grant(role) { Ok(()) } else { Err(Rejected::RoleNotGrantable { role: role.clone(), own: who.role_id().clone() }) }
}

/// What a caller asks of an existing invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// No body: send it again.
    Resend,
    /// No body and `?force=true`: send it again, even to an address that has refused our mail.
    ForcedResend,
    /// `{"state": "invited"}`: see to it that it is open.
    Invite,
    /// `{"state": "revoked"}`: see to it that it is revoked.
    Revoke,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Resend, Self::ForcedResend, Self::Invite, Self::Revoke];

    /// Its name in logs and fingerprints.
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

/// What an action comes to in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It already is as wanted.
    Nothing,
    /// Close it.
    Revoke,
    /// Send it, with a new link.
    Send,
}

/// The table of the contract: rows are actions, columns states.
///
/// # Errors
/// [`Rejected::Closed`] for what can no longer change.
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

/// What an action makes of an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing is to be written.
    Nothing,
    /// The invitation, closed.
    Closed(Invitation),
    /// The invitation, sent again.
    Sent(Invitation),
}

/// What `action` makes of `before` at `now`.
///
/// # Errors
/// [`Rejected::Closed`], [`Rejected::RoleNotGrantable`], [`Rejected::MaxSends`], [`Rejected::Refused`], [`Rejected::Cooldown`].
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
            grantable(who, &before.role)?;
            // What waiting cannot lift is told first.
            if before.sends >= policy.max_sends {
                return Err(Rejected::MaxSends { max: policy.max_sends });
            }
            // A forced sending starts anew.
            if let Some(delivery) = before.delivery.as_ref().filter(|it| it.status.blocks() && action != Action::ForcedResend) {
                return Err(Rejected::Refused(delivery.status));
            }
            if now < before.next_send {
                return Err(Rejected::Cooldown { retry_after: before.next_send.seconds_from(now) });
            }
            let link = policy.link_keys.link(&before.account, before.id, before.link.version + 1, operation.nonce);
            let mut after = before.resent(now, operation.id.clone(), link, policy.cooldown, who.name());
            if action == Action::ForcedResend {
                after.feedback_since = after.link.version;
            }
            Ok(Change::Sent(after))
        }
    }
}

/// What an invitee decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteeDecision {
    /// Yes.
    Accept,
    /// No.
    Decline,
}

impl InviteeDecision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Accept, Self::Decline];

    /// How it closes the invitation.
    #[must_use]
    pub fn closing(self) -> Closing {
        match self {
            Self::Accept => Closing::Accepted,
            Self::Decline => Closing::Declined,
        }
    }
}

/// What a decision makes of `before` at `now`; `None` if nothing changes. `by` is who accepts, where the host application says so.
/// Repeating a decision changes nothing, unless somebody else repeats it.
///
/// # Errors
/// [`Rejected::Closed`], [`Rejected::Expired`].
pub fn decide(
    before: &Invitation,
    decision: InviteeDecision,
    by: Option<&str>,
    operation: &OperationId,
    now: Timestamp,
) -> Result<Option<Invitation>, Rejected> {
    match before.status {
        Status::Closed(closing, _) => {
            let somebody_else = by.is_some() && by != before.accepted_by.as_deref();
            if closing == decision.closing() && !somebody_else { Ok(None) } else { Err(Rejected::Closed(closing)) }
        }
        Status::Pending if before.expiry <= now => Err(Rejected::Expired),
        Status::Pending => {
            let mut after = before.closed(decision.closing(), now, operation.clone());
            after.accepted_by = by.map(str::to_owned);
            Ok(Some(after))
        }
    }
}

/// The quota window that `now` falls into: when it began, and the refusal when it is used up.
#[must_use]
pub fn quota_window(now: Timestamp, policy: &SendPolicy) -> (Timestamp, Rejected) {
    let length = i64::try_from(policy.quota_window.as_millis()).unwrap_or(i64::MAX).max(1);
    let start = Timestamp::from_millis(now.as_millis() / length * length).unwrap_or(Timestamp::ZERO);
    let end = start.plus(policy.quota_window);
    (start, Rejected::Quota { limit: policy.quota, window: policy.quota_window, retry_after: end.seconds_from(now) })
}

/// When a row may be purged, counted from when it was closed or expires; `None` for never.
#[must_use]
pub fn purge_after(invitation: &Invitation, retention: Option<Duration>) -> Option<Timestamp> {
    let end = match invitation.status {
        Status::Pending => invitation.expiry,
        Status::Closed(_, at) => at,
    };
    retention.map(|retention| end.plus(retention))
}
