//! The results of create, resend and revoke, and their permissions (T14).

use std::time::Duration;

use proptest::prelude::*;
use shared::domain::settings::AccountSettings;
use shared::domain::{
    Invitation, Principal, Rejected, Resource, State, Timestamp,
    delivery::{Delivery, DeliveryStatus},
    invitation::{Closing, OperationId, SendAttempts, Status},
    lifecycle::{
        Action, Change, Handover, MIN_LIFETIME, NewInvitation, Operation, SendPolicy, Update, create, modify, purge_after, quota_window,
    },
    link::Link,
    outbox::{Event, EventType, Outbox},
};

use super::support::{
    ACCOUNT, ID, any_id, any_invitation, any_status, any_time, at, near_time, operation, parsed, pending, policy, principal,
};

const NOW: i64 = 1_592_730_072_999;
const NOW_FLOORED: i64 = 1_592_730_072_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

pub(crate) fn caller() -> Principal {
    principal(ACCOUNT, "full-access")
}

fn request(expiry: Option<i64>) -> NewInvitation {
    NewInvitation { expiry: expiry.map(at), ..NewInvitation::new(parsed("User.One@example.com"), parsed("full-access")) }
}

fn created(expiry: Option<i64>) -> Result<Invitation, Rejected> {
    create(&caller(), &request(expiry), parsed(ID), &operation("op"), at(NOW), &policy(), &AccountSettings::default())
}

pub(crate) fn resend(who: &Principal, before: &Invitation, now: Timestamp, policy: &SendPolicy) -> Result<Change, Rejected> {
    modify(who, before, &Action::Resend, &operation("resend"), now, policy, &AccountSettings::default())
}

fn event(sequence: u64, event_type: EventType, at: Timestamp) -> Event {
    Event { sequence, event_type, at, terms: None, reason: None }
}

/// Every action, with an update of the role and the expiry.
fn actions(expiry: Option<Timestamp>) -> [Action; 6] {
    let update = Action::Update(Update { role: Some(parsed("read-only")), expiry });
    [Action::Resend, Action::ForcedResend, Action::NewLink, Action::Invite, Action::Revoke, update]
}

fn any_action() -> impl Strategy<Value = Action> {
    (0..6usize, prop::option::of(near_time())).prop_map(|(which, expiry)| actions(expiry)[which].clone())
}

/// Times that are far enough from the latest one for every policy.
pub(crate) fn any_now() -> impl Strategy<Value = Timestamp> {
    (0i64..5_000_000_000_000).prop_map(at)
}

#[test]
fn a_created_invitation_has_exactly_these_fields() {
    let who = caller();
    let invitation = create(&who, &request(None), parsed(ID), &operation("op"), at(NOW), &policy(), &AccountSettings::default());
    let expected = Invitation {
        resource: Resource {
            id: parsed(ID),
            account: parsed(ACCOUNT),
            email: parsed("User.One@example.com"),
            role: parsed("full-access"),
            status: Status::Pending,
            created: at(NOW),
            modified: at(NOW),
            expiry: at(NOW_FLOORED + 7 * DAY),
            last_sent: at(NOW),
            invited_by: who.urn().to_owned(),
            delivery: None,
            reminded: None,
            accepted_by: None,
            link_only: false,
            metadata: None,
            redirect: None,
        },
        lifetime: Duration::from_secs(7 * 86_400),
        next_send: at(NOW + 60_000),
        sends: 1,
        link: policy().link_keys.link(&parsed(ACCOUNT), parsed(ID), 1, [7; 16]),
        revision: 1,
        operations: [OperationId("op".to_owned())].into(),
        sender: None,
        locale: None,
        send_attempts: SendAttempts { tries: 0, not_before: at(NOW), claim: None },
        outbox: Outbox { count: 1, events: vec![event(1, EventType::Created, at(NOW))] },
        expiry_published: false,
        remind_before: None,
        feedback_since: 1,
    };
    assert_eq!(invitation, Ok(expected));
}

