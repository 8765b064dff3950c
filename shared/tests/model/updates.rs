//! Updates of open invitations: another role, another expiry.

use shared::domain::settings::AccountSettings;
use shared::domain::{
    Invitation, Rejected, Resource,
    delivery::{Delivery, DeliveryStatus},
    invitation::{OperationId, SendAttempts},
    lifecycle::{Action, Change, MAX_UPDATES, Update, modify},
    outbox::{Event, EventType, Terms},
};

use super::support::{at, operation, parsed, pending, policy, with_role};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = DAY + 999;

fn requested(role: Option<&str>, expiry: Option<i64>) -> Action {
    Action::Update(Update { role: role.map(parsed), expiry: expiry.map(at) })
}

fn update(before: &Invitation, role: Option<&str>, expiry: Option<i64>, now: i64) -> Result<Change, Rejected> {
    modify(
        &with_role("full-access", &["*"]),
        before,
        &requested(role, expiry),
        &operation("op"),
        at(now),
        &policy(),
        &AccountSettings::default(),
    )
}

#[track_caller]
fn updated(before: &Invitation, role: Option<&str>, expiry: Option<i64>, now: i64) -> Invitation {
    match update(before, role, expiry, now) {
        Ok(Change::Updated(after)) => after,
        other => panic!("{other:?}"),
    }
}

/// An open invitation whose creation has not been published.
fn created() -> Invitation {
    let mut created = pending(at(0));
    created.outbox.put(EventType::Created, at(0));
    created
}

