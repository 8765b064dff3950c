//! What is due for an invitation, and the effects of delivery statuses.

use std::time::Duration;

use proptest::prelude::*;
use shared::domain::{
    Invitation, Resource, State, Timestamp,
    courier::{DueEntries, EmailKind, GRACE, LEASE, MARGIN, pause_after},
    delivery::{Delivery, DeliveryStatus, Reason},
    invitation::{Closing, OperationId, SendAttempts, Status},
    outbox::{Event, EventType},
};

use super::support::{any_invitation, at, near_time, pending};

const SENT: Timestamp = Timestamp::ZERO;

fn claim() -> OperationId {
    OperationId("claim".to_owned())
}

fn report(status: DeliveryStatus) -> Delivery {
    Delivery { status, at: at(5), reason: Reason::of("NoEmail") }
}

fn event_types(invitation: &Invitation) -> Vec<EventType> {
    invitation.outbox.events.iter().map(|event| event.event_type).collect()
}

#[test]
fn a_new_email_is_due_at_once_by_the_stream_and_after_the_grace_period_by_the_index() {
    let fresh = pending(SENT);
    assert!(fresh.needs_stream() && fresh.mail_is_due(SENT));
    assert_eq!(fresh.due(), Some(SENT.plus(GRACE)));
}

#[test]
fn a_claimed_email_belongs_to_its_courier_until_the_lease_ends() {
    let claimed = pending(SENT).claimed(claim(), at(1000));
    let end = at(1000).plus(LEASE);
    assert!(!claimed.needs_stream() && !claimed.mail_is_due(at(1000)));
    assert_eq!((claimed.due(), claimed.send_attempts.tries), (Some(end), 1));
    assert!(claimed.mail_is_due(end), "its courier is gone");
}

#[test]
fn a_postponed_email_is_due_after_its_pause_and_keeps_its_count() {
    let claimed = pending(SENT).claimed(claim(), at(0)).postponed(at(900_000));
    assert_eq!((claimed.due(), claimed.send_attempts.tries, claimed.needs_stream()), (Some(at(900_000)), 1, false));
    let never_tried = pending(SENT).postponed(at(900_000));
    assert!(!never_tried.needs_stream(), "the stream would retry it at once");
}

#[test]
fn pauses_double_from_half_a_minute_to_an_hour() {
    let seconds: Vec<u64> = [0, 1, 2, 3, 7, 8, 9, u32::MAX].map(|tries| pause_after(tries).as_secs()).into();
    assert_eq!(seconds, [30, 30, 60, 120, 1920, 3600, 3600, 3600]);
}

#[test]
fn after_the_email_only_the_expiry_is_due_and_after_it_nothing() {
    let sent = pending(SENT).delivered(1, Delivery { status: DeliveryStatus::Sent, at: at(1), reason: None });
    assert_eq!((sent.due(), sent.needs_stream()), (Some(sent.resource.expiry.plus(MARGIN)), false));
    let expired = sent.expired(sent.resource.expiry);
    assert_eq!(event_types(&expired), [EventType::Expired]);
    assert!(expired.needs_stream() && !expired.expiry_is_due(expired.resource.expiry.plus(MARGIN)));
    assert_eq!(expired.published().due(), None);
}

#[test]
fn an_expiry_is_due_after_a_margin_until_it_is_published() {
    let open = pending(SENT);
    let due = open.resource.expiry.plus(MARGIN);
    assert!(!open.expiry_is_due(open.resource.expiry) && !open.expiry_is_due(at(due.as_millis() - 1)));
    assert!(open.expiry_is_due(due) && open.expiry_is_due(due.plus(MARGIN)));
    assert!(!open.expired(due).expiry_is_due(due));
}

