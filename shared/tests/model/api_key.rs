//! API keys (T16, T20).

use proptest::prelude::*;
use shared::{
    config::DEFAULT_ROLES,
    domain::{
        Permission, Roles, Timestamp,
        api_key::{ApiKey, ApiKeyRecord},
    },
};

use super::support::{
    ACCOUNT, KEY, KEY_ID, KEY_SECRET, OTHER_ACCOUNT, any_account, any_time, at, parsed, principal, principal_of, record, urns,
};

const MALFORMED: &str = "this is not an API key of this service; it may be incomplete or mistyped";

fn roles() -> Roles {
    parsed(DEFAULT_ROLES)
}

/// Whether a record accepts a key at a time.
fn lets_in(record: &ApiKeyRecord, key: &ApiKey, now: Timestamp) -> bool {
    record.verify(key, now, &roles(), &urns()).is_some()
}

/// The documented form: `ik_live_[0-9]{12}_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}`.
fn has_the_form(text: &str) -> bool {
    let parts: Vec<_> = text.split('_').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    parts.starts_with(&["ik", "live"])
        && lengths == [2, 4, 12, 12, 43, 6]
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric()))
        && parts[2].bytes().all(|b| b.is_ascii_digit())
}

#[test]
fn a_key_whose_check_was_computed_elsewhere_is_accepted() {
    let key: ApiKey = parsed(KEY);
    assert_eq!((key.account().as_str(), key.id().as_str()), (ACCOUNT, KEY_ID));
    assert!(has_the_form(KEY));
}

#[test]
fn only_the_sha_256_of_the_secret_is_stored() {
    let kept = record(&parsed(KEY), "full-access").hash.0;
    let hex: String = kept.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "71d84b1859bad11abcb3dfd9353c8d1873aafd883ffaf6f2c9df7cbcfc3e1850");
}

#[test]
fn generated_keys_are_all_different() {
    let mut keys: Vec<_> = (0..1000).map(|_| ApiKey::generate(&parsed(ACCOUNT)).0).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 1000);
}

#[test]
fn every_character_of_the_alphabet_occurs_in_generated_keys() {
    let text: String = (0..200).map(|_| ApiKey::generate(&parsed(ACCOUNT)).0.split_off("ik_live_012345678912_".len())).collect();
    let mut seen: Vec<_> = text.chars().filter(char::is_ascii_alphanumeric).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 62);
}

#[test]
fn a_malformed_key_is_rejected_without_repeating_it() {
    let cut = &KEY[..KEY.len() - 1];
    let parts: Vec<_> = KEY.split('_').collect();
    for text in [
        "",
        "_",
        "ik_live_",
        "______",
        cut,
        &KEY[1..],
        &format!("{KEY} "),
        &format!(" {KEY}"),
        &format!("{KEY}\n"),
        &format!("{KEY}_"),
        &format!("{KEY}{KEY}"),
        &format!("ApiKey {KEY}"),
        &KEY.to_uppercase(),
        &KEY.to_lowercase(),
        &KEY.replace("ik_live", "ik_test"),
        &KEY.replace("_", "-"),
        &parts[..5].join("_"),
        &[parts[0], parts[1], parts[3], parts[2], parts[4], parts[5]].join("_"),
    ] {
        let error = text.parse::<ApiKey>().expect_err(text).to_string();
        assert_eq!(error, MALFORMED);
    }
}

#[test]
fn the_check_catches_every_change_of_one_character() {
    for (place, original) in KEY.char_indices() {
        for other in ('!'..='~').chain(['\0', ' ', 'é', '\u{ff10}']).filter(|other| *other != original) {
            let changed = format!("{}{other}{}", &KEY[..place], &KEY[place + 1..]);
            assert!(changed.parse::<ApiKey>().is_err(), "{changed}");
        }
        let dropped = format!("{}{}", &KEY[..place], &KEY[place + 1..]);
        assert!(dropped.parse::<ApiKey>().is_err(), "{dropped}");
    }
}

#[test]
fn the_check_catches_two_swapped_neighbours() {
    for place in 0..KEY.len() - 1 {
        let mut swapped = KEY.as_bytes().to_vec();
        swapped.swap(place, place + 1);
        let swapped = String::from_utf8(swapped).expect("ASCII");
        assert!(swapped == KEY || swapped.parse::<ApiKey>().is_err(), "{swapped}");
    }
}

#[test]
fn a_key_makes_the_principal_of_its_record() {
    let who = principal_of(&parsed(KEY), "read-only", &roles());
    assert_eq!(who.account().as_str(), ACCOUNT);
    assert_eq!(who.urn(), "urn:cloudone:identity:ca-1:012345678912:apikey/AbCdEfGhIjKl");
    assert_eq!(who.role_id().as_str(), "read-only");
    assert!(who.can(Permission::Read) && !who.can(Permission::Create) && !who.can(Permission::Modify));
}

