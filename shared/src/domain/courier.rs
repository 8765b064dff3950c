//! Background work for an invitation: what is due, and when.
//!
//! Three kinds of work exist: the email of the last sending, the events in the outbox, and the event of the expiry. What is due follows
//! from the invitation alone. So the trigger does not matter: the table's stream triggers at once, the index of due invitations at the
//! latest. Every step writes a new revision of the invitation.

use std::time::Duration;

use super::{
    delivery::{Delivery, DeliveryStatus, Reason},
    invitation::{Invitation, OperationId, SendAttempts, State, Status},
    outbox::EventType,
    time::Timestamp,
};

/// How long work is left to the stream, before the index of due invitations lists it.
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

impl Invitation {
    /// Whether the last sending's email has not been sent and is still useful.
    #[must_use]
    pub fn wants_email(&self, now: Timestamp) -> bool {
        self.resource.delivery.is_none() && self.state(now) == State::Invited
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
        let fresh = self.resource.status == Status::Pending && self.resource.delivery.is_none() && self.send_attempts.tries == 0;
        fresh || !self.outbox.events.is_empty()
    }

    /// When it is due next, if nothing happens until then; `None` for never.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let events = self.outbox.events.first().map(|event| event.at.plus(GRACE));
        let waiting = self.resource.status == Status::Pending && !self.expiry_published;
        let next = if self.send_attempts.tries == 0 { self.resource.last_sent.plus(GRACE) } else { self.send_attempts.not_before };
        let email = (waiting && self.resource.delivery.is_none()).then_some(next);
        let expiry = waiting.then(|| self.resource.expiry.plus(MARGIN));
        [events, email, expiry].into_iter().flatten().min()
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
        if after.resource.delivery.is_none() {
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
        let last = sending == self.link.version;
        // An email that has arrived says more about the address than an earlier email's bounce.
        let earlier = (self.feedback_since..self.link.version).contains(&sending)
            && report.status.blocks()
            && known.is_some_and(|known| known < DeliveryStatus::Delivered || report.status == DeliveryStatus::Complained);
        let counts = last || earlier;
        if !counts || !report.status.outranks(known) {
            return self.clone();
        }
        let mut after = self.clone();
        after.outbox.put_delivery(&report);
        after.resource.delivery = Some(report);
        after.send_attempts.claim = None;
        after
    }
}