#[test]
fn an_email_never_sent_has_failed_when_the_invitation_expires() {
    let before = pending(SENT).postponed(at(1));
    let expired = before.expired(before.resource.expiry);
    assert_eq!(expired.resource.delivery.as_ref().map(|it| it.status), Some(DeliveryStatus::Failed));
    assert!(!expired.wants_email(before.resource.expiry));
    assert_eq!(expired.published().due(), None);
}

#[test]
fn closed_invitations_need_no_email_and_do_not_expire() {
    for closing in [Closing::Accepted, Closing::Declined, Closing::Revoked] {
        let closed = pending(SENT).closed(closing, at(1), claim());
        assert!(!closed.mail_is_due(at(2)) && !closed.expiry_is_due(closed.resource.expiry.plus(MARGIN)));
        assert_eq!(closed.published().due(), None, "{closing:?}");
    }
}

#[test]
fn a_later_status_replaces_an_earlier_one_in_any_order_of_arrival() {
    for known in DeliveryStatus::ALL {
        for status in DeliveryStatus::ALL {
            let before = Invitation { resource: Resource { delivery: Some(report(known)), ..pending(SENT).resource }, ..pending(SENT) };
            let after = before.delivered(1, report(status));
            assert_eq!(after.resource.delivery.map(|it| it.status), Some(known.max(status)), "{known} then {status}");
        }
    }
}

#[test]
fn the_same_status_again_changes_nothing() {
    for status in DeliveryStatus::ALL {
        let known = Invitation { resource: Resource { delivery: Some(report(status)), ..pending(SENT).resource }, ..pending(SENT) };
        assert_eq!(known.delivered(1, Delivery { at: at(9), ..report(status) }), known, "{status}");
    }
}

#[test]
fn of_an_earlier_sending_only_a_bounce_or_complaint_counts() {
    let mut third = pending(SENT);
    third.link.version = 3;
    third.resource.delivery = Some(report(DeliveryStatus::Sent));
    for status in DeliveryStatus::ALL {
        let after = third.delivered(1, report(status));
        assert_eq!(after != third, status.blocks(), "{status}");
    }
    assert_eq!(third.delivered(2, report(DeliveryStatus::Bounced)).resource.delivery, Some(report(DeliveryStatus::Bounced)));
    for sending in [0, 4] {
        assert_eq!(third.delivered(sending, report(DeliveryStatus::Bounced)), third, "there is no such sending");
    }
    let forced = Invitation { feedback_since: 3, ..third.clone() };
    assert_eq!(forced.delivered(2, report(DeliveryStatus::Bounced)), forced);
    assert_ne!(forced.delivered(3, report(DeliveryStatus::Bounced)), forced);
    let arrived =
        Invitation { resource: Resource { delivery: Some(report(DeliveryStatus::Delivered)), ..third.resource.clone() }, ..third.clone() };
    assert_eq!(arrived.delivered(2, report(DeliveryStatus::Bounced)), arrived, "a later email arrived");
    assert_ne!(arrived.delivered(2, report(DeliveryStatus::Complained)), arrived);
    let unsent = Invitation { resource: Resource { delivery: None, ..third.resource.clone() }, ..third };
    assert_eq!(unsent.delivered(2, report(DeliveryStatus::Bounced)), unsent, "its email is not sent yet");
}

#[test]
fn an_email_is_due_at_once_even_if_the_senders_clock_is_ahead() {
    let asked = pending(at(10_000));
    assert!(asked.mail_is_due(at(asked.resource.last_sent.as_millis() - 2000)));
    let tried = asked.postponed(asked.resource.last_sent.plus(MARGIN));
    assert!(!tried.mail_is_due(asked.resource.last_sent));
    assert_eq!(tried.due(), Some(asked.resource.last_sent.plus(MARGIN)), "exactly at the end of the pause");
}