#[test]
fn a_principal_has_the_name_of_its_key_if_any() {
    let key = ApiKey::generate(&parsed(ACCOUNT)).1;
    for name in [None, Some("Jane Doe")] {
        let named = ApiKeyRecord { name: name.map(str::to_owned), ..record(&key, "read-only") };
        let who = named.verify(&key, Timestamp::ZERO, &roles(), &urns()).expect("the key is its own");
        assert_eq!(who.name(), name);
    }
}

#[test]
fn a_key_whose_role_is_not_configured_can_do_nothing() {
    let who = principal(ACCOUNT, "removed-role");
    assert!(![Permission::Read, Permission::Create, Permission::Modify].into_iter().any(|permission| who.can(permission)));
    assert!(!who.may_grant(&parsed("removed-role")) && !who.may_grant(&parsed("read-only")));
}

#[test]
fn a_key_with_another_secret_account_or_id_is_rejected() {
    let key: ApiKey = parsed(KEY);
    let own = record(&key, "full-access");
    assert!(lets_in(&own, &key, Timestamp::ZERO));

    let mut other_secret = own.clone();
    other_secret.hash.0[31] ^= 1;
    assert!(!lets_in(&other_secret, &key, Timestamp::ZERO));
    assert!(!lets_in(&ApiKeyRecord { account: parsed(OTHER_ACCOUNT), ..own.clone() }, &key, Timestamp::ZERO));
    assert!(!lets_in(&ApiKeyRecord { id: parsed("AbCdEfGhIjKL"), ..own }, &key, Timestamp::ZERO));
}

#[test]
fn a_disabled_key_is_rejected() {
    let key: ApiKey = parsed(KEY);
    let disabled = ApiKeyRecord { enabled: false, ..record(&key, "full-access") };
    assert!(!lets_in(&disabled, &key, Timestamp::ZERO));
    assert!(!lets_in(&ApiKeyRecord { expiry: Some(Timestamp::MAX), ..disabled }, &key, Timestamp::ZERO));
}

#[test]
fn a_key_is_accepted_until_the_millisecond_of_its_expiry() {
    let key: ApiKey = parsed(KEY);
    let expiring = ApiKeyRecord { expiry: Some(at(5000)), ..record(&key, "full-access") };
    assert!(lets_in(&expiring, &key, at(4999)));
    assert!(!lets_in(&expiring, &key, at(5000)));
    assert!(!lets_in(&expiring, &key, at(5001)));
    assert!(lets_in(&ApiKeyRecord { expiry: None, ..expiring }, &key, Timestamp::MAX));
}

#[test]
fn debug_shows_neither_secret_nor_hash() {
    let key: ApiKey = parsed(KEY);
    let record = record(&key, "full-access");
    let shown = format!("{key:?} {key:#?} {record:?} {record:#?} {:?}", record.hash);
    assert!(!shown.contains(KEY_SECRET) && !shown.contains("K4a1Qh"), "{shown}");
    assert_eq!(shown.matches("SecretHash(***)").count(), 5, "{shown}");
    for shape in ["71d84b18", "[113, 216", "113,"] {
        assert!(!shown.contains(shape), "{shown}");
    }
}

proptest! {
    #[test]
    fn a_generated_key_has_the_documented_form_and_round_trips(account in any_account()) {
        let (text, generated) = ApiKey::generate(&account);
        prop_assert!(has_the_form(&text), "{}", text);
        prop_assert_eq!(generated.account(), &account);
        let presented: ApiKey = parsed(&text);
        prop_assert_eq!((presented.account(), presented.id()), (generated.account(), generated.id()));
        prop_assert!(lets_in(&record(&generated, "full-access"), &presented, Timestamp::ZERO));
    }

    #[test]
    fn no_key_opens_the_record_of_another(account in any_account(), now in any_time()) {
        let ((_, one), (_, other)) = (ApiKey::generate(&account), ApiKey::generate(&account));
        prop_assert!(!lets_in(&record(&one, "full-access"), &other, now));
        // Not even with the id of the other.
        let stolen = ApiKeyRecord { id: other.id().clone(), ..record(&one, "full-access") };
        prop_assert!(!lets_in(&stolen, &other, now));
    }

    #[test]
    fn arbitrary_text_is_rejected_without_a_panic(
        text in prop_oneof![any::<String>(), "ik_live_\\PC{0,80}", "ik_live_[0-9]{12}_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"],
    ) {
        prop_assert_eq!(text.parse::<ApiKey>().map_err(|error| error.to_string()).err(), Some(MALFORMED.to_owned()));
    }
}
