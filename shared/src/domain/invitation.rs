//! The invitation and its states.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use super::{
    account::AccountId,
    delivery::Delivery,
    email::Email,
    id::InvitationId,
    lifecycle::Handover,
    link::Link,
    metadata::Metadata,
    outbox::{EventType, Outbox},
    role::RoleId,
    settings::{Locale, Redirect},
    text::{Malformed, excerpt, random_base62},
    time::Timestamp,
};

/// The state of an invitation, as callers see it. `Expired` is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Sent, and not expired yet.
    Invited,
    /// The invitee accepted.
    Accepted,
    /// The invitee declined.
    Declined,
    /// The account revoked the invitation.
    Revoked,
    /// Sent, and expired.
    Expired,
}

impl State {
    /// All states, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Invited, Self::Accepted, Self::Declined, Self::Revoked, Self::Expired];

    /// The name in requests and responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Malformed(format!("'{}' is not a state: {names}", excerpt(text)))
        })
    }
}

/// How an invitation was closed. A closed invitation never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// By the invitee.
    Accepted,
    /// By the invitee.
    Declined,
    /// By the account.
    Revoked,
}

impl Closing {
    /// The resulting state.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Accepted => State::Accepted,
            Self::Declined => State::Declined,
            Self::Revoked => State::Revoked,
        }
    }

    /// The type of the resulting event.
    #[must_use]
    pub fn event_type(self) -> EventType {
        match self {
            Self::Accepted => EventType::Accepted,
            Self::Declined => EventType::Declined,
            Self::Revoked => EventType::Revoked,
        }
    }
}

/// The stored part of the state. Whether a pending invitation has expired depends on the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Neither accepted, declined nor revoked.
    Pending,
    /// Closed: how and when.
    Closed(Closing, Timestamp),
}

impl Status {
    /// The state, at a point in time, of an invitation with this status and `expiry`.
    #[must_use]
    pub fn state(self, expiry: Timestamp, now: Timestamp) -> State {
        match self {
            Self::Closed(closing, _) => closing.state(),
            Self::Pending if expiry > now => State::Invited,
            Self::Pending => State::Expired,
        }
    }
}

/// Identifies a logical operation, so that a write can recognise its own effect: 12 base-62 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub String);

impl OperationId {
    /// A new id with 71 random bits.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_base62(12))
    }
}

/// The fields of an invitation that its account sees; the only fields that lists read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The id. Ids sort by creation time.
    pub id: InvitationId,
    /// The inviting account.
    pub account: AccountId,
    /// The invited address.
    pub email: Email,
    /// The role that the invitation grants.
    pub role: RoleId,
    /// Pending, or how and when it was closed.
    pub status: Status,
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// When it expires, in whole seconds. It can be accepted only before this time.
    pub expiry: Timestamp,
    /// When the last email was requested.
    pub last_sent: Timestamp,
    /// The URN of the credential that created it.
    pub invited_by: String,
    /// The delivery of the last sending's email; `None` until it has been sent.
    pub delivery: Option<Delivery>,
    /// When the invitee was reminded of the last sending.
    pub reminded: Option<Timestamp>,
    /// The user who accepted, as identified by the host application, if it accepted on the invitee's behalf.
    pub accepted_by: Option<String>,
    /// Whether the caller of the last sending got its link, and no email is sent.
    pub link_only: bool,
    /// What the host application has attached. It never changes.
    pub metadata: Option<Metadata>,
    /// Where the invitee continues after accepting, if not where the account's settings lead. It never changes.
    pub redirect: Option<Redirect>,
}

impl Resource {
    /// The state at a point in time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        self.status.state(self.expiry, now)
    }
}