#[test]
fn an_email_that_ses_did_not_consider_has_not_been_tried() {
    let mut busy = pending(SENT);
    for _ in 0..20 {
        busy = busy.claimed(claim(), at(1000)).postponed_uncounted(at(2000));
        assert_eq!((busy.send_attempts.tries, busy.send_attempts.claim.as_ref(), busy.due()), (1, None, Some(at(2000))));
        assert!(!busy.needs_stream());
    }
    let failing = pending(SENT).claimed(claim(), at(0)).postponed(at(1)).claimed(claim(), at(1)).postponed(at(2));
    assert_eq!(failing.send_attempts.tries, 2);
    assert_eq!(failing.claimed(claim(), at(2)).postponed_uncounted(at(3)).send_attempts.tries, 2);
    assert_eq!(failing.postponed_uncounted(at(3)).send_attempts.tries, 2, "it was not claimed");
}

#[test]
fn claims_without_an_outcome_are_retried_at_growing_intervals() {
    let (mut invitation, mut now) = (pending(SENT), SENT);
    let pauses = (0..12).map(|_| {
        let before = now;
        invitation = invitation.claimed(claim(), now);
        now = invitation.due().expect("it is due again");
        Duration::from_millis(u64::try_from(now.as_millis() - before.as_millis()).expect("later"))
    });
    let pauses: Vec<Duration> = pauses.collect();
    assert!(pauses.is_sorted() && pauses[0] == LEASE && pauses[11] == Duration::from_secs(3600), "{pauses:?}");
}

#[test]
fn only_actionable_delivery_statuses_are_published() {
    let published = |status| event_types(&pending(SENT).delivered(1, report(status)));
    assert_eq!(published(DeliveryStatus::Sent), []);
    assert_eq!(published(DeliveryStatus::Delayed), []);
    assert_eq!(published(DeliveryStatus::Delivered), [EventType::Delivered]);
    assert_eq!(published(DeliveryStatus::SoftBounced), [EventType::SoftBounced]);
    assert_eq!(published(DeliveryStatus::Bounced), [EventType::Bounced]);
    assert_eq!(published(DeliveryStatus::Complained), [EventType::Complained]);
    assert_eq!(published(DeliveryStatus::Failed), [EventType::Failed]);
    assert_eq!(EventType::SoftBounced.kind(), "bounced");
}

#[test]
fn a_delivery_event_shows_the_status_of_its_time() {
    for status in DeliveryStatus::ALL {
        let news = Delivery { reason: Reason::of("MailboxFull"), ..report(status) };
        let events = pending(SENT).delivered(1, news.clone()).outbox.events;
        assert!(events.iter().all(|event| event.delivery() == Some(news.clone())), "{status}");
    }
    let closed = pending(SENT).closed(Closing::Accepted, at(1), claim());
    assert_eq!(closed.outbox.events[0].delivery(), None);
}

#[test]
fn a_reason_is_a_short_plain_text() {
    assert_eq!(Reason::of("  MailboxFull\r\n").as_ref().map(Reason::as_str), Some("MailboxFull"));
    let long = Reason::of(&"x".repeat(1000)).expect("something is left");
    assert_eq!(long.as_str().len(), 100);
    assert_eq!(Reason::of("<>@\u{202e}"), None);
}

#[test]
fn a_delivery_round_trips() {
    for status in DeliveryStatus::ALL {
        for reason in [None, Reason::of("NoEmail"), Reason::of("Bad content")] {
            let delivery = Delivery { status, at: at(1_592_730_072_999), reason };
            assert_eq!(delivery.to_string().parse(), Ok(delivery));
        }
    }
    for text in ["", "sent", "sent#", "sent#x", "lost#1", "sent#1#", "sent#1#a#b", "sent#-1", "sent#1#<b>"] {
        assert!(text.parse::<Delivery>().is_err(), "{text}");
    }
}

