//! The lifecycle of an invitation: allowed changes and their effects, in one table.
//!
//! All functions are total and pure. The store repeats each decision as a write condition.

use std::time::Duration;

use super::{
    email::Email,
    id::InvitationId,
    invitation::{Closing, Invitation, OperationId, Resource, SendAttempts, State, Status, expiry},
    invitee::VerifiedInvitee,
    link::{LinkKeys, Nonce},
    outbox::{EventType, Outbox},
    principal::Principal,
    rejected::Rejected,
    role::RoleId,
    settings::{Binding, Locale},
    text::random_bytes,
    time::Timestamp,
};

/// The shortest lifetime that a caller may request.
pub const MIN_LIFETIME: Duration = Duration::from_secs(3600);

/// The limits on sending, from the configuration.
#[derive(Debug, Clone)]
pub struct SendPolicy {
    /// The default lifetime of an invitation.
    pub lifetime: Duration,
    /// The longest lifetime that a caller may request.
    pub max_lifetime: Duration,
    /// The pause between two sends of an invitation.
    pub cooldown: Duration,
    /// How often an invitation may be sent, including the first time.
    pub max_sends: u32,
    /// How often an account may send in a window.
    pub quota: u32,
    /// The length of a window.
    pub quota_window: Duration,
    /// How long closed and expired invitations are kept; `None` keeps them forever.
    pub retention: Option<Duration>,
    /// Derives the secrets of links.
    pub link_keys: LinkKeys,
}

/// A validated request to invite.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// The address.
    pub email: Email,
    /// The role.
    pub role: RoleId,
    /// The requested expiry.
    pub expiry: Option<Timestamp>,
    /// The requested language.
    pub locale: Option<Locale>,
}

/// The unique parts of an operation. They are the same for all its attempts, so that it detects its own earlier commit.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The id.
    pub id: OperationId,
    /// The nonce of the link it would send.
    pub nonce: Nonce,
}

impl Operation {
    /// A new operation with random values.
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
        resource: Resource {
            id,
            account: who.account().clone(),
            email: request.email.clone(),
            role: request.role.clone(),
            status: Status::Pending,
            created: now,
            modified: now,
            expiry: expiry(now, lifetime),
            last_sent: now,
            invited_by: who.urn().to_owned(),
            delivery: None,
            accepted_by: None,
        },
        lifetime,
        next_send: now.plus(policy.cooldown),
        sends: 1,
        link: policy.link_keys.link(who.account(), id, 1, operation.nonce),
        revision: 1,
        operations: [operation.id.clone()].into(),
        sender: who.name().map(str::to_owned),
        locale: request.locale.clone(),
        send_attempts: SendAttempts::requested_at(now),
        feedback_since: 1,
        outbox,
        expiry_published: false,
    })
}

/// The lifetime up to the requested expiry, in whole seconds, as callers see times.
fn lifetime(wanted: Option<Timestamp>, now: Timestamp, policy: &SendPolicy) -> Result<Duration, Rejected> {
    let Some(wanted) = wanted else {
        return Ok(policy.lifetime);
    };
    let start = now.floor_to_second();
    let (earliest, latest) = (start.plus(MIN_LIFETIME), start.plus(policy.max_lifetime));
    let wanted = wanted.floor_to_second();
    if (earliest..=latest).contains(&wanted) { Ok(wanted.since(start)) } else { Err(Rejected::Expiry { wanted, earliest, latest }) }
}

/// The one rule for all operations that grant or renew a role.
fn grantable(who: &Principal, role: &RoleId) -> Result<(), Rejected> {
    if who.may_grant(role) { Ok(()) } else { Err(Rejected::RoleNotGrantable { role: role.clone(), own: who.role_id().clone() }) }
}

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

/// An invitee's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteeDecision {
    /// Accept the invitation.
    Accept,
    /// Decline the invitation.
    Decline,
}

impl InviteeDecision {
    /// Both decisions.
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

/// The result of a decision on `before` at `now`; `None` if nothing changes. `invitee` is the person who decides, if verified;
/// otherwise anyone who holds the link decides. Repeating a decision changes nothing; accepting what another person has accepted is rejected.
///
/// A person who decides for themself needs no permission to grant the role: the inviter had it. A host application needs it, because its
/// word about the person is all there is.
///
/// # Errors
/// [`Rejected::WrongInvitee`], [`Rejected::RoleNotGrantable`], [`Rejected::Closed`], [`Rejected::Expired`], [`Rejected::SignInRequired`].
pub fn decide(
    before: &Invitation,
    decision: InviteeDecision,
    invitee: Option<&VerifiedInvitee>,
    binding: Binding,
    operation: &OperationId,
    now: Timestamp,
) -> Result<Option<Invitation>, Rejected> {
    let accepts = decision == InviteeDecision::Accept;
    if let Some(invitee) = invitee {
        if invitee.email() != before.resource.email.normalised() {
            return Err(Rejected::WrongInvitee);
        }
        if let Some(host) = invitee.host().filter(|_| accepts) {
            grantable(host, &before.resource.role)?;
        }
    }
    let accepted_by = invitee.filter(|_| accepts).map(|invitee| invitee.id_in(&before.resource.account));
    match before.resource.status {
        Status::Closed(closing, _) => {
            let is_another_person = accepted_by.is_some() && accepted_by != before.resource.accepted_by;
            if closing == decision.closing() && !is_another_person { Ok(None) } else { Err(Rejected::Closed(closing)) }
        }
        Status::Pending if before.resource.expiry <= now => Err(Rejected::Expired),
        // Checked last: if it is no longer open, the holder of the link learns that, as with a lookup.
        Status::Pending if invitee.is_none() && binding == Binding::Email => Err(Rejected::SignInRequired),
        Status::Pending => {
            let mut after = before.closed(decision.closing(), now, operation.clone());
            after.resource.accepted_by = accepted_by;
            Ok(Some(after))
        }
    }
}

/// The quota window that contains `now`: its start, and the rejection if its quota is used up.
#[must_use]
pub fn quota_window(now: Timestamp, policy: &SendPolicy) -> (Timestamp, Rejected) {
    let length = i64::try_from(policy.quota_window.as_millis()).unwrap_or(i64::MAX).max(1);
    let start = Timestamp::from_millis(now.as_millis() / length * length).unwrap_or(Timestamp::ZERO);
    let end = start.plus(policy.quota_window);
    (start, Rejected::Quota { limit: policy.quota, window: policy.quota_window, retry_after: end.seconds_from(now) })
}

/// When the row may be purged: `retention` after the invitation was closed or expires; `None` for never.
#[must_use]
pub fn purge_after(invitation: &Invitation, retention: Option<Duration>) -> Option<Timestamp> {
    let end = match invitation.resource.status {
        Status::Pending => invitation.resource.expiry,
        Status::Closed(_, at) => at,
    };
    retention.map(|retention| end.plus(retention))
}
