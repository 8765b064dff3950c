//! What became of a sending's mail.

use std::{fmt, str::FromStr};

use super::{
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// How far a mail has come. Later news replaces earlier news, never the other way round: see [`DeliveryStatus::outranks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryStatus {
    /// SES has taken it.
    Sent,
    /// The receiving server lets SES wait.
    Delayed,
    /// SES refused it, or found something in it that it does not send; or it was not sent in time, as far as we knew.
    Failed,
    /// The receiving server would not take it this time: a full mailbox, say.
    SoftBounced,
    /// The receiving server has taken it. An answer that nobody is in, which SES calls a transient bounce, comes after that.
    Delivered,
    /// The address does not exist, or takes no mail of ours.
    Bounced,
    /// The invitee called it spam.
    Complained,
}

impl DeliveryStatus {
    /// All of them, in the order in which they replace each other.
    pub const ALL: [Self; 7] =
        [Self::Sent, Self::Delayed, Self::Failed, Self::SoftBounced, Self::Delivered, Self::Bounced, Self::Complained];

    /// The name in responses and rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::SoftBounced => "soft-bounced",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    /// Whether it is news beside what is known. SES reports in any order, and more than once.
    #[must_use]
    pub fn outranks(self, known: Option<Self>) -> bool {
        known.is_none_or(|known| self > known)
    }

    /// Whether another mail to the address would be refused again, and cost the sender's reputation.
    #[must_use]
    pub fn blocks(self) -> bool {
        match self {
            Self::Bounced | Self::Complained => true,
            Self::Sent | Self::Delayed | Self::Delivered | Self::SoftBounced | Self::Failed => false,
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryStatus {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| Malformed(format!("'{}' is not a delivery status", excerpt(text))))
    }
}

/// What is known of the last sending's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub status: DeliveryStatus,
    /// When that was.
    pub at: Timestamp,
    /// Why, where SES gives a reason.
    pub reason: Option<Reason>,
}

/// `{status}#{milliseconds}`, and `#{reason}` if there is one: one attribute, because lists read it of every row.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.status, self.at.as_millis())?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, "#{}", reason.as_str()))
    }
}

impl FromStr for Delivery {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let delivery = || {
            let mut parts = text.splitn(3, '#');
            let status = parts.next()?.parse().ok()?;
            let at = Timestamp::from_millis(parts.next()?.parse().ok()?)?;
            let reason = parts.next().map(str::parse).transpose().ok()?;
            Some(Self { status, at, reason })
        };
        delivery().ok_or_else(|| Malformed(format!("'{}' is not a stored delivery", excerpt(text))))
    }
}

/// A word of SES's for why: letters, digits, spaces and `-_./`, at most 100. Never a server's own text, which repeats
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(String);

impl Reason {
    /// What can be kept of a text; `None` when that is nothing.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || " -_./".contains(*c)).take(100).collect();
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.to_owned()))
    }

    /// A word of our own.
    #[must_use]
    pub fn word(word: &'static str) -> Self {
        Self(word.to_owned())
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::of(text).filter(|reason| reason.as_str() == text).ok_or_else(|| Malformed(format!("'{}' is not a reason", excerpt(text))))
    }
}