#[test]
fn an_event_round_trips_and_has_its_own_id() {
    for (place, event_type) in EventType::ALL.into_iter().enumerate() {
        for reason in [None, Reason::of("Bad content")] {
            let event = Event { sequence: place as u64 + 1, event_type, at: at(1_592_730_072_999), terms: None, reason };
            assert_eq!(event.to_string().parse(), Ok(event));
        }
    }
    let invitation = pending(SENT).closed(Closing::Revoked, at(1), claim());
    assert_eq!(invitation.outbox.events[0].id(invitation.resource.id), format!("{}-1", invitation.resource.id));
    for text in
        ["", "#", "1#created", "x#created#1", "1#made#1", "1#created#-1", "1#created#99999999999999", "1#failed#1#", "1#failed#1#<b>"]
    {
        assert!(text.parse::<Event>().is_err(), "{text}");
    }
}

/// A new invitation, with its event.
fn created() -> Invitation {
    let mut invitation = pending(SENT);
    invitation.outbox.put(EventType::Created, SENT);
    invitation
}

/// An invitation with any background work.
fn any_work() -> impl Strategy<Value = Invitation> {
    let delivery = proptest::option::of((0..DeliveryStatus::ALL.len(), near_time()));
    let events = proptest::collection::vec(near_time(), 0..3);
    let reminder = (proptest::option::of(0u64..5_000_000), proptest::option::of(near_time()));
    (any_invitation(), delivery, events, 0u32..3, near_time(), any::<bool>(), reminder).prop_map(
        |(mut invitation, delivery, events, tries, not_before, expiry_published, (before, reminded))| {
            invitation.remind_before = before.map(Duration::from_secs);
            invitation.resource.reminded = reminded;
            invitation.resource.delivery = delivery.map(|(status, at)| Delivery { status: DeliveryStatus::ALL[status], at, reason: None });
            for at in events {
                invitation.outbox.put(EventType::Delivered, at);
            }
            let send_attempts = SendAttempts { tries, not_before, claim: None };
            Invitation { send_attempts, expiry_published, ..invitation }
        },
    )
}

#[test]
fn a_new_invitation_is_only_in_the_index_of_the_stream() {
    let entries = DueEntries::of(&created());
    assert_eq!(entries, DueEntries { stream: Some(SENT.plus(GRACE)), timer: None });
}

#[test]
fn claiming_and_recording_an_email_leave_early_entries() {
    let new = created();
    let entries = DueEntries::of(&new);
    let claimed = new.published().claimed(claim(), at(1000));
    assert_eq!(entries.after(&new, &claimed, at(1000)), entries);
    let sent = claimed.delivered(1, Delivery { status: DeliveryStatus::Sent, at: at(1500), reason: None });
    assert_eq!(entries.after(&claimed, &sent, at(1500)), entries);
    let delivered = sent.delivered(1, Delivery { status: DeliveryStatus::Delivered, at: at(3000), reason: None });
    assert_eq!(entries.after(&sent, &delivered, at(3000)), entries, "its event would be due later");
}

#[test]
fn publishing_the_last_event_leaves_only_the_expiry() {
    let sent = pending(SENT).delivered(1, Delivery { status: DeliveryStatus::Delivered, at: at(3000), reason: None });
    let entries = DueEntries { stream: Some(SENT.plus(GRACE)), timer: None };
    let only_expiry = DueEntries { stream: None, timer: Some(sent.resource.expiry.plus(MARGIN)) };
    assert_eq!(entries.after(&sent, &sent.published(), at(4000)), only_expiry);
    let closed = sent.published().closed(Closing::Accepted, at(5000), claim());
    let waiting = only_expiry.after(&sent.published(), &closed, at(5000));
    assert_eq!(waiting, DueEntries { stream: Some(at(5000).plus(GRACE)), ..only_expiry }, "the expiry's entry may stay");
    assert_eq!(waiting.after(&closed, &closed.published(), at(6000)), DueEntries::default());
}

