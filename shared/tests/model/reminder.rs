//! When an invitee is reminded, and the effects of the reminder.

use std::time::Duration;

use proptest::prelude::*;
use shared::domain::{
    Invitation, Timestamp,
    courier::{DueEntries, EmailKind, GRACE, LEASE, MARGIN},
    delivery::{Delivery, DeliveryStatus, Reason},
    invitation::{Closing, OperationId},
    lifecycle::Handover,
    outbox::EventType,
    reminder::RemindBefore,
};

use super::support::{at, parsed, pending};

const SENT: Timestamp = Timestamp::ZERO;
const HOUR: Duration = Duration::from_secs(3600);

fn claim() -> OperationId {
    OperationId("claim".to_owned())
}

fn report(status: DeliveryStatus) -> Delivery {
    Delivery { status, at: at(5), reason: Reason::of("NoEmail") }
}

fn event_types(invitation: &Invitation) -> Vec<EventType> {
    invitation.outbox.events.iter().map(|event| event.event_type).collect()
}

/// An invitation that lasts so long, with the default reminder and the email in this state.
fn lasting(lifetime: Duration, status: DeliveryStatus) -> Invitation {
    let mut invitation = Invitation { lifetime, ..pending(SENT) };
    invitation.resource.expiry = SENT.plus(lifetime);
    invitation.with_reminder(RemindBefore::default()).claimed(claim(), SENT).delivered(1, report(status)).published()
}

/// One of seven days, whose email has arrived.
fn delivered() -> Invitation {
    lasting(7 * 24 * HOUR, DeliveryStatus::Delivered)
}

fn reminder_time(invitation: &Invitation) -> Timestamp {
    invitation.resource.expiry.minus(48 * HOUR)
}

#[test]
fn the_setting_is_never_or_from_a_minute_to_thirty_days() {
    for (text, duration) in [("0", None), ("60", Some(60)), ("172800", Some(172_800)), ("2592000", Some(2_592_000))] {
        let setting = parsed::<RemindBefore>(text);
        assert_eq!(setting.duration(), duration.map(Duration::from_secs));
        assert_eq!((setting.to_string().as_str(), setting.as_secs().to_string().as_str()), (text, text));
    }
    for text in ["", "1", "59", "2592001", "-1", "1.5", "1e3", "never", "99999999999999"] {
        let error = text.parse::<RemindBefore>().expect_err(text).to_string();
        assert_eq!(error, format!("must be 0 or an integer from 60 to 2592000, not '{text}'"));
    }
    assert_eq!(RemindBefore::default().duration(), Some(48 * HOUR));
}

#[test]
fn an_invitation_whose_email_has_arrived_is_reminded_48_hours_before_the_expiry() {
    let invitation = delivered();
    let due = reminder_time(&invitation);
    assert_eq!((invitation.reminder_due(), invitation.timer(), invitation.due()), (Some(due), Some(due), Some(due)));
    assert_eq!(invitation.due_email(at(due.as_millis() - 1)), None);
    assert_eq!(invitation.due_email(due), Some(EmailKind::Reminder));
    assert_eq!(invitation.due_email(invitation.resource.expiry), None, "it has expired");
    assert!(!invitation.needs_stream());
}

#[test]
fn only_a_lifetime_of_one_and_a_half_times_the_reminders_leaves_time_for_one() {
    for (lifetime, is_reminded) in [(72 * HOUR, true), (72 * HOUR - Duration::from_secs(1), false), (HOUR, false)] {
        assert_eq!(lasting(lifetime, DeliveryStatus::Sent).reminder_due().is_some(), is_reminded, "{lifetime:?}");
    }
    let short = lasting(HOUR, DeliveryStatus::Sent);
    let scaled = short.with_reminder(parsed("2400"));
    assert_eq!(scaled.reminder_due(), Some(at(1_200_000)));
    assert_eq!(short.with_reminder(parsed("2401")).reminder_due(), None);
}

