//! What is to be done for an invitation after its caller has been answered, and when.
//!
//! Three things: the mail of its last sending, the events in its outbox, and the word that it has expired. What is due is
//! read off the invitation itself, so it does not matter what reminded the courier: the table's stream, which does at once, or
//! the index of what is due, which does in the end. Every step is another revision of the invitation.

use std::time::Duration;

use super::{
    delivery::{Delivery, DeliveryStatus, Reason},
    invitation::{Invitation, OperationId, SendAttempts, State, Status},
    outbox::EventType,
    time::Timestamp,
};

/// How long the stream has before the index of what is due reminds of the same.
pub const GRACE: Duration = Duration::from_secs(120);
/// How long after its expiry an invitation is told to have expired: clocks differ a little, and it may be accepted on the last
/// moment of one that is behind.
pub const MARGIN: Duration = Duration::from_secs(10);
/// How long a mail is at least in the hands of the one who claimed it: longer than a function lives.
pub const LEASE: Duration = Duration::from_secs(180);

/// The pause after so many tries: 30 seconds, doubled each time, an hour at most.
#[must_use]
pub fn pause_after(tries: u32) -> Duration {
    Duration::from_secs((30 << tries.saturating_sub(1).min(7)).min(3600))
}

impl Invitation {
    /// Whether its last sending's mail has not been sent, and still means something.
    #[must_use]
    pub fn wants_mail(&self, now: Timestamp) -> bool {
        self.delivery.is_none() && self.state(now) == State::Invited
    }

    /// Whether somebody may send that mail now.
    #[must_use]
    pub fn mail_is_due(&self, now: Timestamp) -> bool {
        // The first try has nothing to wait for: the clock of who asked for the mail may be ahead.
        self.wants_mail(now) && (self.send_attempts.tries == 0 || self.send_attempts.not_before <= now)
    }

    /// Whether it has expired and nobody has been told.
    #[must_use]
    pub fn expiry_is_due(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && self.expiry.plus(MARGIN) <= now && !self.expiry_published
    }

    /// Whether the stream has something to remind of. What has been tried is left to the index.
    #[must_use]
    pub fn needs_stream(&self) -> bool {
        let fresh = self.status == Status::Pending && self.delivery.is_none() && self.send_attempts.tries == 0;
        fresh || !self.outbox.events.is_empty()
    }

    /// When it is to be looked at again, if nothing happens until then; `None` for never.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let events = self.outbox.events.first().map(|event| event.at.plus(GRACE));
        let waiting = self.status == Status::Pending && !self.expiry_published;
        let next = if self.send_attempts.tries == 0 { self.last_sent.plus(GRACE) } else { self.send_attempts.not_before };
        let mail = (waiting && self.delivery.is_none()).then_some(next);
        let expiry = waiting.then(|| self.expiry.plus(MARGIN));
        [events, mail, expiry].into_iter().flatten().min()
    }

    /// After all events of its outbox have been published.
    #[must_use]
    pub fn published(&self) -> Self {
        let mut after = self.clone();
        after.outbox.events.clear();
        after
    }

    /// After somebody has taken its mail in hand. Should nobody hear of it again, the next try waits the longer the more there
    /// were: each may have been a mail.
    #[must_use]
    pub fn claimed(&self, claim: OperationId, now: Timestamp) -> Self {
        let mut after = self.clone();
        let tries = self.send_attempts.tries + 1;
        after.send_attempts = SendAttempts { tries, not_before: now.plus(pause_after(tries).max(LEASE)), claim: Some(claim) };
        after
    }

    /// After it has turned out that its mail has to wait.
    #[must_use]
    pub fn postponed(&self, until: Timestamp) -> Self {
        let mut after = self.clone();
        // At least 1: from here on the index reminds, not the stream.
        after.send_attempts = SendAttempts { tries: self.send_attempts.tries.max(1), not_before: until, claim: None };
        after
    }

    /// After it has turned out that nobody's mail is sent just now: that was no try, so it makes no later pause longer.
    #[must_use]
    pub fn put_back(&self, until: Timestamp) -> Self {
        let mut after = self.postponed(until);
        after.send_attempts.tries = after.send_attempts.tries.saturating_sub(u32::from(self.send_attempts.claim.is_some())).max(1);
        after
    }

    /// After its expiry. A mail that was not sent by then never will be.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.expiry_published = true;
        after.outbox.put(EventType::Expired, self.expiry);
        if after.delivery.is_none() {
            after.delivery =
                Some(Delivery { status: DeliveryStatus::Failed, at: now, reason: Some(Reason::word("ExpiredBeforeItCouldBeSent")) });
        }
        after
    }

    /// After news of a sending's mail; the same invitation when it is none: older, or of a sending before the last. That the address
    /// refuses our mail is news whichever sending met it, unless a later one was forced; but it does not take the place of a
    /// mail that has yet to be sent.
    #[must_use]
    pub fn delivered(&self, sending: u32, news: Delivery) -> Self {
        let known = self.delivery.as_ref().map(|delivery| delivery.status);
        let last = sending == self.link.version;
        // A mail that has arrived says more about the address than an earlier one's bounce.
        let earlier = (self.feedback_since..self.link.version).contains(&sending)
            && news.status.blocks()
            && known.is_some_and(|known| known < DeliveryStatus::Delivered || news.status == DeliveryStatus::Complained);
        let counts = last || earlier;
        if !counts || !news.status.outranks(known) {
            return self.clone();
        }
        let mut after = self.clone();
        after.outbox.put_news(&news);
        after.delivery = Some(news);
        after.send_attempts.claim = None;
        after
    }
}