#[test]
fn an_entry_whose_time_has_come_is_moved() {
    let sent = pending(SENT).delivered(1, Delivery { status: DeliveryStatus::Sent, at: at(1), reason: None });
    let entries = DueEntries { stream: Some(SENT.plus(GRACE)), timer: None };
    assert!(!entries.are_early(&sent, at(119_999)));
    assert!(entries.are_early(&sent, SENT.plus(GRACE)));
    let moved = entries.after(&sent, &sent, SENT.plus(GRACE));
    assert_eq!(moved, DueEntries { stream: None, timer: Some(sent.resource.expiry.plus(MARGIN)) });
    assert!(!moved.are_early(&sent, SENT.plus(GRACE)));
}

#[test]
fn an_event_that_still_waits_is_not_listed_early() {
    let waiting = pending(SENT).closed(Closing::Revoked, at(1), claim());
    assert!(!DueEntries::of(&waiting).are_early(&waiting, at(900_000)), "it is due, so a failed attempt moves nothing");
}

proptest! {
    /// The guarantee behind leaving entries early: whatever is due, an index lists it in time.
    #[test]
    fn entries_are_never_late(
        before in any_work(),
        next in any_work(),
        stored in (proptest::option::of(near_time()), proptest::option::of(near_time())),
        now in near_time(),
    ) {
        let stored = DueEntries { stream: stored.0, timer: stored.1 };
        let entries = stored.after(&before, &next, now);
        let first = [entries.stream, entries.timer].into_iter().flatten().min();
        if let Some(due) = next.due() {
            prop_assert!(first.is_some_and(|first| first <= due), "{entries:?} for {due:?}");
        }
        // And the time that remains when the stream's entry is removed.
        if entries.stream.is_none() {
            prop_assert!(next.timer().is_none_or(|timer| entries.timer.is_some_and(|entry| entry <= timer)));
        }
    }

    /// Moving an early entry makes it right, so the reconciler finds it once.
    #[test]
    fn an_early_entry_is_moved_once(invitation in any_work(), stream in near_time(), timer in near_time(), now in near_time()) {
        let entries = DueEntries { stream: Some(stream), timer: Some(timer) };
        let moved = entries.after(&invitation, &invitation, now);
        prop_assert!(!moved.are_early(&invitation, now), "{moved:?}");
        prop_assert!(!DueEntries::of(&invitation).are_early(&invitation, now));
    }

    #[test]
    fn everything_due_is_in_the_index_within_the_grace_period(invitation in any_work(), now in near_time()) {
        prop_assume!(!invitation.expiry_published);
        if invitation.due_email(now).is_some() || invitation.expiry_is_due(now) || !invitation.outbox.events.is_empty() {
            prop_assert!(invitation.due().is_some());
        }
        if invitation.expiry_is_due(now) {
            prop_assert!(invitation.due() <= Some(now));
        }
        if invitation.due_email(now) == Some(EmailKind::Reminder) {
            prop_assert!(invitation.timer() <= Some(now));
        }
        if invitation.mail_is_due(now) {
            let latest = invitation.send_attempts.not_before.max(invitation.resource.last_sent.plus(GRACE));
            prop_assert!(invitation.due() <= Some(latest));
        }
    }

    #[test]
    fn every_step_leaves_the_revision_and_the_visible_history_unchanged(invitation in any_invitation(), now in near_time()) {
        for after in [invitation.claimed(claim(), now), invitation.postponed(now), invitation.published(), invitation.expired(now)] {
            prop_assert_eq!(after.revision, invitation.revision);
            prop_assert_eq!((after.resource.modified, after.resource.expiry, after.resource.status), (invitation.resource.modified, invitation.resource.expiry, invitation.resource.status));
            prop_assert_eq!(&after.operations, &invitation.operations);
        }
    }

    #[test]
    fn only_an_open_invitation_is_emailed(invitation in any_work(), now in near_time()) {
        if invitation.due_email(now).is_some() {
            prop_assert_eq!(invitation.state(now), State::Invited);
            prop_assert_eq!(invitation.resource.status, Status::Pending);
        }
        prop_assert!(pause_after(invitation.send_attempts.tries) <= Duration::from_secs(3600));
    }
}
