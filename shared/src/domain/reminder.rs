//! When invitees are reminded of invitations that are about to expire.

use std::{fmt, str::FromStr, time::Duration};

use super::{
    delivery::{Delivery, DeliveryStatus},
    invitation::{Invitation, Resource, SendAttempts},
    outbox::EventType,
    text::{Malformed, excerpt},
    time::Timestamp,
};

/// How long before the expiry an invitee is reminded, in whole seconds; 0 for never.
///
/// Due work is looked for once a minute, so less than a minute could not be kept. Thirty days are the longest lifetime of the default
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemindBefore(u32);

impl RemindBefore {
    /// No reminders.
    pub const NEVER: Self = Self(0);
    /// The bounds, in seconds.
    const MIN: u32 = 60;
    const MAX: u32 = 30 * 86_400;

    /// The duration; `None` for never.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        (self != Self::NEVER).then(|| Duration::from_secs(self.0.into()))
    }

    /// The seconds; 0 for never.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        self.0
    }
}

/// 48 hours.
impl Default for RemindBefore {
    fn default() -> Self {
        Self(48 * 3600)
    }
}

impl fmt::Display for RemindBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for RemindBefore {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let seconds = text.trim().parse().ok().filter(|seconds| *seconds == 0 || (Self::MIN..=Self::MAX).contains(seconds));
        seconds.map(Self).ok_or_else(|| {
            let (min, max) = (Self::MIN, Self::MAX);
            Malformed(format!("must be 0 or an integer from {min} to {max}, not '{}'", excerpt(text)))
        })
    }
}

impl Invitation {
    /// When the reminder of the last sending is due, if one is planned and makes sense: the invitation is pending, its email was sent and
    /// not refused, and the sending lasts at least one and a half times as long as the reminder leaves. So the default of 48 hours needs a
    /// lifetime of 72. If the email itself was so late that less than a quarter of that time would lie between the two, there is no reminder.
    #[must_use]
    pub fn reminder_due(&self) -> Option<Timestamp> {
        let before = self.remind_before?;
        let Resource { expiry, last_sent, delivery, reminded, .. } = &self.resource;
        let email = delivery.as_ref().filter(|delivery| delivery.status.allows_reminder())?;
        let due = expiry.minus(before);
        let is_long_enough = expiry.since(last_sent.floor_to_second()) * 2 >= before.saturating_mul(3) && due.since(email.at) * 4 >= before;
        if !self.is_waiting() || !is_long_enough || reminded.is_some() {
            return None;
        }
        let SendAttempts { tries, not_before, .. } = self.send_attempts;
        let due = if tries == 0 { due } else { due.max(not_before) };
        Some(due).filter(|due| due < expiry)
    }

    /// The invitation with a reminder planned as the account's setting says, when the email of its last sending is claimed. Only then are
    /// the settings known, and without an email there is nothing to remind of.
    #[must_use]
    pub fn with_reminder(&self, setting: RemindBefore) -> Self {
        Self { remind_before: setting.duration(), ..self.clone() }
    }

    /// The invitation whose reminder is due, after the setting was read again: it may now be due later or never, but not earlier.
    #[must_use]
    pub fn with_reminder_no_earlier_than(&self, setting: RemindBefore) -> Self {
        Self { remind_before: self.remind_before.min(setting.duration()), ..self.clone() }
    }

    /// The invitation after SES has refused its reminder. It is not sent.
    #[must_use]
    pub fn without_reminder(&self) -> Self {
        let send_attempts = SendAttempts::requested_at(self.resource.last_sent);
        Self { remind_before: None, send_attempts, ..self.clone() }
    }

    /// The invitation after the reminder of this sending was sent. Unchanged if that is known, or if it was resent meanwhile.
    #[must_use]
    pub fn reminded(&self, sending: u32, at: Timestamp) -> Self {
        if sending != self.link.version || self.resource.reminded.is_some() {
            return self.clone();
        }
        let mut after = self.without_reminder();
        after.resource.reminded = Some(at);
        after.outbox.put(EventType::Reminded, at);
        after
    }

    /// The invitation after a status of a sending's reminder was reported. Bounces and complaints say as much about the address as those of
    /// the sending's own email. Everything else only shows that the reminder was sent: `delivery` is about the first email.
    #[must_use]
    pub fn reminder_delivered(&self, sending: u32, report: Delivery) -> Self {
        let sent = if report.status == DeliveryStatus::Failed { self.clone() } else { self.reminded(sending, report.at) };
        if report.status.blocks() { sent.delivered(sending, report) } else { sent }
    }
}
