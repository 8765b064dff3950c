//! Ids, and the URNs of principals.

use std::{
    collections::BTreeSet,
    sync::{Barrier, Mutex},
    thread,
};

use proptest::prelude::*;
use shared::domain::{AccountId, ExternalId, InvitationId, PrincipalUrn, id::IdGenerator};

use super::support::{ACCOUNT, ID, any_id, any_time, at, parsed};

/// The time in an id: its first 48 bits, in milliseconds.
fn time(id: InvitationId) -> i64 {
    id.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | i64::from(*byte))
}

#[test]
fn an_id_is_32_upper_case_hex_digits() {
    let id: InvitationId = parsed(ID);
    assert_eq!(id.to_string(), ID);
    assert_eq!(format!("{id:?}"), ID);
    assert_eq!(id.as_bytes()[..4], [0x3f, 0xdc, 0xa1, 0x95]);
    assert_eq!(InvitationId::from_bytes([0; 16]).to_string(), "0".repeat(32));
    assert_eq!(InvitationId::from_bytes([0xff; 16]).to_string(), "F".repeat(32));
}

#[test]
fn ids_are_case_insensitive() {
    let id: InvitationId = parsed(ID);
    assert_eq!(parsed::<InvitationId>(&ID.to_lowercase()), id);
    assert_eq!(parsed::<InvitationId>("3fdcA1955ae7eb167B25d7d90ac02b9F"), id);
}

#[test]
fn anything_but_32_hex_digits_is_rejected() {
    for text in [
        "",
        "0",
        "3FDCA195-5AE7-EB16-7B25-D7D90AC02B9F",
        "{3FDCA1955AE7EB167B25D7D90AC02B9F}",
        "urn:uuid:3FDCA1955AE7EB167B25D7D90AC02B9F",
        "3FDCA1955AE7EB167B25D7D90AC02B9",
        "3FDCA1955AE7EB167B25D7D90AC02B9F0",
        "3FDCA1955AE7EB167B25D7D90AC02B9G",
        "3FDCA1955AE7EB167B25D7D90AC02B9 ",
        " 3FDCA1955AE7EB167B25D7D90AC02B9",
        "+FDCA1955AE7EB167B25D7D90AC02B9F",
        "0x3FDCA1955AE7EB167B25D7D90AC02B",
        "３FDCA1955AE7EB167B25D7D90AC02B",
        "------------3FDCA1955AE7EB167B25",
    ] {
        let error = text.parse::<InvitationId>().expect_err(text).to_string();
        assert_eq!(error, format!("'{text}' is not an invitation id: it must have exactly 32 hex digits"));
    }
}

#[test]
fn ids_of_one_millisecond_ascend_in_the_order_of_their_generation() {
    let (generator, now) = (IdGenerator::default(), at(1_600_000_000_123));
    let ids: Vec<_> = (0..10_000).map(|_| generator.next(now)).collect();
    assert!(ids.is_sorted_by(|one, next| one < next && one.to_string() < next.to_string()));
    assert!(ids.iter().all(|id| time(*id) == 1_600_000_000_123));
}

