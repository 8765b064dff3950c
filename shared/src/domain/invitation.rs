//! The invitation and its states.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use super::{
    account::AccountId,
    delivery::Delivery,
    email::Email,
    id::InvitationId,
    link::Link,
    outbox::{EventType, Outbox},
    role::RoleId,
    settings::Locale,
    text::{Malformed, excerpt, random_base62},
    time::Timestamp,
};

/// What a caller sees. `Expired` is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Sent, and its expiry is after now.
    Invited,
    /// The invitee accepted.
    Accepted,
    /// The invitee declined.
    Declined,
    /// The account took it back.
    Revoked,
    /// Sent, and its expiry is not after now.
    Expired,
}

impl State {
    /// All of them, in the order the documentation lists them.
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

/// How an invitation was closed for good.
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
    /// The state that it leads to.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Accepted => State::Accepted,
            Self::Declined => State::Declined,
            Self::Revoked => State::Revoked,
        }
    }

    /// What is told of it.
    #[must_use]
    pub fn event_type(self) -> EventType {
        match self {
            Self::Accepted => EventType::Accepted,
            Self::Declined => EventType::Declined,
            Self::Revoked => EventType::Revoked,
        }
    }
}

/// What is stored of the state: pending until closed. Whether a pending one has expired depends on the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Neither accepted, declined nor revoked.
    Pending,
    /// Closed, how and when.
    Closed(Closing, Timestamp),
}

impl Status {
    /// The state at a point in time of an invitation with this status and `expiry`.
    #[must_use]
    pub fn state(self, expiry: Timestamp, now: Timestamp) -> State {
        match self {
            Self::Closed(closing, _) => closing.state(),
            Self::Pending if expiry > now => State::Invited,
            Self::Pending => State::Expired,
        }
    }
}

/// Names one logical operation, so that a write can tell its own effect from another's: 12 base-62 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub String);

impl OperationId {
    /// A fresh one; 71 random bits.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_base62(12))
    }
}

/// What an account sees of an invitation: all that a list has to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its id; the order of ids is the order of creation.
    pub id: InvitationId,
    /// The account that invites.
    pub account: AccountId,
    /// Who is invited.
    pub email: Email,
    /// The role that the account would give.
    pub role: RoleId,
    /// Open, or how it was closed.
    pub status: Status,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// From this point on it cannot be accepted. Whole seconds.
    pub expiry: Timestamp,
    /// When the last mail was asked for.
    pub last_sent: Timestamp,
    /// The URN of who created it.
    pub invited_by: String,
    /// What became of the last sending's mail; `None` until it has been sent.
    pub delivery: Option<Delivery>,
    /// Who accepted, in the words of the host application, if that did it on the invitee's behalf.
    pub accepted_by: Option<String>,
}

impl Resource {
    /// The state at a point in time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        self.status.state(self.expiry, now)
    }
}

/// An invitation of one e-mail address to one account with one role: all that is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id; the order of ids is the order of creation.
    pub id: InvitationId,
    /// The account that invites.
    pub account: AccountId,
    /// Who is invited.
    pub email: Email,
    /// The role that the account would give.
    pub role: RoleId,
    /// Open, or how it was closed.
    pub status: Status,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// From this point on it cannot be accepted. Whole seconds.
    pub expiry: Timestamp,
    /// How long it lasts from a sending on; a resend starts it again.
    pub lifetime: Duration,
    /// When the last mail was asked for.
    pub last_sent: Timestamp,
    /// From this point on it may be sent again.
    pub next_send: Timestamp,
    /// How often it was sent, the first included.
    pub sends: u32,
    /// The link of the last sending; earlier ones are dead.
    pub link: Link,
    /// Grows by one with every write. The store counts, not the domain.
    pub revision: u64,
    /// The operations that made it what it is; their number is bounded by the number of sendings.
    pub operations: BTreeSet<OperationId>,
    /// The URN of who created it.
    pub invited_by: String,
    /// The name of who asked for the last sending, if the credential has one.
    pub sender: Option<String>,
    /// The language of its mails and its page, if the creator named one.
    pub locale: Option<Locale>,
    /// The attempts to send the last sending's mail.
    pub send_attempts: SendAttempts,
    /// What became of the last sending's mail; `None` until it has been sent.
    pub delivery: Option<Delivery>,
    /// The sending from which on a refusal of its mail counts: the last that was forced, else the first.
    pub feedback_since: u32,
    /// What the world is still to be told.
    pub outbox: Outbox,
    /// Whether the present expiry has come and been told.
    pub expiry_published: bool,
    /// Who accepted, in the words of the host application, if that did it on the invitee's behalf.
    pub accepted_by: Option<String>,
}

/// The attempts to send a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendAttempts {
    /// How many there were.
    pub tries: u32,
    /// There is none before this time: until then somebody is at it, or there is a reason to wait.
    pub not_before: Timestamp,
    /// Who is at it. Tells two claims of one moment apart.
    pub claim: Option<OperationId>,
}

impl SendAttempts {
    /// Of a mail that was asked for at `now`.
    #[must_use]
    pub fn requested_at(now: Timestamp) -> Self {
        Self { tries: 0, not_before: now, claim: None }
    }
}

/// When an invitation expires that was sent at this time and lasts so long.
#[must_use]
pub fn expiry(sent: Timestamp, lifetime: Duration) -> Timestamp {
    sent.floor_to_second().plus(lifetime)
}

impl Invitation {
    /// The state at a point in time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        self.status.state(self.expiry, now)
    }

    /// What its account sees of it.
    #[must_use]
    pub fn resource(&self) -> Resource {
        Resource {
            id: self.id,
            account: self.account.clone(),
            email: self.email.clone(),
            role: self.role.clone(),
            status: self.status,
            created: self.created,
            modified: self.modified,
            expiry: self.expiry,
            last_sent: self.last_sent,
            invited_by: self.invited_by.clone(),
            delivery: self.delivery.clone(),
            accepted_by: self.accepted_by.clone(),
        }
    }

    /// The invitation closed, for good.
    #[must_use]
    pub fn closed(&self, closing: Closing, now: Timestamp, operation: OperationId) -> Self {
        let now = self.not_before_last_change(now);
        let mut after = self.touched(now, operation);
        after.status = Status::Closed(closing, now);
        after.outbox.put(closing.event_type(), now);
        after
    }

    /// The invitation after another sending, that `sender` asked for, with a new link.
    #[must_use]
    pub fn resent(&self, now: Timestamp, operation: OperationId, link: Link, cooldown: Duration, sender: Option<&str>) -> Self {
        let now = self.not_before_last_change(now);
        let mut after = self.touched(now, operation);
        after.expiry = expiry(now, self.lifetime);
        after.last_sent = now;
        after.next_send = now.plus(cooldown);
        after.sends += 1;
        after.link = link;
        after.sender = sender.map(str::to_owned);
        after.send_attempts = SendAttempts::requested_at(now);
        after.delivery = None;
        after.expiry_published = false;
        after.outbox.put(EventType::Resent, now);
        after
    }

    /// Clocks differ a little between machines; an invitation's history only goes forward.
    fn not_before_last_change(&self, now: Timestamp) -> Timestamp {
        now.max(self.modified)
    }

    fn touched(&self, now: Timestamp, operation: OperationId) -> Self {
        let mut after = self.clone();
        after.modified = now;
        after.operations.insert(operation);
        after
    }
}