#[test]
fn the_fraction_of_a_second_in_which_it_was_sent_does_not_shorten_the_lifetime() {
    let sent = at(1999);
    let mut invitation = pending(sent).with_reminder(RemindBefore::default()).delivered(1, report(DeliveryStatus::Sent));
    invitation.resource.expiry = sent.floor_to_second().plus(72 * HOUR);
    assert_eq!(invitation.reminder_due(), Some(at(1000).plus(24 * HOUR)));
}

#[test]
fn nobody_is_reminded_within_a_quarter_of_the_time_after_an_email_that_was_late() {
    let arrived = |time: Timestamp| {
        let claimed = pending(SENT).with_reminder(RemindBefore::default()).claimed(claim(), SENT);
        claimed.delivered(1, Delivery { at: time, ..report(DeliveryStatus::Delivered) })
    };
    let latest = reminder_time(&pending(SENT)).minus(12 * HOUR);
    assert_eq!(arrived(latest).reminder_due(), Some(reminder_time(&pending(SENT))));
    for late in [latest.plus(Duration::from_millis(1)), latest.plus(12 * HOUR), latest.plus(24 * HOUR)] {
        assert_eq!(arrived(late).reminder_due(), None);
    }
}

#[test]
fn nobody_is_reminded_of_an_email_that_was_not_sent_or_was_refused() {
    for status in DeliveryStatus::ALL {
        let refused = [DeliveryStatus::Failed, DeliveryStatus::Bounced, DeliveryStatus::Complained].contains(&status);
        assert_eq!(lasting(96 * HOUR, status).reminder_due().is_none(), refused, "{status}");
    }
    let unsent = pending(SENT).with_reminder(RemindBefore::default());
    assert_eq!(unsent.reminder_due(), None);
    let bounced_later = delivered().delivered(1, report(DeliveryStatus::Bounced));
    assert_eq!(bounced_later.reminder_due(), None);
}

#[test]
fn nobody_is_reminded_of_an_invitation_that_is_closed_or_expired_or_never_had_a_reminder_planned() {
    for closing in [Closing::Accepted, Closing::Declined, Closing::Revoked] {
        assert_eq!(delivered().closed(closing, at(10), claim()).reminder_due(), None, "{closing:?}");
    }
    let invitation = delivered();
    assert_eq!(invitation.expired(invitation.resource.expiry).reminder_due(), None);
    assert_eq!(invitation.with_reminder(RemindBefore::NEVER).reminder_due(), None);
    // As of a version without reminders.
    let earlier = pending(SENT).claimed(claim(), SENT).delivered(1, report(DeliveryStatus::Sent));
    assert_eq!((earlier.reminder_due(), earlier.timer()), (None, Some(earlier.resource.expiry.plus(MARGIN))));
}

#[test]
fn a_reminder_is_claimed_postponed_and_retried_like_an_email() {
    let invitation = delivered();
    let due = reminder_time(&invitation);
    let claimed = invitation.claimed(claim(), due);
    let end = due.plus(LEASE);
    assert_eq!((claimed.due_email(due), claimed.timer(), claimed.send_attempts.tries), (None, Some(end), 1));
    assert_eq!(claimed.due_email(end), Some(EmailKind::Reminder), "its courier is gone");
    let postponed = claimed.postponed(end.plus(HOUR));
    assert_eq!((postponed.timer(), postponed.due_email(end)), (Some(end.plus(HOUR)), None));
    let too_late = claimed.postponed(invitation.resource.expiry);
    assert_eq!((too_late.reminder_due(), too_late.timer()), (None, Some(invitation.resource.expiry.plus(MARGIN))));
}

#[test]
fn the_reports_on_the_first_email_leave_the_claim_on_the_reminder() {
    let sent = lasting(96 * HOUR, DeliveryStatus::Sent);
    let claimed = sent.claimed(claim(), reminder_time(&sent));
    let after = claimed.delivered(1, report(DeliveryStatus::Delivered));
    assert_eq!(after.send_attempts, claimed.send_attempts);
}