#[test]
fn a_requested_expiry_is_one_hour_to_30_days_ahead_to_the_second() {
    for (wanted, seconds) in [
        (NOW_FLOORED + HOUR, 3600),
        (NOW_FLOORED + HOUR + 999, 3600),
        (NOW_FLOORED + 2 * DAY, 2 * 86_400),
        (NOW_FLOORED + 30 * DAY, 30 * 86_400),
        (NOW_FLOORED + 30 * DAY + 999, 30 * 86_400),
    ] {
        let invitation = created(Some(wanted)).expect("in range");
        assert_eq!(invitation.lifetime, Duration::from_secs(seconds), "a resend lasts as long");
        assert_eq!(invitation.resource.expiry, at(wanted).floor_to_second(), "the requested expiry is stored");
    }
    for wanted in [0, NOW, NOW_FLOORED + HOUR - 1, NOW_FLOORED + 30 * DAY + 1000, Timestamp::MAX.as_millis()] {
        let refusal =
            Rejected::Expiry { wanted: at(wanted).floor_to_second(), earliest: at(NOW_FLOORED + HOUR), latest: at(NOW_FLOORED + 30 * DAY) };
        assert_eq!(created(Some(wanted)), Err(refusal));
    }
}

#[test]
fn the_error_about_an_expiry_names_the_range() {
    let error = created(Some(NOW)).expect_err("too near").to_string();
    assert_eq!(error, "expiry: 2020-06-21T09:01:12Z is out of range; it must be between 2020-06-21T10:01:12Z and 2020-07-21T09:01:12Z");
}

#[test]
fn a_caller_cannot_create_with_a_role_that_it_may_not_grant() {
    let refused = |own: &str, role: &str, expiry| {
        let request = NewInvitation { role: parsed(role), ..request(expiry) };
        let refusal = Rejected::RoleNotGrantable { role: parsed(role), own: parsed(own) };
        assert_eq!(
            create(&principal(ACCOUNT, own), &request, parsed(ID), &operation("op"), at(NOW), &policy(), &AccountSettings::default()),
            Err(refusal)
        );
    };
    refused("read-only", "read-only", None);
    refused("read-only", "full-access", None);
    refused("unknown", "unknown", None);
    // The permission is checked first.
    refused("read-only", "full-access", Some(0));
}

#[test]
fn a_revocation_changes_exactly_these_fields() {
    let before = pending(at(1000));
    let after = before.closed(Closing::Revoked, at(5000), OperationId("op".to_owned()));
    let expected = Invitation {
        resource: Resource { status: Status::Closed(Closing::Revoked, at(5000)), modified: at(5000), ..before.resource.clone() },
        operations: [OperationId("created".to_owned()), OperationId("op".to_owned())].into(),
        outbox: Outbox { count: 1, events: vec![event(1, EventType::Revoked, at(5000))] },
        ..before
    };
    assert_eq!(after, expected);
}

#[test]
fn a_resend_changes_exactly_these_fields() {
    let before = Invitation {
        resource: Resource {
            delivery: Some(Delivery { status: DeliveryStatus::Delivered, at: at(3000), reason: None }),
            reminded: Some(at(4000)),
            ..pending(at(1000)).resource
        },
        lifetime: Duration::from_secs(7200),
        send_attempts: SendAttempts { tries: 3, not_before: at(2000), claim: Some(OperationId("claim".to_owned())) },
        remind_before: Some(Duration::from_secs(60)),
        expiry_published: true,
        ..pending(at(1000))
    };
    let link = Link { key_id: "2".to_owned(), version: 2, nonce: [3; 16], hash: [4; 32] };
    let after =
        before.resent(Handover::Email, at(100_999), OperationId("op".to_owned()), link.clone(), Duration::from_secs(60), Some("Jane"));
    let expected = Invitation {
        resource: Resource {
            modified: at(100_999),
            expiry: at(100_000 + 7_200_000),
            last_sent: at(100_999),
            delivery: None,
            reminded: None,
            ..before.resource.clone()
        },
        next_send: at(160_999),
        sends: 2,
        link,
        operations: [OperationId("created".to_owned()), OperationId("op".to_owned())].into(),
        sender: Some("Jane".to_owned()),
        send_attempts: SendAttempts { tries: 0, not_before: at(100_999), claim: None },
        remind_before: None,
        expiry_published: false,
        outbox: Outbox { count: 1, events: vec![event(1, EventType::Resent, at(100_999))] },
        ..before
    };
    assert_eq!(after, expected);
}

