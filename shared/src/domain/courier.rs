//! Background work for an invitation: what is due, and when.
//!
//! Four kinds of work exist: the email of the last sending, its reminder, the events in the outbox, and the event of the expiry. What is
//! due follows from the invitation alone. So the trigger does not matter: the table's stream triggers at once, the indexes of due
//! invitations at the latest, at the times of [`DueEntries`]. Every step writes a new revision of the invitation.

use std::{fmt, time::Duration};

use super::{
    delivery::{Delivery, DeliveryStatus, Reason},
    invitation::{Invitation, OperationId, SendAttempts, State, Status},
    outbox::EventType,
    time::Timestamp,
};

/// How long work is left to the stream, before an index of due invitations lists it.
pub const GRACE: Duration = Duration::from_secs(120);
/// How long after its expiry an invitation's expiry event is created. Clocks differ slightly, so a process with a slow clock may still
/// accept the invitation after its expiry.
pub const MARGIN: Duration = Duration::from_secs(10);
/// The minimum time for which a claim on an email is valid: longer than a function runs.
pub const LEASE: Duration = Duration::from_secs(180);

/// The pause after this number of attempts: 30 seconds, doubled each time, up to an hour.
#[must_use]
pub fn pause_after(tries: u32) -> Duration {
    Duration::from_secs((30 << tries.saturating_sub(1).min(7)).min(3600))
}

/// An email about an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EmailKind {
    /// The email of a sending.
    Invitation,
    /// The reminder of a sending, with the same link.
    Reminder,
}

impl EmailKind {
    /// The name in logs and in the tags of emails.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reminder => "reminder",
        }
    }
}

impl fmt::Display for EmailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Invitation {
    /// The email that may be sent now.
    #[must_use]
    pub fn due_email(&self, now: Timestamp) -> Option<EmailKind> {
        if self.mail_is_due(now) {
            return Some(EmailKind::Invitation);
        }
        let reminder_is_due = self.state(now) == State::Invited && self.reminder_due().is_some_and(|due| due <= now);
        reminder_is_due.then_some(EmailKind::Reminder)
    }

    /// Whether the last sending's email has not been sent and is still useful.
    #[must_use]
    pub fn wants_email(&self, now: Timestamp) -> bool {
        !self.resource.link_only && self.resource.delivery.is_none() && self.state(now) == State::Invited
    }

    /// Whether the email may be sent now.
    #[must_use]
    pub fn mail_is_due(&self, now: Timestamp) -> bool {
        // The first attempt need not wait: the clock that set `not_before` may be ahead.
        self.wants_email(now) && (self.send_attempts.tries == 0 || self.send_attempts.not_before <= now)
    }

    /// Whether it has expired and the expiry event is missing.
    #[must_use]
    pub fn expiry_is_due(&self, now: Timestamp) -> bool {
        self.resource.status == Status::Pending && self.resource.expiry.plus(MARGIN) <= now && !self.expiry_published
    }

    /// Whether the stream must trigger work. Retries are left to the index.
    #[must_use]
    pub fn needs_stream(&self) -> bool {
        self.stream_due().is_some()
    }

    /// When the stream is late: then the first attempt of an email, or an event, is still waiting for it.
    #[must_use]
    pub fn stream_due(&self) -> Option<Timestamp> {
        let events = self.outbox.events.first().map(|event| event.at);
        let email = (self.email_is_pending() && self.send_attempts.tries == 0).then_some(self.resource.last_sent);
        [events, email].into_iter().flatten().min().map(|since| since.plus(GRACE))
    }

    /// When time alone makes work due: the next attempt of an email, a reminder, or the expiry.
    #[must_use]
    pub fn timer(&self) -> Option<Timestamp> {
        let email = (self.email_is_pending() && self.send_attempts.tries > 0).then_some(self.send_attempts.not_before);
        let expiry = self.is_waiting().then(|| self.resource.expiry.plus(MARGIN));
        [email, self.reminder_due(), expiry].into_iter().flatten().min()
    }

