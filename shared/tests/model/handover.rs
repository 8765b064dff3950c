//! Sendings whose link the caller gets: no email, and no report about one.

use shared::domain::settings::AccountSettings;
use shared::domain::{
    Invitation, Rejected,
    courier::{GRACE, MARGIN},
    delivery::{Delivery, DeliveryStatus},
    lifecycle::{Action, Change, Handover, NewInvitation, create, modify},
    outbox::EventType,
};

use super::support::{ID, at, operation, parsed, policy, with_role};

const MINUTE: i64 = 60_000;

fn created(handover: Handover) -> Invitation {
    let request = NewInvitation { handover, ..NewInvitation::new(parsed("user.one@example.com"), parsed("guest")) };
    create(&with_role("full-access", &["*"]), &request, parsed(ID), &operation("created"), at(0), &policy(), &AccountSettings::default())
        .expect("it is allowed")
}

fn modified(before: &Invitation, action: &Action, now: i64) -> Result<Invitation, Rejected> {
    match modify(
        &with_role("full-access", &["*"]),
        before,
        action,
        &operation(&format!("at-{now}")),
        at(now),
        &policy(),
        &AccountSettings::default(),
    )? {
        Change::Sent(after) => Ok(after),
        other => panic!("{other:?}"),
    }
}

fn report(status: DeliveryStatus, time: i64) -> Delivery {
    Delivery { status, at: at(time), reason: None }
}

#[test]
fn a_created_invitation_differs_only_in_the_mark_and_the_event() {
    let (emailed, handed) = (created(Handover::Email), created(Handover::Caller));
    let mut expected = emailed.clone();
    expected.resource.link_only = true;
    expected.outbox.events[0].event_type = EventType::CreatedUnsent;
    // Each has a caller of its own.
    expected.resource.invited_by.clone_from(&handed.resource.invited_by);
    assert_eq!(handed, expected);
    assert_eq!(EventType::CreatedUnsent.kind(), EventType::Created.kind());
    assert_eq!(EventType::ResentUnsent.kind(), EventType::Resent.kind());
}

#[test]
fn no_email_is_due_at_any_time_but_its_event_and_its_expiry_are() {
    let handed = created(Handover::Caller);
    assert!(!handed.wants_email(at(0)) && !handed.mail_is_due(at(MINUTE)));
    assert_eq!(handed.stream_due(), Some(at(0).plus(GRACE)), "the event");
    let published = handed.published();
    assert_eq!((published.stream_due(), published.needs_stream()), (None, false));
    let expiry = handed.resource.expiry.plus(MARGIN);
    assert_eq!(published.timer(), Some(expiry));
    let expired = published.expired(expiry);
    assert_eq!((expired.resource.delivery.clone(), expired.due()), (None, expired.outbox.events.first().map(|event| event.at.plus(GRACE))));
}

#[test]
fn a_new_link_counts_as_a_sending_and_the_next_email_is_sent() {
    let handed = modified(&created(Handover::Email), &Action::NewLink, MINUTE).expect("it can be sent");
    assert_eq!((handed.sends, handed.link.version, handed.resource.link_only), (2, 2, true));
    assert!(!handed.wants_email(at(MINUTE)));
    assert_eq!(handed.outbox.events.last().map(|event| event.event_type), Some(EventType::ResentUnsent));
    assert_eq!(modified(&handed, &Action::NewLink, 2 * MINUTE - 1), Err(Rejected::Cooldown { retry_after: 1 }));
    let emailed = modified(&handed, &Action::Resend, 2 * MINUTE).expect("it can be sent");
    assert!(emailed.wants_email(at(2 * MINUTE)) && !emailed.resource.link_only);
}

#[test]
fn an_address_that_refuses_emails_can_get_a_link_but_no_email_afterwards() {
    let bounced = created(Handover::Email).delivered(1, report(DeliveryStatus::Bounced, 1));
    let handed = modified(&bounced, &Action::NewLink, MINUTE).expect("a link needs no mailbox");
    assert_eq!(handed.resource.delivery, bounced.resource.delivery, "the delivery is that of the last email");
    assert_eq!(modified(&handed, &Action::Resend, 2 * MINUTE), Err(Rejected::EmailRefused(DeliveryStatus::Bounced)));
    let forced = modified(&handed, &Action::ForcedResend, 2 * MINUTE).expect("it is forced");
    assert!(forced.wants_email(at(2 * MINUTE)));
}

#[test]
fn a_report_about_an_earlier_email_counts_if_the_address_refuses_it() {
    // The email was sent, but no report has come.
    let handed = modified(&created(Handover::Email), &Action::NewLink, MINUTE).expect("it can be sent");
    for status in DeliveryStatus::ALL {
        let after = handed.delivered(1, report(status, MINUTE + 1));
        let expected = status.blocks().then(|| report(status, MINUTE + 1));
        assert_eq!(after.resource.delivery, expected, "{status}");
        // Nobody can report about an email that was not sent.
        assert_eq!(handed.delivered(2, report(status, MINUTE + 1)), handed, "{status}");
    }
}
