//! The delivery of a sending's email.

use std::{fmt, str::FromStr};

use super::{
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// The delivery status of an email. A status replaces only lower ones: see [`DeliveryStatus::outranks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryStatus {
    /// SES has accepted the email.
    Sent,
    /// The receiving server has deferred the email.
    Delayed,
    /// SES refused the email, or it was not sent before the invitation expired, as far as known.
    Failed,
    /// The receiving server refused the email temporarily, for example because the mailbox is full.
    SoftBounced,
    /// The receiving server has accepted the email. An out-of-office reply, which SES reports as a transient bounce, comes later and
    /// does not replace this.
    Delivered,
    /// The address does not exist, or refuses this sender's emails.
    Bounced,
    /// The invitee reported the email as spam.
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

    /// Whether this status replaces the known one. SES events arrive in any order, and repeatedly.
    #[must_use]
    pub fn outranks(self, known: Option<Self>) -> bool {
        known.is_none_or(|known| self > known)
    }

    /// Whether the invitee may have the email, so that a reminder of it makes sense. After a soft bounce, which is temporary, the reminder
    /// is the first that arrives.
    #[must_use]
    pub fn allows_reminder(self) -> bool {
        match self {
            Self::Sent | Self::Delayed | Self::Delivered | Self::SoftBounced => true,
            Self::Failed | Self::Bounced | Self::Complained => false,
        }
    }

    /// Whether another email to the address would be refused and damage the sender's reputation.
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

/// The delivery of the last sending's email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its status.
    pub status: DeliveryStatus,
    /// The time of the status.
    pub at: Timestamp,
    /// The reason that SES reports, if any.
    pub reason: Option<Reason>,
}

/// `{status}#{milliseconds}`, and `#{reason}` if there is one: a single attribute, because lists read it from every row.
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

/// A reason that SES reports: at most 100 letters, digits, spaces and `-_./`. Never the text of a mail server, which repeats
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(String);

impl Reason {
    /// The allowed characters of a text; `None` if no character is allowed.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || " -_./".contains(*c)).take(100).collect();
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.to_owned()))
    }

    /// A reason that this service gives.
    #[must_use]
    pub fn word(word: &'static str) -> Self {
        Self(word.to_owned())
    }

    /// The reason as text.
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
