//! Invitations as rows: they round-trip, and absent values are not written.

use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;
use shared::{
    domain::{
        Invitation, Resource, Timestamp,
        delivery::{Delivery, DeliveryStatus, Reason},
        invitation::{Closing, OperationId},
    },
    store::{
        StoreError,
        item::{from_row, to_row},
        keys,
    },
};

use super::support::{ID, any_invitation, at, parsed, pending};

fn claim() -> OperationId {
    OperationId("claim".to_owned())
}

/// An invitation in every stage of its lifecycle.
fn stages() -> Vec<Invitation> {
    let fresh = pending(Timestamp::ZERO);
    let sent = Delivery { status: DeliveryStatus::Sent, at: at(1), reason: Reason::of("Why") };
    vec![
        fresh.published(),
        fresh.claimed(claim(), at(1)),
        fresh.claimed(claim(), at(1)).postponed(at(2)),
        fresh.claimed(claim(), at(1)).delivered(1, sent),
        fresh.expired(fresh.resource.expiry),
        fresh.closed(Closing::Accepted, at(3), claim()),
        Invitation {
            resource: Resource { accepted_by: Some("somebody".to_owned()), ..fresh.closed(Closing::Declined, at(3), claim()).resource },
            ..fresh.closed(Closing::Declined, at(3), claim())
        },
        fresh.closed(Closing::Revoked, at(3), claim()).published(),
        fresh,
    ]
}

#[test]
fn an_invitation_of_every_stage_round_trips() {
    for invitation in stages() {
        assert_eq!(from_row(to_row(&invitation, None)).expect("it can be read"), invitation);
    }
}

#[test]
fn a_row_has_no_empty_attributes() {
    let fresh = pending(Timestamp::ZERO);
    let has = |invitation: &Invitation, name: &str| to_row(invitation, None).contains_key(name);
    let claimed = fresh.claimed(claim(), at(1));
    assert_eq!(["tries", "nb", "claim"].map(|name| has(&fresh, name)), [false; 3]);
    assert_eq!(["tries", "nb", "claim"].map(|name| has(&claimed, name)), [true; 3]);
    // DynamoDB refuses a set without elements.
    let revoked = fresh.closed(Closing::Revoked, at(1), claim());
    assert!(has(&revoked, "out") && !has(&revoked.published(), "out"));
    assert!(has(&revoked, "closed") && !has(&fresh, "closed"));
}

#[test]
fn an_unknown_status_or_one_without_its_time_is_rejected() {
    let with = |status: &str, closed: Option<i64>| {
        let mut row = to_row(&pending(Timestamp::ZERO), None);
        row.insert("st".to_owned(), AttributeValue::S(status.to_owned()));
        row.extend(closed.map(|at| ("closed".to_owned(), AttributeValue::N(at.to_string()))));
        from_row(row)
    };
    assert!(with("pending", None).is_ok() && with("accepted", Some(1)).is_ok());
    for (status, closed) in [("pending", Some(1)), ("accepted", None), ("expired", Some(1)), ("", None)] {
        assert!(with(status, closed).is_err(), "{status} {closed:?}");
    }
}

#[test]
fn an_unreadable_row_is_named_by_its_key_unless_that_holds_an_address() {
    let named = |sk: Option<&str>| {
        let mut row = to_row(&pending(Timestamp::ZERO), None);
        row.remove("email");
        row.remove("sk");
        row.extend(sk.map(|sk| ("sk".to_owned(), AttributeValue::S(sk.to_owned()))));
        match from_row(row) {
            Err(StoreError::Corrupt { key, .. }) => key,
            other => panic!("it can be read: {other:?}"),
        }
    };
    let key = keys::invitation(parsed(ID));
    assert_eq!(named(Some(&key)), key);
    assert_eq!(named(Some("P#user@example.com")), "P#…");
    assert_eq!(named(None), "without a sort key");
}

proptest! {
    #[test]
    fn any_invitation_round_trips(invitation in any_invitation()) {
        prop_assert_eq!(from_row(to_row(&invitation, None)).expect("it can be read"), invitation);
    }
}