/// The invitation after a resend two days after it was created.
#[track_caller]
fn resent(before: &Invitation) -> Invitation {
    let who = with_role("full-access", &["*"]);
    let settings = AccountSettings::default();
    match modify(&who, before, &Action::Resend, &operation("resend"), at(2 * DAY), &policy(), &settings) {
        Ok(Change::Sent(after)) => after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_update_changes_exactly_these_fields() {
    let before = created();
    let after = updated(&before, Some("read-only"), Some(3 * DAY + 1), NOW);
    let mut expected = before.clone();
    expected.resource.role = parsed("read-only");
    expected.resource.expiry = at(3 * DAY);
    expected.resource.modified = at(NOW);
    expected.operations.insert(OperationId("op".to_owned()));
    expected.outbox = after.outbox.clone();
    assert_eq!(after, expected);
    let kept = Some(Terms { role: before.resource.role.clone(), expiry: before.resource.expiry });
    let first = Event { terms: kept, ..before.outbox.events[0].clone() };
    let changed = Event { sequence: 2, event_type: EventType::Changed, at: at(NOW), terms: None, reason: None };
    assert_eq!((after.outbox.count, after.outbox.events), (2, vec![first, changed]));
}

#[test]
fn what_already_is_as_requested_stays_even_if_it_could_not_be_requested_now() {
    let before = pending(at(0));
    let expiry = before.resource.expiry.as_millis();
    for (role, wanted) in [(None, Some(expiry)), (Some("full-access"), None), (Some("full-access"), Some(expiry + 999))] {
        assert_eq!(update(&before, role, wanted, expiry - 1), Ok(Change::Nothing), "{role:?}, {wanted:?}");
    }
}

#[test]
fn the_expiry_is_as_far_ahead_of_the_update_as_that_of_a_create() {
    let before = pending(at(0));
    let (earliest, latest) = (DAY + HOUR, DAY + i64::try_from(policy().limits.max_lifetime.as_millis()).expect("it fits"));
    for expiry in [earliest, latest, latest + 999] {
        let expected = at(expiry).floor_to_second();
        assert_eq!(updated(&before, None, Some(expiry), NOW).resource.expiry, expected);
    }
    for expiry in [0, NOW, earliest - 1, latest + 1000] {
        let wanted = at(expiry).floor_to_second();
        let refusal = Rejected::Expiry { wanted, earliest: at(earliest), latest: at(latest) };
        assert_eq!(update(&before, None, Some(expiry), NOW), Err(refusal));
    }
}

/// Escalation by changing a pending invitation, and taking away what only others may grant.
#[test]
fn t14_a_caller_must_be_able_to_grant_the_old_role_and_the_new_one() {
    let invited = |role: &str| Invitation { resource: Resource { role: parsed(role), ..pending(at(0)).resource }, ..pending(at(0)) };
    let who = with_role("helper", &["member", "guest"]);
    let of = |before: &Invitation, role, expiry| {
        modify(&who, before, &requested(role, expiry), &operation("op"), at(NOW), &policy(), &AccountSettings::default())
    };
    let refusal = |role: &str| Err(Rejected::RoleNotGrantable { role: parsed(role), own: parsed("helper") });
    for (old, new, expiry, expected) in [
        ("member", Some("guest"), None, None),
        ("member", None, Some(3 * DAY), None),
        ("member", Some("owner"), None, Some("owner")),
        ("owner", Some("member"), None, Some("owner")),
        ("owner", None, Some(3 * DAY), Some("owner")),
        ("owner", Some("admin"), None, Some("owner")),
        ("member", Some("owner"), Some(0), Some("owner")),
    ] {
        let result = of(&invited(old), new, expiry);
        match expected {
            None => assert!(matches!(result, Ok(Change::Updated(_))), "{old}, {new:?}, {expiry:?}"),
            Some(role) => assert_eq!(result, refusal(role), "{old}, {new:?}, {expiry:?}"),
        }
    }
}

#[test]
fn an_invitation_can_be_updated_ten_times_however_often_it_is_sent() {
    let mut invitation = pending(at(0));
    for round in 0..MAX_UPDATES {
        let role = if round % 2 == 0 { "read-only" } else { "full-access" };
        let change = modify(
            &with_role("full-access", &["*"]),
            &invitation,
            &requested(Some(role), None),
            &operation(&format!("op{round}")),
            at(NOW),
            &policy(),
            &AccountSettings::default(),
        );
        let Ok(Change::Updated(after)) = change else { panic!("{change:?}") };
        invitation = after;
    }
    assert_eq!(MAX_UPDATES, 10);
    assert_eq!(update(&invitation, Some("read-only"), None, NOW), Err(Rejected::MaxUpdates { max: 10 }));
    let sent = modify(
        &with_role("full-access", &["*"]),
        &invitation,
        &Action::Resend,
        &operation("sent"),
        at(NOW),
        &policy(),
        &AccountSettings::default(),
    );
    let Ok(Change::Sent(sent)) = sent else { panic!("{sent:?}") };
    assert_eq!((sent.updates(), sent.sends), (10, 2));
    assert_eq!(update(&sent, Some("read-only"), None, NOW), Err(Rejected::MaxUpdates { max: 10 }));
}

#[test]
fn a_resend_after_an_update_starts_the_original_lifetime() {
    let after = updated(&pending(at(0)), None, Some(20 * DAY), NOW);
    let sent = resent(&after);
    assert_eq!(sent.resource.expiry, at(2 * DAY).plus(policy().limits.lifetime));
}

/// An event that is published again, or late, must not have changed.
#[test]
fn unpublished_events_keep_the_role_and_the_expiry_of_their_time() {
    let created = created();
    let terms = |role: &str, expiry: i64| Some(Terms { role: parsed(role), expiry: at(expiry) });
    let (first, second) = (created.resource.expiry.as_millis(), 5 * DAY);
    let once = updated(&created, Some("read-only"), Some(second), NOW);
    let twice = updated(&once, Some("full-access"), None, NOW);
    let of = |it: &Invitation| it.outbox.events.iter().map(|event| (event.event_type, event.terms.clone())).collect::<Vec<_>>();
    let (creation, change) = ((EventType::Created, terms("full-access", first)), (EventType::Changed, terms("read-only", second)));
    assert_eq!(of(&twice), [creation.clone(), change.clone(), (EventType::Changed, None)]);
    // A resend moves the expiry, which only the last change shows.
    let resent = resent(&twice);
    assert_eq!(of(&resent), [creation, change, (EventType::Changed, terms("full-access", second)), (EventType::Resent, None)]);
    // A change of the expiry alone does not affect what shows no expiry.
    let reported = created.published().delivered(1, Delivery { status: DeliveryStatus::Delivered, at: at(1), reason: None });
    let longer = updated(&reported, None, Some(second), NOW);
    assert_eq!(of(&longer), [(EventType::Delivered, None), (EventType::Changed, None)]);
}

#[test]
fn an_event_round_trips_with_its_terms_and_its_reason() {
    let terms = Terms { role: parsed("read-only"), expiry: at(1_593_334_872_000) };
    let event = Event {
        sequence: 7,
        event_type: EventType::Bounced,
        at: at(1_592_730_072_999),
        terms: Some(terms),
        reason: Some("General no-email".parse().expect("a reason")),
    };
    assert_eq!(event.to_string(), "7#bounced#1592730072999@read-only@1593334872000#General no-email");
    assert_eq!(event.to_string().parse(), Ok(event));
    for text in ["1#changed#1@", "1#changed#1@a", "1#changed#1@a@", "1#changed#1@A@1", "1#changed#1@a@1@1", "1#changed#@a@1"] {
        assert!(text.parse::<Event>().is_err(), "{text}");
    }
}

#[test]
fn an_update_neither_sends_an_email_nor_delays_one() {
    let before = Invitation { send_attempts: SendAttempts { tries: 2, not_before: at(NOW + 5), claim: None }, ..pending(at(0)) };
    let after = updated(&before, Some("read-only"), Some(5 * DAY), NOW);
    assert_eq!((after.send_attempts, after.next_send, after.sends), (before.send_attempts, before.next_send, before.sends));
    assert_eq!(after.resource.last_sent, before.resource.last_sent);
}
