//! What identifies the rows of a bulk, and how their results are recorded.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use shared::domain::{
    Rejected, Timestamp,
    bulk::{BulkOperation, RowResult},
    invitation::Closing,
    lifecycle::{Handover, NewInvitation, created_earlier},
    settings::DomainRule,
};

use crate::support::{ACCOUNT, ID, any_time, at, parsed, policy, principal};

fn request(email: &str) -> NewInvitation {
    NewInvitation {
        email: parsed(email),
        role: parsed("guest"),
        expiry: None,
        locale: None,
        handover: Handover::Email,
        metadata: None,
        redirect: Some(parsed("https://app.example.com/welcome")),
    }
}

proptest! {
    #[test]
    fn ids_are_uuids_of_version_7_that_ascend_with_the_index(seed: [u8; 16], time in any_time()) {
        let bulk = BulkOperation { seed, time };
        let ids: Vec<_> = (0..100).map(|index| bulk.invitation(index)).collect();
        prop_assert!(ids.is_sorted_by(|one, next| one < next));
        for (index, id) in (0_u8..).zip(&ids) {
            let bytes = id.as_bytes();
            prop_assert_eq!(&bytes[..6], &time.as_millis().to_be_bytes()[2..]);
            prop_assert_eq!((&bytes[6..8], bytes[8] >> 6), (&[0x70, index][..], 0b10));
        }
    }

    #[test]
    fn everything_that_identifies_a_row_depends_on_the_seed_and_the_index(one: [u8; 16], other: [u8; 16], time in any_time()) {
        prop_assume!(one != other);
        let (mut tails, mut operations, mut nonces) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for seed in [one, other] {
            let bulk = BulkOperation { seed, time };
            for index in 0..100 {
                let operation = bulk.operation(index);
                prop_assert!(operation.id.0.len() == 12 && operation.id.0.bytes().all(|b| b.is_ascii_alphanumeric()));
                tails.insert(bulk.invitation(index).as_bytes()[8..].to_vec());
                operations.insert(operation.id);
                nonces.insert(operation.nonce);
            }
        }
        prop_assert_eq!((tails.len(), operations.len(), nonces.len()), (200, 200, 200));
    }

    #[test]
    fn the_same_operation_always_has_the_same_ids(seed: [u8; 16], time in any_time(), index: u8) {
        let [one, other] = [(); 2].map(|()| BulkOperation { seed, time });
        prop_assert_eq!(one.invitation(index), other.invitation(index));
        let [one, other] = [one, other].map(|bulk| bulk.operation(index));
        prop_assert_eq!((one.id, one.nonce), (other.id, other.nonce));
    }

    #[test]
    fn a_recorded_result_is_read_as_it_was(result in any_result()) {
        let (who, request) = (principal(ACCOUNT, "read-only"), request("user.one@example.com"));
        let text = result.record().expect("a create has it");
        prop_assert!(!text.contains(' '), "{text}");
        prop_assert_eq!(RowResult::read(&text, &who, &request), Some(result));
    }
}

fn any_result() -> impl Strategy<Value = RowResult> {
    let seconds = || any::<u32>().prop_map(|seconds| Duration::from_secs(seconds.into()));
    prop_oneof![
        (any_time(), seconds()).prop_map(|(at, lifetime)| RowResult::Created { at, lifetime }),
        any::<[u8; 16]>()
            .prop_map(|bytes| { RowResult::Rejected(Rejected::AlreadyInvited { open: shared::domain::InvitationId::from_bytes(bytes) }) }),
        (any::<u32>(), seconds(), any::<u64>()).prop_map(|(limit, window, retry_after)| RowResult::Rejected(Rejected::Quota {
            limit,
            window,
            retry_after
        })),
        Just(RowResult::Rejected(Rejected::DomainNotAllowed(DomainRule::NotAllowed))),
        Just(RowResult::Rejected(Rejected::DomainNotAllowed(DomainRule::Denied))),
        Just(RowResult::Rejected(Rejected::RedirectNotAllowed { origin: "https://app.example.com".to_owned() })),
        Just(RowResult::Rejected(Rejected::RoleNotGrantable { role: parsed("guest"), own: parsed("read-only") })),
        (any_time(), any_time(), any_time()).prop_map(|(wanted, earliest, latest)| RowResult::Rejected(Rejected::Expiry {
            wanted,
            earliest,
            latest
        })),
    ]
}

