//! The lifecycle of an invitation: allowed changes and their effects, in one table.
//!
//! All functions are total and pure. The store repeats each decision as a write condition.

mod decide;
mod modify;

use std::time::Duration;

use super::{
    email::Email,
    id::InvitationId,
    invitation::{Invitation, OperationId, Resource, SendAttempts, Status, expiry},
    link::{LinkKeys, Nonce},
    metadata::Metadata,
    outbox::{EventType, Outbox},
    principal::Principal,
    rejected::Rejected,
    role::RoleId,
    settings::{AccountSettings, Locale, Redirect},
    text::random_bytes,
    time::Timestamp,
};

pub use decide::{DecisionRequest, InviteeDecision, decide};
pub use modify::{Action, Change, MAX_UPDATES, Step, Update, modify, step};

/// The shortest lifetime that a caller may request.
pub const MIN_LIFETIME: Duration = Duration::from_secs(3600);

/// The limits on sending, from the configuration.
#[derive(Debug, Clone)]
pub struct SendLimits {
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
}

/// What sending depends on, from the configuration.
#[derive(Debug, Clone)]
pub struct SendPolicy {
    /// The limits.
    pub limits: SendLimits,
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
    /// How the invitee gets the link.
    pub handover: Handover,
    /// What the host application attaches.
    pub metadata: Option<Metadata>,
    /// Where the invitee continues after accepting, if not where the account's settings lead.
    pub redirect: Option<Redirect>,
}

impl NewInvitation {
    /// An address and a role; the rest by default.
    #[must_use]
    pub fn new(email: Email, role: RoleId) -> Self {
        Self { email, role, expiry: None, locale: None, handover: Handover::default(), metadata: None, redirect: None }
    }
}

/// How an invitee gets the link of a sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handover {
    /// By email.
    #[default]
    Email,
    /// By the caller, who gets it in the response. No email is sent.
    Caller,
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
/// [`Rejected::RoleNotGrantable`], [`Rejected::Expiry`], [`Rejected::DomainNotAllowed`], [`Rejected::RedirectNotAllowed`].
pub fn create(
    who: &Principal,
    request: &NewInvitation,
    id: InvitationId,
    operation: &Operation,
    now: Timestamp,
    policy: &SendPolicy,
    settings: &AccountSettings,
) -> Result<Invitation, Rejected> {
    grantable(who, &request.role)?;
    let lifetime = lifetime(request.expiry, now, policy)?;
    settings.domains.check(request.email.normalised())?;
    request.redirect.iter().try_for_each(|redirect| settings.redirect_origins.check(redirect))?;
    Ok(created(who, request, id, operation, now, lifetime, policy))
}

/// The invitation that an earlier `request` created at `at` with this lifetime, as it was then. Its limits are those of that time; but
/// a caller who has lost the right to grant the role is not shown it.
///
/// # Errors
/// [`Rejected::RoleNotGrantable`].
pub fn created_earlier(
    who: &Principal,
    request: &NewInvitation,
    id: InvitationId,
    operation: &Operation,
    (at, lifetime): (Timestamp, Duration),
    policy: &SendPolicy,
) -> Result<Invitation, Rejected> {
    grantable(who, &request.role)?;
    Ok(created(who, request, id, operation, at, lifetime, policy))
}

fn created(
    who: &Principal,
    request: &NewInvitation,
    id: InvitationId,
    operation: &Operation,
    now: Timestamp,
    lifetime: Duration,
    policy: &SendPolicy,
) -> Invitation {
    let mut outbox = Outbox::default();
    let by_caller = request.handover == Handover::Caller;
    outbox.put(if by_caller { EventType::CreatedUnsent } else { EventType::Created }, now);
    Invitation {
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
            reminded: None,
            accepted_by: None,
            link_only: by_caller,
            metadata: request.metadata.clone(),
            redirect: request.redirect.clone(),
        },
        lifetime,
        next_send: now.plus(policy.limits.cooldown),
        sends: 1,
        link: policy.link_keys.link(who.account(), id, 1, operation.nonce),
        revision: 1,
        operations: [operation.id.clone()].into(),
        sender: who.name().map(str::to_owned),
        locale: request.locale.clone(),
        send_attempts: SendAttempts::requested_at(now),
        remind_before: None,
        feedback_since: 1,
        outbox,
        expiry_published: false,
    }
}

/// The lifetime up to the requested expiry, in whole seconds, as callers see times.
fn lifetime(wanted: Option<Timestamp>, now: Timestamp, policy: &SendPolicy) -> Result<Duration, Rejected> {
    let Some(wanted) = wanted else {
        return Ok(policy.limits.lifetime);
    };
    let start = now.floor_to_second();
    let (earliest, latest) = (start.plus(MIN_LIFETIME), start.plus(policy.limits.max_lifetime));
    let wanted = wanted.floor_to_second();
    if (earliest..=latest).contains(&wanted) { Ok(wanted.since(start)) } else { Err(Rejected::Expiry { wanted, earliest, latest }) }
}

/// The one rule for all operations that grant or renew a role.
fn grantable(who: &Principal, role: &RoleId) -> Result<(), Rejected> {
    if who.may_grant(role) { Ok(()) } else { Err(Rejected::RoleNotGrantable { role: role.clone(), own: who.role_id().clone() }) }
}

/// The quota window that contains `now`: its start, and the rejection if its quota is used up.
#[must_use]
pub fn quota_window(now: Timestamp, policy: &SendPolicy) -> (Timestamp, Rejected) {
    let SendLimits { quota, quota_window, .. } = policy.limits;
    let length = i64::try_from(quota_window.as_millis()).unwrap_or(i64::MAX).max(1);
    let start = Timestamp::from_millis(now.as_millis() / length * length).unwrap_or(Timestamp::ZERO);
    let end = start.plus(quota_window);
    (start, Rejected::Quota { limit: quota, window: quota_window, retry_after: end.seconds_from(now) })
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
