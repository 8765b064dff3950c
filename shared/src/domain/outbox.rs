//! What the world is still to be told of an invitation.
//!
//! An event is put into the outbox by the write that it is about, so there is none without the other. It is taken out when it
//! has been published. Each has a number of its own: whoever gets one twice, or late, can tell.

use std::{fmt, str::FromStr};

use super::{
    delivery::{Delivery, DeliveryStatus, Reason},
    id::InvitationId,
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// It was made, and its first mail asked for.
    Created,
    /// Another mail was asked for; the link of the one before is dead.
    Resent,
    /// The mail has arrived.
    Delivered,
    /// The mail did not arrive this time.
    SoftBounced,
    /// The mail did not arrive, and no other would.
    Bounced,
    /// The invitee called the mail spam.
    Complained,
    /// The mail could not be sent.
    Failed,
    /// The invitee accepted.
    Accepted,
    /// The invitee declined.
    Declined,
    /// The account took it back.
    Revoked,
    /// Its time ran out.
    Expired,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Resent,
        Self::Delivered,
        Self::SoftBounced,
        Self::Bounced,
        Self::Complained,
        Self::Failed,
        Self::Accepted,
        Self::Declined,
        Self::Revoked,
        Self::Expired,
    ];

    /// What is told of a mail's status, if anybody could act on it.
    #[must_use]
    pub fn of_mail(status: DeliveryStatus) -> Option<Self> {
        match status {
            DeliveryStatus::Sent | DeliveryStatus::Delayed => None,
            DeliveryStatus::Delivered => Some(Self::Delivered),
            DeliveryStatus::SoftBounced => Some(Self::SoftBounced),
            DeliveryStatus::Bounced => Some(Self::Bounced),
            DeliveryStatus::Failed => Some(Self::Failed),
            DeliveryStatus::Complained => Some(Self::Complained),
        }
    }

    /// The type of its events: both kinds of bounces are bounces.
    #[must_use]
    pub fn kind(self) -> &'static str {
        if self == Self::SoftBounced { Self::Bounced.as_str() } else { self.as_str() }
    }

    /// The name in rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Resent => "resent",
            Self::Delivered => "delivered",
            Self::SoftBounced => "soft-bounced",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::Failed => "failed",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing to tell. Together with what never changes of its invitation it is all that is told: so an event that is told again,
/// or late, is the same to the letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// 1 for the first of an invitation; each following one is greater by one.
    pub sequence: u64,
    /// What happened.
    pub event_type: EventType,
    /// When.
    pub at: Timestamp,
    /// Why, where SES gives a reason for a mail's status.
    pub reason: Option<Reason>,
}

impl Event {
    /// What became of the mail, if that is what happened.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        let status = DeliveryStatus::ALL.into_iter().find(|status| EventType::of_mail(*status) == Some(self.event_type))?;
        Some(Delivery { status, at: self.at, reason: self.reason.clone() })
    }

    /// What tells it from every other event; the same however often it is published.
    #[must_use]
    pub fn id(&self, invitation: InvitationId) -> String {
        format!("{invitation}-{}", self.sequence)
    }
}

/// `{sequence}#{event_type}#{milliseconds}`, and `#{reason}` if there is one.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.sequence, self.event_type, self.at.as_millis())?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, "#{}", reason.as_str()))
    }
}

impl FromStr for Event {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let event = || {
            let mut parts = text.splitn(4, '#');
            let sequence = parts.next()?.parse().ok()?;
            let event_type = parts.next()?;
            let event_type = EventType::ALL.into_iter().find(|it| it.as_str() == event_type)?;
            let at = Timestamp::from_millis(parts.next()?.parse().ok()?)?;
            let reason = parts.next().map(str::parse).transpose().ok()?;
            Some(Self { sequence, event_type, at, reason })
        };
        event().ok_or_else(|| Malformed(format!("'{}' is not an event", excerpt(text))))
    }
}

/// The events that have not been published yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbox {
    /// How many events there have been, the published ones included.
    pub count: u64,
    /// Those that wait, the oldest first.
    pub events: Vec<Event>,
}

impl Outbox {
    /// Adds one.
    pub fn put(&mut self, event_type: EventType, at: Timestamp) {
        self.push(event_type, at, None);
    }

    /// Adds what became of a mail, if anybody could act on it.
    pub fn put_news(&mut self, news: &Delivery) {
        if let Some(event_type) = EventType::of_mail(news.status) {
            self.push(event_type, news.at, news.reason.clone());
        }
    }

    fn push(&mut self, event_type: EventType, at: Timestamp, reason: Option<Reason>) {
        self.count += 1;
        self.events.push(Event { sequence: self.count, event_type, at, reason });
    }
}