#[test]
fn the_attempts_of_the_first_email_are_not_those_of_the_reminder() {
    let tried = pending(SENT).with_reminder(RemindBefore::default()).claimed(claim(), SENT).postponed(at(1)).claimed(claim(), at(1));
    let sent = tried.delivered(1, report(DeliveryStatus::Sent));
    assert_eq!((sent.send_attempts.tries, sent.send_attempts.claim.as_ref(), sent.send_attempts.not_before), (0, None, SENT));
}

#[test]
fn a_sent_reminder_shows_its_time_and_publishes_an_event_and_only_the_expiry_remains() {
    let invitation = delivered();
    let now = reminder_time(&invitation).plus(Duration::from_secs(7));
    let reminded = invitation.claimed(claim(), now).reminded(1, now);
    assert_eq!(reminded.resource.reminded, Some(now));
    assert_eq!((reminded.remind_before, reminded.send_attempts.tries, reminded.send_attempts.claim.as_ref()), (None, 0, None));
    let event = reminded.outbox.events.last().expect("an event");
    assert_eq!((event.event_type, event.at, &event.terms), (EventType::Reminded, now, &None));
    let published = reminded.published();
    assert_eq!((published.due_email(now), published.timer()), (None, Some(invitation.resource.expiry.plus(MARGIN))));
    // It is not a sending.
    let unchanged = Invitation {
        resource: shared::domain::Resource { reminded: None, ..reminded.resource.clone() },
        remind_before: invitation.remind_before,
        outbox: invitation.outbox.clone(),
        ..reminded.clone()
    };
    assert_eq!(unchanged, invitation);
    assert_eq!(reminded.reminded(1, now.plus(HOUR)), reminded, "once");
}

#[test]
fn a_resend_forgets_the_reminder_and_allows_another() {
    let invitation = delivered();
    let now = reminder_time(&invitation);
    let claimed = invitation.claimed(claim(), now);
    let link = shared::domain::link::Link { version: 2, ..invitation.link.clone() };
    let resent_by = |handover| claimed.resent(handover, now, OperationId("resend".to_owned()), link.clone(), Duration::ZERO, None);
    let resent = resent_by(Handover::Email);
    let handed_out = resent_by(Handover::Caller);
    assert_eq!((handed_out.reminder_due(), handed_out.timer()), (None, Some(handed_out.resource.expiry.plus(MARGIN))), "no email");
    assert_eq!((resent.resource.reminded, resent.remind_before, resent.reminder_due()), (None, None, None));
    assert_eq!(resent.reminded(1, now), resent, "the reminder of the earlier sending");
    let sent = resent.with_reminder(RemindBefore::default()).claimed(claim(), now).delivered(2, report(DeliveryStatus::Sent));
    assert_eq!(sent.reminder_due(), Some(sent.resource.expiry.minus(48 * HOUR)));
}

#[test]
fn a_setting_that_has_changed_can_make_a_due_reminder_later_or_drop_it_but_not_earlier() {
    let invitation = delivered();
    let again = |setting: &str| invitation.with_reminder_no_earlier_than(parsed(setting));
    assert_eq!(again("3600").reminder_due(), Some(invitation.resource.expiry.minus(HOUR)));
    assert_eq!(again("172800"), invitation);
    assert_eq!(again("259200"), invitation);
    assert_eq!((again("0").reminder_due(), again("0").timer()), (None, Some(invitation.resource.expiry.plus(MARGIN))));
    let never = invitation.with_reminder(RemindBefore::NEVER);
    assert_eq!(never.with_reminder_no_earlier_than(RemindBefore::default()), never);
}

#[test]
fn a_reminder_that_ses_refuses_is_given_up() {
    let invitation = delivered();
    let given_up = invitation.claimed(claim(), reminder_time(&invitation)).without_reminder();
    assert_eq!(
        (given_up.reminder_due(), given_up.resource.reminded, given_up.timer()),
        (None, None, Some(invitation.resource.expiry.plus(MARGIN)))
    );
    assert_eq!((&given_up.outbox, &given_up.resource.delivery), (&invitation.outbox, &invitation.resource.delivery));
}