#[test]
fn a_resend_makes_a_link_of_the_next_version_with_the_current_key_and_the_operations_nonce() {
    let before = pending(at(0));
    let Ok(Change::Sent(after)) = resend(&caller(), &before, at(60_000), &policy()) else { panic!("it can be resent") };
    assert_eq!(after.link, policy().link_keys.link(&before.resource.account, before.resource.id, 2, [7; 16]));
    assert_ne!(after.link.hash, before.link.hash);

    let other = Operation { nonce: [8; 16], ..operation("resend") };
    let other = modify(&caller(), &before, &Action::Resend, &other, at(60_000), &policy(), &AccountSettings::default());
    assert!(matches!(other, Ok(Change::Sent(other)) if other.link.hash != after.link.hash), "each sending has its own secret");
}

#[test]
fn a_caller_cannot_resend_a_role_that_it_may_not_grant_but_can_revoke_it() {
    let reader = principal(ACCOUNT, "read-only");
    let refusal = Rejected::RoleNotGrantable { role: parsed("full-access"), own: parsed("read-only") };
    let (open, expired) =
        (pending(at(0)), Invitation { resource: Resource { expiry: at(1), ..pending(at(0)).resource }, ..pending(at(0)) });
    // This is checked before the limits, because waiting does not help.
    for before in [&open, &expired, &Invitation { sends: 10, ..open.clone() }] {
        assert_eq!(resend(&reader, before, at(30_000), &policy()), Err(refusal.clone()));
    }
    assert_eq!(
        modify(&reader, &expired, &Action::Invite, &operation("op"), at(60_000), &policy(), &AccountSettings::default()),
        Err(refusal)
    );
    assert!(matches!(
        modify(&reader, &open, &Action::Revoke, &operation("op"), at(1), &policy(), &AccountSettings::default()),
        Ok(Change::Closed(_))
    ));
    // A closed invitation is closed for every caller.
    let closed = Invitation { resource: Resource { status: Status::Closed(Closing::Accepted, at(1)), ..open.resource.clone() }, ..open };
    assert_eq!(resend(&reader, &closed, at(60_000), &policy()), Err(Rejected::Closed(Closing::Accepted)));
}

#[test]
fn an_address_that_bounced_or_complained_gets_no_resend_unless_forced() {
    for status in DeliveryStatus::ALL {
        let before = Invitation {
            resource: Resource { delivery: Some(Delivery { status, at: at(1), reason: None }), ..pending(at(0)).resource },
            ..pending(at(0))
        };
        let resent = |action| modify(&caller(), &before, &action, &operation("op"), at(60_000), &policy(), &AccountSettings::default());
        let blocks = matches!(status, DeliveryStatus::Bounced | DeliveryStatus::Complained);
        assert_eq!(resent(Action::Resend) == Err(Rejected::EmailRefused(status)), blocks, "{status}");
        assert!(matches!(resent(Action::ForcedResend), Ok(Change::Sent(after)) if after.resource.delivery.is_none()), "{status}");
        assert!(matches!(resent(Action::Revoke), Ok(Change::Closed(_))), "{status}");
    }
}

#[test]
fn a_revocation_ignores_the_cooldown_and_the_number_of_sendings() {
    let exhausted = Invitation { sends: 10, ..pending(at(0)) };
    let revoked = modify(&caller(), &exhausted, &Action::Revoke, &operation("op"), at(1), &policy(), &AccountSettings::default());
    assert!(matches!(revoked, Ok(Change::Closed(after)) if after.state(at(1)) == State::Revoked));
}

#[test]
fn a_row_may_be_purged_when_the_retention_after_its_end_is_over() {
    let day = Duration::from_secs(86_400);
    let open = pending(at(1000));
    assert_eq!(purge_after(&open, Some(day)), Some(open.resource.expiry.plus(day)));
    let closed = Invitation { resource: Resource { status: Status::Closed(Closing::Declined, at(5000)), ..open.resource.clone() }, ..open };
    assert_eq!(purge_after(&closed, Some(day)), Some(at(5000).plus(day)));
    assert_eq!(purge_after(&closed, None), None);
}