#[test]
fn different_operations_of_one_time_share_no_id() {
    let ids: BTreeSet<_> = (0..1000).map(|_| BulkOperation::generate(Timestamp::ZERO).invitation(0)).collect();
    assert_eq!(ids.len(), 1000);
}

/// These ids are in the table: rows of an interrupted request are found by them even after a deployment. The values were computed
/// independently.
#[test]
fn the_derivation_never_changes() {
    let bulk = BulkOperation { seed: *b"0123456789abcdef", time: at(1_764_393_167_123) };
    let operation = bulk.operation(99);
    assert_eq!(bulk.invitation(99).to_string(), "019ACE0729137063AE2367FDC58210F4");
    let nonce = [10, 144, 17, 191, 1, 66, 224, 139, 58, 165, 146, 192, 241, 19, 114, 211];
    assert_eq!((operation.id.0.as_str(), operation.nonce), ("EkUj3mJB4LSG", nonce));
}

#[test]
fn a_recorded_result_names_nobody() {
    let results = [
        (RowResult::Created { at: at(1_764_393_167_123), lifetime: Duration::from_secs(604_800) }, "created:1764393167123:604800"),
        (RowResult::Rejected(Rejected::AlreadyInvited { open: parsed(ID) }), "already-invited:3FDCA1955AE7EB167B25D7D90AC02B9F"),
        (RowResult::Rejected(Rejected::Quota { limit: 500, window: Duration::from_secs(3600), retry_after: 42 }), "quota:500:3600:42"),
        (RowResult::Rejected(Rejected::RoleNotGrantable { role: parsed("guest"), own: parsed("x") }), "role-not-grantable"),
        (RowResult::Rejected(Rejected::Expiry { wanted: at(1000), earliest: at(2000), latest: at(3000) }), "expiry:1000:2000:3000"),
    ];
    for (result, text) in results {
        assert_eq!(result.record().as_deref(), Some(text));
    }
    for rejected in [Rejected::KeyReused, Rejected::NotFound, Rejected::Closed(Closing::Revoked), Rejected::Expired] {
        assert_eq!(RowResult::Rejected(rejected).record(), None, "a create has no such rejection");
    }
}

#[test]
fn a_text_that_records_no_result_is_not_read() {
    let (who, request) = (principal(ACCOUNT, "read-only"), request("user.one@example.com"));
    for text in [
        "",
        "created",
        "created:1",
        "created:x:1",
        "created:1:-1",
        "created:1:1:1",
        "accepted:1:1",
        "already-invited:1",
        "quota:1:1",
        "expiry:1:1:x",
    ] {
        assert_eq!(RowResult::read(text, &who, &request), None, "{text}");
    }
}

#[test]
fn an_invitation_that_was_created_earlier_is_shown_with_its_own_times_whatever_the_limits_are_now() {
    let who = principal(ACCOUNT, "full-access");
    let request = NewInvitation { expiry: Some(at(7_200_000)), ..request("user.one@example.com") };
    let bulk = BulkOperation { seed: [1; 16], time: at(0) };
    let (id, operation) = (bulk.invitation(0), bulk.operation(0));
    let created = created_earlier(&who, &request, id, &operation, (at(1_500), Duration::from_secs(7_199)), &policy()).expect("granted");
    assert_eq!((created.resource.created, created.resource.expiry), (at(1_500), at(7_200_000)));
    let refused = created_earlier(&principal(ACCOUNT, "read-only"), &request, id, &operation, (at(0), Duration::ZERO), &policy());
    assert_eq!(refused, Err(Rejected::RoleNotGrantable { role: parsed("guest"), own: parsed("read-only") }));
}