/// An invitation of one email address to one account with one role, with all its stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The fields that its account sees.
    pub resource: Resource,
    /// The lifetime from each sending on. A resend starts it again.
    pub lifetime: Duration,
    /// When it may be sent again.
    pub next_send: Timestamp,
    /// How often it was sent, including the first time.
    pub sends: u32,
    /// The link of the last sending. Earlier links no longer work.
    pub link: Link,
    /// Grows by one with every write. The store increments it, not the domain.
    pub revision: u64,
    /// The operations that have been applied to it. Their number is limited by the number of sendings.
    pub operations: BTreeSet<OperationId>,
    /// The name of the credential that requested the last sending, if it has one.
    pub sender: Option<String>,
    /// The language of its emails and its page, if the creator chose one.
    pub locale: Option<Locale>,
    /// The attempts to send the last sending's email, and once its delivery is known, the reminder.
    pub send_attempts: SendAttempts,
    /// How long before the expiry the reminder of the last sending is due; `None` if none is planned, or any more.
    pub remind_before: Option<Duration>,
    /// The first sending whose bounces and complaints count: the last forced one, else the first.
    pub feedback_since: u32,
    /// The unpublished events.
    pub outbox: Outbox,
    /// Whether the current expiry has passed and its event was put into the outbox.
    pub expiry_published: bool,
}

/// The attempts to send an email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendAttempts {
    /// The number of attempts.
    pub tries: u32,
    /// The earliest time of the next attempt. Until then another process holds the claim, or the email must wait.
    pub not_before: Timestamp,
    /// The current claim. Distinguishes simultaneous claims.
    pub claim: Option<OperationId>,
}

impl SendAttempts {
    /// For an email that was requested at `now`, or none that was tried.
    #[must_use]
    pub fn requested_at(now: Timestamp) -> Self {
        Self { tries: 0, not_before: now, claim: None }
    }
}

/// The expiry of an invitation that was sent at this time, with this lifetime.
#[must_use]
pub fn expiry(sent: Timestamp, lifetime: Duration) -> Timestamp {
    sent.floor_to_second().plus(lifetime)
}

impl Invitation {
    /// The state at a point in time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        self.resource.state(now)
    }

    /// The invitation after it was closed.
    #[must_use]
    pub fn closed(&self, closing: Closing, now: Timestamp, operation: OperationId) -> Self {
        let now = self.not_before_last_change(now);
        let mut after = self.touched(now, operation);
        after.resource.status = Status::Closed(closing, now);
        after.outbox.put(closing.event_type(), now);
        after
    }

    /// The invitation after it was sent again with a new link, as `sender` requested.
    #[must_use]
    pub fn resent(
        &self,
        handover: Handover,
        now: Timestamp,
        operation: OperationId,
        link: Link,
        cooldown: Duration,
        sender: Option<&str>,
    ) -> Self {
        let now = self.not_before_last_change(now);
        let mut after = self.touched(now, operation);
        after.resource.expiry = expiry(now, self.lifetime);
        after.resource.last_sent = now;
        after.next_send = now.plus(cooldown);
        after.sends += 1;
        after.link = link;
        after.sender = sender.map(str::to_owned);
        after.send_attempts = SendAttempts::requested_at(now);
        after.resource.link_only = handover == Handover::Caller;
        // The delivery is that of the last email.
        if handover == Handover::Email {
            after.resource.delivery = None;
        }
        after.resource.reminded = None;
        after.remind_before = None;
        after.expiry_published = false;
        after.outbox.keep_terms(&self.resource, &after.resource);
        after.outbox.put(if after.resource.link_only { EventType::ResentUnsent } else { EventType::Resent }, now);
        after
    }

    /// How often it was updated: each sending and each update is one operation.
    #[must_use]
    pub fn updates(&self) -> usize {
        self.operations.len().saturating_sub(self.sends as usize)
    }

    /// The invitation with another role and expiry. A resend starts its original lifetime again.
    #[must_use]
    pub fn updated(&self, role: RoleId, expiry: Timestamp, now: Timestamp, operation: OperationId) -> Self {
        let now = self.not_before_last_change(now);
        let mut after = self.touched(now, operation);
        after.resource.role = role;
        after.resource.expiry = expiry;
        after.expiry_published = false;
        after.outbox.keep_terms(&self.resource, &after.resource);
        after.outbox.put(EventType::Changed, now);
        after
    }

    /// Clocks of machines differ slightly; the history of an invitation only moves forward.
    fn not_before_last_change(&self, now: Timestamp) -> Timestamp {
        now.max(self.resource.modified)
    }

    fn touched(&self, now: Timestamp, operation: OperationId) -> Self {
        let mut after = self.clone();
        after.resource.modified = now;
        after.operations.insert(operation);
        after
    }
}