#[test]
fn generated_operations_differ_in_id_and_nonce() {
    let (one, other) = (Operation::generate(), Operation::generate());
    assert_ne!(one.id, other.id);
    assert_ne!(one.nonce, other.nonce);
    assert!(one.id.0.len() == 12 && one.id.0.bytes().all(|b| b.is_ascii_alphanumeric()));
}

proptest! {
    #[test]
    fn only_a_pending_invitation_has_a_state_that_time_changes(expiry in near_time(), status in any_status(), now in near_time()) {
        let invitation = Invitation { resource: Resource { status, expiry, ..pending(at(0)).resource }, ..pending(at(0)) };
        let expected = match status {
            Status::Closed(closing, _) => closing.state(),
            Status::Pending if now < expiry => State::Invited,
            Status::Pending => State::Expired,
        };
        prop_assert_eq!(invitation.state(now), expected);
    }

    #[test]
    fn a_created_invitation_is_open_for_a_lifetime_within_the_policy(now in any_now(), id in any_id(), ahead in prop::option::of(0i64..40 * DAY)) {
        let request = request(ahead.map(|ahead| now.as_millis() + ahead));
        match create(&caller(), &request, id, &operation("op"), now, &policy(), &AccountSettings::default()) {
            Ok(invitation) => {
                prop_assert_eq!(invitation.state(now), State::Invited);
                prop_assert_eq!(invitation.resource.expiry, invitation.resource.expiry.floor_to_second());
                prop_assert_eq!(invitation.resource.expiry, now.floor_to_second().plus(invitation.lifetime));
                prop_assert!((MIN_LIFETIME..=policy().limits.max_lifetime).contains(&invitation.lifetime));
            }
            Err(Rejected::Expiry { wanted, earliest, latest }) => {
                prop_assert!(wanted < earliest || latest < wanted);
                // Every time in the returned range succeeds.
                for expiry in [earliest, latest] {
                    let request = NewInvitation { expiry: Some(expiry), ..request.clone() };
                    prop_assert!(create(&caller(), &request, id, &operation("op"), now, &policy(), &AccountSettings::default()).is_ok());
                }
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn every_change_adds_one_operation_and_keeps_the_identity(
        before in any_invitation(),
        action in any_action(),
        now in near_time(),
    ) {
        let (Ok(Change::Closed(after)) | Ok(Change::Sent(after)) | Ok(Change::Updated(after))) = modify(&caller(), &before, &action, &operation("op"), now, &policy(), &AccountSettings::default()) else {
            return Ok(());
        };
        prop_assert_eq!(after.revision, before.revision, "the store counts revisions");
        // A clock that is behind does not move it back in time.
        prop_assert_eq!(after.resource.modified, now.max(before.resource.modified));
        prop_assert_eq!(after.operations.len(), before.operations.len() + 1);
        prop_assert!(after.operations.is_superset(&before.operations) && after.operations.contains(&OperationId("op".to_owned())));
        prop_assert_eq!((after.resource.id, &after.resource.account), (before.resource.id, &before.resource.account));
        prop_assert!(after.resource.role == before.resource.role || matches!(action, Action::Update(_)));
        prop_assert_eq!((&after.resource.email, after.resource.created, &after.resource.invited_by), (&before.resource.email, before.resource.created, &before.resource.invited_by));
        prop_assert_eq!(after.lifetime, before.lifetime);
    }

    #[test]
    fn no_time_causes_a_panic(before in any_invitation(), now in any_time(), expiry in prop::option::of(any_time())) {
        for action in actions(expiry) {
            let _: Result<Change, Rejected> = modify(&caller(), &before, &action, &operation("op"), now, &policy(), &AccountSettings::default());
        }
        let request = NewInvitation { expiry, ..request(None) };
        let _: Result<Invitation, Rejected> = create(&caller(), &request, before.resource.id, &operation("op"), now, &policy(), &AccountSettings::default());
        let _: (Timestamp, Rejected) = quota_window(now, &policy());
        let _: Option<Timestamp> = purge_after(&before, policy().retention);
    }
}
