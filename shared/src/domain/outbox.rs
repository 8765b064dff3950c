//! What the world is still to be told of an invitation.
//!
//! An event is put into the outbox by the write that it is about, so there is none without the other. It is taken out when it
//! has been published. Each has a number of its own: whoever gets one twice, or late, can tell.

use std::{fmt, str::FromStr};

use super::{
    id::InvitationId,
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// It was made, and its first mail asked for.
    Created,
    /// Another mail was asked for; the link of the one before is dead.
    Resent,
    /// The mail has arrived.
    Delivered,
    /// The mail did not arrive.
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

impl Happening {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Resent,
        Self::Delivered,
        Self::Bounced,
        Self::Complained,
        Self::Failed,
        Self::Accepted,
        Self::Declined,
        Self::Revoked,
        Self::Expired,
    ];

    /// The name in rows and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Resent => "resent",
            Self::Delivered => "delivered",
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

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// 1 for the first of an invitation; each following one is greater by one.
    pub sequence: u64,
    /// What happened.
    pub happening: Happening,
    /// When.
    pub at: Timestamp,
}

impl Event {
    /// What tells it from every other event; the same however often it is published.
    #[must_use]
    pub fn id(&self, invitation: InvitationId) -> String {
        format!("{invitation}-{}", self.sequence)
    }
}

/// `{sequence}#{happening}#{milliseconds}`
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.sequence, self.happening, self.at.as_millis())
    }
}

impl FromStr for Event {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let event = || {
            let (sequence, rest) = text.split_once('#')?;
            let (happening, at) = rest.split_once('#')?;
            let happening = Happening::ALL.into_iter().find(|it| it.as_str() == happening)?;
            Some(Self { sequence: sequence.parse().ok()?, happening, at: Timestamp::from_millis(at.parse().ok()?)? })
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
    pub fn put(&mut self, happening: Happening, at: Timestamp) {
        self.count += 1;
        self.events.push(Event { sequence: self.count, happening, at });
    }
}