    /// When it is due next, if nothing happens until then; `None` for never.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        [self.stream_due(), self.timer()].into_iter().flatten().min()
    }

    /// Whether it is pending and its expiry has not been published.
    pub(super) fn is_waiting(&self) -> bool {
        self.resource.status == Status::Pending && !self.expiry_published
    }

    /// Whether an email was requested, and neither sent nor given up.
    #[must_use]
    pub fn email_is_pending(&self) -> bool {
        self.is_waiting() && !self.resource.link_only && self.resource.delivery.is_none()
    }

    /// The invitation after all events of its outbox were published.
    #[must_use]
    pub fn published(&self) -> Self {
        let mut after = self.clone();
        after.outbox.events.clear();
        after
    }

    /// The invitation after its email was claimed. If the claimant never reports a result, the pause before the next attempt grows with
    /// each attempt, because each may have sent an email.
    #[must_use]
    pub fn claimed(&self, claim: OperationId, now: Timestamp) -> Self {
        let mut after = self.clone();
        let tries = self.send_attempts.tries + 1;
        after.send_attempts = SendAttempts { tries, not_before: now.plus(pause_after(tries).max(LEASE)), claim: Some(claim) };
        after
    }

    /// The invitation after its email was postponed.
    #[must_use]
    pub fn postponed(&self, until: Timestamp) -> Self {
        let mut after = self.clone();
        // At least 1: retries are triggered by the index, not by the stream.
        after.send_attempts = SendAttempts { tries: self.send_attempts.tries.max(1), not_before: until, claim: None };
        after
    }

    /// The invitation after its email was postponed because no emails can be sent at the moment. This does not count as an attempt, so it
    /// does not lengthen later pauses.
    #[must_use]
    pub fn postponed_uncounted(&self, until: Timestamp) -> Self {
        let mut after = self.postponed(until);
        after.send_attempts.tries = after.send_attempts.tries.saturating_sub(u32::from(self.send_attempts.claim.is_some())).max(1);
        after
    }

    /// The invitation after its expiry. An email that was not sent by then is never sent.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.expiry_published = true;
        after.outbox.put(EventType::Expired, self.resource.expiry);
        if self.email_is_pending() {
            after.resource.delivery =
                Some(Delivery { status: DeliveryStatus::Failed, at: now, reason: Some(Reason::word("ExpiredBeforeItCouldBeSent")) });
        }
        after
    }

    /// The invitation after a status of a sending's email was reported. Unchanged if the report does not count, because it is outdated or
    /// about an earlier sending. A bounce or complaint about an earlier sending counts too, unless a later one was forced; but it does
    /// not replace the status of an email that has yet to be sent.
    #[must_use]
    pub fn delivered(&self, sending: u32, report: Delivery) -> Self {
        let known = self.resource.delivery.as_ref().map(|delivery| delivery.status);
        let last = sending == self.link.version && !self.resource.link_only;
        // An email that has arrived says more about the address than an earlier email's bounce.
        let earlier = (self.feedback_since..self.link.version).contains(&sending)
            && report.status.blocks()
            && (known.is_some_and(|known| known < DeliveryStatus::Delivered || report.status == DeliveryStatus::Complained)
                || (known.is_none() && self.resource.link_only));
        let counts = last || earlier;
        if !counts || !report.status.outranks(known) {
            return self.clone();
        }
        let mut after = self.clone();
        after.outbox.put_delivery(&report);
        // The email was sent. From now on the attempts are those of its reminder.
        if after.resource.delivery.replace(report).is_none() {
            after.send_attempts = SendAttempts::requested_at(self.resource.last_sent);
        }
        after
    }
}

/// An invitation's entries in the two indexes of due invitations: when each lists it.
///
/// An entry is never late, but it may be early: moving one costs two write units, and most early ones become right again, or unnecessary,
/// before their time. Whoever finds an early entry moves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueEntries {
    /// In the index of work that the stream should have done: see [`Invitation::stream_due`]. While it is set, it stands in for the
    /// timer, which may be missing.
    pub stream: Option<Timestamp>,
    /// In the index of work that time makes due: see [`Invitation::timer`].
    pub timer: Option<Timestamp>,
}

impl DueEntries {
    /// The entries of a new invitation.
    #[must_use]
    pub fn of(invitation: &Invitation) -> Self {
        Self::default().next(invitation, false, Timestamp::ZERO)
    }

    /// The entries to write at `now` with a change of the invitation from `before` to `after`.
    ///
    /// An early entry is left as it is, unless its time has come, or the change publishes the last event and nothing else is likely to
    /// happen soon: then the reconciler would certainly find it, which costs more than to move it now.
    #[must_use]
    pub fn after(self, before: &Invitation, after: &Invitation, now: Timestamp) -> Self {
        let publishes_last = !before.outbox.events.is_empty() && after.outbox.events.is_empty() && !after.email_is_pending();
        self.next(after, publishes_last, now)
    }

    fn next(self, invitation: &Invitation, exact: bool, now: Timestamp) -> Self {
        let early = |entry: Option<Timestamp>, due: Option<Timestamp>| {
            entry.filter(|entry| !exact && now < *entry && due.is_none_or(|due| *entry <= due))
        };
        let timer = invitation.timer();
        let stream = early(self.stream, invitation.stream_due()).or(invitation.stream_due());
        let stands_in = stream.is_some_and(|stream| timer.is_none_or(|timer| stream <= timer));
        Self { stream, timer: if stands_in { self.timer.filter(|entry| now < *entry) } else { early(self.timer, timer).or(timer) } }
    }

    /// Whether an index lists the invitation at `now`, although nothing is due.
    #[must_use]
    pub fn are_early(self, invitation: &Invitation, now: Timestamp) -> bool {
        let listed = [self.stream, self.timer].into_iter().flatten().any(|entry| entry <= now);
        listed && self.after(invitation, invitation, now) != self
    }
}