#[test]
fn of_the_reports_on_a_reminder_only_bounces_and_complaints_replace_the_delivery() {
    let invitation = delivered();
    let due = reminder_time(&invitation);
    let reminded = invitation.claimed(claim(), due).reminded(1, due).published();
    for status in DeliveryStatus::ALL {
        let after = reminded.reminder_delivered(1, report(status));
        let expected = if status.blocks() { report(status) } else { report(DeliveryStatus::Delivered) };
        assert_eq!(after.resource.delivery, Some(expected), "{status}");
        assert_eq!(after == reminded, !status.blocks(), "{status}");
    }
}

#[test]
fn a_report_on_a_reminder_proves_that_it_was_sent_unless_ses_failed_to_send_it() {
    let invitation = delivered();
    let claimed = invitation.claimed(claim(), reminder_time(&invitation));
    for status in DeliveryStatus::ALL {
        let after = claimed.reminder_delivered(1, report(status));
        let sent = status != DeliveryStatus::Failed;
        assert_eq!(after.resource.reminded, sent.then_some(at(5)), "{status}");
        let mut events = vec![EventType::Reminded];
        events.extend(EventType::of_email(status).filter(|_| status.blocks()));
        assert_eq!(event_types(&after), if sent { events } else { Vec::new() }, "{status}");
    }
}

#[test]
fn of_the_reminder_of_an_earlier_sending_only_a_bounce_or_complaint_counts() {
    let mut third = lasting(96 * HOUR, DeliveryStatus::Sent);
    third.link.version = 3;
    for status in DeliveryStatus::ALL {
        let after = third.reminder_delivered(1, report(status));
        assert_eq!(after, third.delivered(1, report(status)), "as of its email: {status}");
        assert_eq!(after.resource.reminded, None);
    }
}

#[test]
fn the_entry_is_that_of_the_reminder_where_it_was_that_of_the_expiry_without_another_write() {
    let new = pending(SENT);
    let entries = DueEntries::of(&new);
    let claimed = new.with_reminder(RemindBefore::default()).claimed(claim(), at(1000));
    let sent = claimed.delivered(1, Delivery { status: DeliveryStatus::Sent, at: at(1500), reason: None });
    assert_eq!(entries.after(&new, &claimed, at(1000)).after(&claimed, &sent, at(1500)), entries, "early, and left as it is");
    let delivered = sent.delivered(1, report(DeliveryStatus::Delivered));
    let reminder = DueEntries { stream: None, timer: Some(reminder_time(&sent)) };
    assert_eq!(entries.after(&delivered, &delivered.published(), at(4000)), reminder, "moved when the last event is published");
    assert_eq!(entries.after(&sent, &sent, SENT.plus(GRACE)), reminder, "or when its time has come");
    let due = reminder_time(&sent);
    let reminded = sent.claimed(claim(), due).reminded(1, due);
    let waiting = reminder.after(&sent, &reminded, due);
    assert_eq!(waiting, DueEntries { stream: Some(due.plus(GRACE)), timer: None });
    let expiry = DueEntries { stream: None, timer: Some(sent.resource.expiry.plus(MARGIN)) };
    assert_eq!(waiting.after(&reminded, &reminded.published(), due), expiry);
}

proptest! {
    /// As a damaged row may have it.
    #[test]
    fn no_distance_of_the_reminder_makes_anything_panic(seconds in any::<u64>(), now in super::support::any_time()) {
        let invitation = Invitation { remind_before: Some(Duration::from_secs(seconds)), ..delivered() };
        let _ = (invitation.due(), invitation.due_email(now));
    }

    /// Wherever the expiry is moved to, the reminder keeps its distance.
    #[test]
    fn a_reminder_follows_the_expiry(seconds in 0u64..3_000_000) {
        let mut invitation = delivered();
        invitation.resource.expiry = SENT.plus(Duration::from_secs(seconds));
        let expected = (seconds >= 72 * 3600).then(|| invitation.resource.expiry.minus(48 * HOUR));
        prop_assert_eq!(invitation.reminder_due(), expected);
    }
}
