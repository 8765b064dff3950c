//! The unpublished events of an invitation.
//!
//! An event is put into the outbox by the write that it reports, so neither exists without the other. It is removed after it has been
//! published. Each event has a sequence number, so that consumers recognise duplicates and late events.

use std::{fmt, str::FromStr};

use super::{
    delivery::{Delivery, DeliveryStatus, Reason},
    id::InvitationId,
    invitation::Resource,
    role::RoleId,
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// The invitation was created and its first email requested.
    Created,
    /// The invitation was created, and its caller got the link. No email is sent.
    CreatedUnsent,
    /// Another email was requested. The previous link no longer works.
    Resent,
    /// The caller got another link, and no email is sent. The previous link no longer works.
    ResentUnsent,
    /// The account gave it another role or expiry.
    Changed,
    /// The invitee was reminded.
    Reminded,
    /// The email was delivered.
    Delivered,
    /// The email was not delivered, for a temporary reason.
    SoftBounced,
    /// The email was not delivered, for a permanent reason.
    Bounced,
    /// The invitee reported the email as spam.
    Complained,
    /// The email could not be sent.
    Failed,
    /// The invitee accepted.
    Accepted,
    /// The invitee declined.
    Declined,
    /// The account revoked the invitation.
    Revoked,
    /// The invitation expired.
    Expired,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Created,
        Self::CreatedUnsent,
        Self::Resent,
        Self::ResentUnsent,
        Self::Changed,
        Self::Reminded,
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

    /// The type of the event for a delivery status; `None` if consumers cannot act on it.
    #[must_use]
    pub fn of_email(status: DeliveryStatus) -> Option<Self> {
        match status {
            DeliveryStatus::Sent | DeliveryStatus::Delayed => None,
            DeliveryStatus::Delivered => Some(Self::Delivered),
            DeliveryStatus::SoftBounced => Some(Self::SoftBounced),
            DeliveryStatus::Bounced => Some(Self::Bounced),
            DeliveryStatus::Failed => Some(Self::Failed),
            DeliveryStatus::Complained => Some(Self::Complained),
        }
    }

    /// Whether the event shows the invitation's expiry at the time of the event.
    #[must_use]
    pub fn shows_expiry(self) -> bool {
        matches!(self, Self::Changed | Self::Reminded)
    }

    /// The published type: both kinds of bounces are `bounced`, and whether an email is sent is a field of its own.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::CreatedUnsent => Self::Created.as_str(),
            Self::ResentUnsent => Self::Resent.as_str(),
            Self::SoftBounced => Self::Bounced.as_str(),
            _ => self.as_str(),
        }
    }

    /// The name in rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::CreatedUnsent => "created-unsent",
            Self::Resent => "resent",
            Self::ResentUnsent => "resent-unsent",
            Self::Changed => "changed",
            Self::Reminded => "reminded",
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

/// The parts of an invitation that events show and that can change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terms {
    /// The role.
    pub role: RoleId,
    /// The expiry.
    pub expiry: Timestamp,
}

/// An event. Together with the invitation it determines the published event, so an event that is published again, or late, is identical.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Starts at 1 for each invitation and grows by one.
    pub sequence: u64,
    /// The type.
    pub event_type: EventType,
    /// The time.
    pub at: Timestamp,
    /// What the invitation offered then, if that has changed since.
    pub terms: Option<Terms>,
    /// The reason of a delivery status, if SES reports one.
    pub reason: Option<Reason>,
}

impl Event {
    /// The delivery that the event reports, if any.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        let status = DeliveryStatus::ALL.into_iter().find(|status| EventType::of_email(*status) == Some(self.event_type))?;
        Some(Delivery { status, at: self.at, reason: self.reason.clone() })
    }

    /// A unique id, the same each time the event is published.
    #[must_use]
    pub fn id(&self, invitation: InvitationId) -> String {
        format!("{invitation}-{}", self.sequence)
    }
}

/// `{sequence}#{event_type}#{milliseconds}`, `@{role}@{milliseconds of the expiry}` if they have changed since, and `#{reason}` if there
/// is one.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.sequence, self.event_type, self.at.as_millis())?;
        if let Some(Terms { role, expiry }) = &self.terms {
            write!(f, "@{role}@{}", expiry.as_millis())?;
        }
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
            let event_type = EventType::ALL.into_iter().find(|known| known.as_str() == event_type)?;
            let mut times = parts.next()?.split('@');
            let time = |text: &str| Timestamp::from_millis(text.parse().ok()?);
            let at = time(times.next()?)?;
            let terms = match (times.next(), times.next(), times.next()) {
                (None, None, None) => None,
                (Some(role), Some(expiry), None) => Some(Terms { role: role.parse().ok()?, expiry: time(expiry)? }),
                _ => return None,
            };
            let reason = parts.next().map(str::parse).transpose().ok()?;
            Some(Self { sequence, event_type, at, terms, reason })
        };
        event().ok_or_else(|| Malformed(format!("'{}' is not an event", excerpt(text))))
    }
}

/// The events that have not been published yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbox {
    /// The number of events so far, including published ones.
    pub count: u64,
    /// The unpublished events, oldest first.
    pub events: Vec<Event>,
}

impl Outbox {
    /// Adds an event.
    pub fn put(&mut self, event_type: EventType, at: Timestamp) {
        self.push(event_type, at, None);
    }

    /// Adds the event for a delivery status, if consumers can act on it.
    pub fn put_delivery(&mut self, report: &Delivery) {
        if let Some(event_type) = EventType::of_email(report.status) {
            self.push(event_type, report.at, report.reason.clone());
        }
    }

    fn push(&mut self, event_type: EventType, at: Timestamp, reason: Option<Reason>) {
        self.count += 1;
        self.events.push(Event { sequence: self.count, event_type, at, terms: None, reason });
    }

    /// Keeps what the unpublished events show, before a change of the invitation from `before` to `after`.
    pub(super) fn keep_terms(&mut self, before: &Resource, after: &Resource) {
        for event in self.events.iter_mut().filter(|event| event.terms.is_none()) {
            let differs = before.role != after.role || (event.event_type.shows_expiry() && before.expiry != after.expiry);
            event.terms = differs.then(|| Terms { role: before.role.clone(), expiry: before.expiry });
        }
    }
}