#[test]
fn ids_ascend_even_when_the_clock_steps_back() {
    let generator = IdGenerator::default();
    let ids = [2000, 1999, 0, 2000, 2001, 1].map(|millis| generator.next(at(millis)));
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

#[test]
fn ids_of_one_generator_are_unique_and_ascend_across_threads() {
    const THREADS: usize = 8;
    const EACH: usize = 1000;
    let (generator, start) = (IdGenerator::default(), Barrier::new(THREADS));
    let in_order = Mutex::new(Vec::new());
    let own: Vec<Vec<InvitationId>> = thread::scope(|scope| {
        let work = || {
            start.wait();
            // First unordered between threads, then in a common order.
            let own: Vec<_> = (0..EACH).map(|_| generator.next(at(1_000))).collect();
            for _ in 0..EACH {
                let mut all = in_order.lock().expect("no thread panics");
                all.push(generator.next(at(1_000)));
            }
            own
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    });
    let in_order = in_order.into_inner().expect("no thread panics");
    assert!(own.iter().all(|ids| ids.is_sorted_by(|one, next| one < next)));
    assert!(in_order.is_sorted_by(|one, next| one < next));
    let all: BTreeSet<_> = own.into_iter().flatten().chain(in_order).collect();
    assert_eq!(all.len(), 2 * THREADS * EACH);
}

#[test]
fn two_generators_make_different_ids_in_one_millisecond() {
    let ids: BTreeSet<_> = (0..1000).map(|_| IdGenerator::default().next(at(1_000))).collect();
    assert_eq!(ids.len(), 1000);
}

#[test]
fn an_external_id_is_printable_ascii_without_spaces_and_no_account_id() {
    let longest = "~".repeat(128);
    for text in ["!", "1", "acme", "Acme", "a#b", "EXTERNAL#a", "org_2Kx/7:@*", "12345678901", "1234567890123", "12345678901x", &longest] {
        assert_eq!(parsed::<ExternalId>(text).as_str(), text);
        assert_eq!(parsed::<ExternalId>(text).to_string(), text);
    }
    assert_ne!(parsed::<ExternalId>("acme"), parsed::<ExternalId>("Acme"));
    let too_long = "~".repeat(129);
    for text in ["", " ", "a b", " a", "a ", "a\n", "a\u{7f}", "\u{1f}", "ä", "а", "a\u{200b}", "０１２３４５６７８９１２", &too_long]
    {
        let error = text.parse::<ExternalId>().expect_err("malformed").to_string();
        assert!(error.ends_with("is not an external id: it must have 1 to 128 printable ASCII characters and no spaces"), "{error}");
    }
    for text in ["000000000000", "012345678912", "999999999999"] {
        let error = text.parse::<ExternalId>().expect_err("an account id").to_string();
        assert_eq!(error, format!("'{text}' is not an external id: twelve digits are an account id"));
    }
}

#[test]
fn random_account_ids_are_account_ids_and_differ() {
    let drawn: BTreeSet<AccountId> = (0..1000).map(|_| AccountId::random()).collect();
    assert_eq!(drawn.len(), 1000);
    for account in &drawn {
        assert_eq!(&parsed::<AccountId>(account.as_str()), account);
    }
    let first_digits: BTreeSet<u8> = drawn.iter().map(|account| account.as_str().as_bytes()[0]).collect();
    assert_eq!(first_digits.len(), 10, "a leading zero is as likely as any digit");
}

#[test]
fn an_account_is_exactly_twelve_decimal_digits() {
    assert_eq!(parsed::<AccountId>("012345678912").to_string(), "012345678912");
    for text in ["", "01234567891", "0123456789123", "01234567891a", "01234567891２", " 12345678912", "-12345678912", "012345678912\n"] {
        assert!(text.parse::<AccountId>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn an_id_round_trips_in_either_case(id in any_id()) {
        let text = id.to_string();
        prop_assert!(text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')), "{}", text);
        prop_assert_eq!(parsed::<InvitationId>(&text), id);
        prop_assert_eq!(parsed::<InvitationId>(&text.to_lowercase()), id);
        prop_assert_eq!(InvitationId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn the_order_of_ids_is_the_order_of_their_text(one in any_id(), other in any_id()) {
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in prop_oneof![any::<String>(), "[0-9a-fA-F-]{30,36}"]) {
        if let Ok(id) = text.parse::<InvitationId>() {
            prop_assert_eq!(id.to_string(), text.to_uppercase());
        }
    }

    #[test]
    fn the_first_48_bits_are_the_time_and_the_rest_is_a_uuid_of_version_7(now in any_time()) {
        let id = IdGenerator::default().next(now);
        prop_assert_eq!(time(id), now.as_millis());
        prop_assert_eq!((id.as_bytes()[6] >> 4, id.as_bytes()[8] >> 6), (7, 0b10));
    }

    #[test]
    fn ids_ascend_in_order_of_generation_whatever_the_clock_does(times in prop::collection::vec(any_time(), 2..50)) {
        let generator = IdGenerator::default();
        let ids: Vec<_> = times.into_iter().map(|now| generator.next(now)).collect();
        prop_assert!(ids.is_sorted_by(|one, next| one < next));
    }
}

#[test]
fn the_urn_of_a_principal_names_its_account() {
    let account: AccountId = parsed(ACCOUNT);
    for urn in [
        "urn:cloudone:identity:ca-1:012345678912:apikey/AbCdEfGhIjKl",
        "urn:a:identity:b:012345678912:user/main:auth0%7C5f7c%2F~!$&'()*+,;=@-._7",
    ] {
        let parsed: PrincipalUrn = parsed(urn);
        assert_eq!((parsed.as_str(), parsed.account()), (urn, &account));
    }
    // Other encodings of a subject than that of responses. They must not be URNs of nobody.
    for (given, shown) in [
        ("auth0%7c5f7c", "auth0%7C5f7c"),
        ("jane%40example.com", "jane@example.com"),
        ("a%2Db%2b%3d", "a-b+="),
        ("idp:7", "idp%3A7"),
        ("corp/jane", "corp%2Fjane"),
        ("%C3%A9", "%C3%A9"),
    ] {
        let urn = |subject: &str| format!("urn:cloudone:identity:ca-1:012345678912:user/main:{subject}");
        assert_eq!(parsed::<PrincipalUrn>(&urn(given)).as_str(), urn(shown));
    }
    for text in [
        "",
        "AbCdEfGhIjKl",
        "apikey/AbCdEfGhIjKl",
        "URN:cloudone:identity:ca-1:012345678912:apikey/1",
        "urn::identity:ca-1:012345678912:apikey/1",
        "urn:cloudone:identity::012345678912:apikey/1",
        "urn:cloudone:storage:ca-1:012345678912:apikey/1",
        "urn:cloudone:identity:ca-1:01234567891:apikey/1",
        "urn:cloudone:identity:ca-1:012345678912:apikey",
        "urn:cloudone:identity:ca-1:012345678912:apikey/",
        "urn:cloudone:identity:ca-1:012345678912:/1",
        "urn:cloudone:identity:ca-1:012345678912",
        " urn:cloudone:identity:ca-1:012345678912:apikey/1",
        "urn:cloudone:identity:ca-1:012345678912:apikey/1\n",
        "urn:cloudone:identity:ca-1:012345678912:apikey/1\0",
        "urn:cloudone:identity:ca-1:012345678912:user/main:",
        "urn:cloudone:identity:ca-1:012345678912:user/:5f7c",
        "urn:cloudone:identity:ca-1:012345678912:user/main:auth0|5f7c",
        "urn:cloudone:identity:ca-1:012345678912:user/main:a b",
        "urn:cloudone:identity:ca-1:012345678912:user/main:é",
        "urn:cloudone:identity:ca-1:012345678912:user/main:50%off",
        "urn:cloudone:identity:ca-1:012345678912:user/main:a%",
        "urn:cloudone:identity:ca-1:012345678912:user/main:a%zz",
        "urn:cloudone:identity:ca-1:012345678912:user/main:%FF",
        "urn:cloudone:identity:ca-1:012345678912:user/Main:1",
        "urn:cloudone:identity:ca-1:012345678912:user/1",
    ] {
        assert!(text.parse::<PrincipalUrn>().is_err(), "{text:?}");
    }
}
