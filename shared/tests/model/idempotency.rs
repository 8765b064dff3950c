//! Idempotency keys and request fingerprints (T22).

use proptest::prelude::*;
use shared::{
    config::DEFAULT_ROLES,
    domain::{
        api_key::ApiKey,
        idempotency::{Fingerprint, IdempotencyKey, RecordId},
    },
};

use super::support::{ACCOUNT, KEY, OTHER_ACCOUNT, parsed, principal, principal_of};

const ROUTE: &str = "POST /invitations";

fn is_refused(header: &str) -> bool {
    header.parse::<IdempotencyKey>().is_err()
}

#[test]
fn a_key_may_be_quoted_or_not() {
    let key = parsed::<IdempotencyKey>;
    for header in [r#""key-1""#, " key-1", "key-1\t", "\t \"key-1\" "] {
        assert_eq!(key(header), key("key-1"), "{header:?}");
    }
    assert_eq!(key(r#""a\"b\\c""#), key(r#""a\"b\\c""#));
    assert_eq!(key(r"a\b"), key(r#""a\\b""#));
    assert_ne!(key("key-1"), key("Key-1"), "case matters");
    assert_ne!(key(r#"" key""#), key("key"), "blanks inside of quotes belong to the key");
    assert_ne!(key("a b"), key("ab"));
}

#[test]
fn a_key_has_1_to_255_printable_ascii_characters() {
    for header in ["k", "!", "~", "8e03978e-40d5-43e8-bc93-6894a57f9324", "with blanks in it", r#"" ""#, r#""a,b""#, r#""\"""#] {
        assert!(!is_refused(header), "{header:?}");
    }
    for header in
        ["", " ", "\t", r#""""#, "schlüssel", "\"schlüssel\"", "a\u{7f}", "a\0b", "a\nb", "\"a\r\nb\"", "a\tb", "\"\t\"", "\u{a0}"]
    {
        assert!(is_refused(header), "{header:?}");
    }
    for (length, fits) in [(255, true), (256, false), (100_000, false)] {
        assert_eq!(!is_refused(&"k".repeat(length)), fits);
        assert_eq!(!is_refused(&format!("\"{}\"", "k".repeat(length))), fits);
    }
    // Counted without quotes and escapes.
    assert!(!is_refused(&format!("\"{}\"", r"\\".repeat(255))));
    assert!(is_refused(&format!("\"{}\"", r"\\".repeat(256))));
}

#[test]
fn more_than_one_key_and_broken_quotes_are_rejected() {
    for header in [
        "a,b",
        "a, b",
        ",",
        "a,",
        r#""a","b""#,
        r#""a", "b""#,
        r#""a" "b""#,
        r#""a"b"#,
        r#"a"b"#,
        r#"a""#,
        r#"""#,
        r#""a"#,
        r#""a\"#,
        r#""a\""#,
        r#""a\n""#,
        r#""a";b"#,
        r#""a";b=c"#,
        r#""a","#,
    ] {
        let error = header.parse::<IdempotencyKey>().expect_err(header).to_string();
        assert!(error.starts_with("send one key") || error.starts_with("a quoted key may contain only"), "{error}");
    }
}

#[test]
fn hashes_are_stable_across_versions() {
    // Computed independently: responses stored before a deployment are replayed after it.
    let who = principal_of(&parsed::<ApiKey>(KEY), "full-access", &parsed(DEFAULT_ROLES));
    assert_eq!(RecordId::new(&who, ROUTE, &parsed("key-1")).as_str(), "c4b2c1b8c83442ee5b12a8a8ef44c7283d499f95833f95d52e3e005ba4dbb649");
    assert_eq!(
        Fingerprint::new(&[ROUTE, "user@example.com", "full-access", ""]).as_str(),
        "0f3bb671d09397fb794038e94e4b361f3ee2379edbeede8a3488879a9658e98d"
    );
}

#[test]
fn another_principal_route_or_key_has_another_record() {
    let (who, key) = (principal(ACCOUNT, "full-access"), parsed("key-1"));
    let id = RecordId::new(&who, ROUTE, &key);
    assert_eq!(RecordId::new(&who, ROUTE, &parsed("\"key-1\"")), id);
    assert_ne!(RecordId::new(&who, ROUTE, &parsed("key-2")), id);
    assert_ne!(RecordId::new(&who, "POST /invitations/{id}", &key), id);
    assert_ne!(RecordId::new(&principal(OTHER_ACCOUNT, "full-access"), ROUTE, &key), id);
    assert_ne!(RecordId::new(&principal(ACCOUNT, "full-access"), ROUTE, &key), id, "another credential of the same account");
}

#[test]
fn a_record_shows_neither_key_nor_caller() {
    let who = principal(ACCOUNT, "full-access");
    let id = RecordId::new(&who, ROUTE, &parsed("my-key"));
    assert!(!format!("{id:?}").contains("my-key") && !id.as_str().contains(ACCOUNT));
    assert!(id.as_str().len() == 64 && id.as_str().bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
}

#[test]
fn the_hashed_parts_are_separated() {
    let print = |parts: &[&str]| Fingerprint::new(parts);
    assert_ne!(print(&["ab", "c"]), print(&["a", "bc"]));
    assert_ne!(print(&["abc"]), print(&["a", "b", "c"]));
    assert_ne!(print(&["a", ""]), print(&["", "a"]));
    assert_ne!(print(&["a"]), print(&["a", ""]));
    assert_ne!(print(&[]), print(&[""]));
    assert_ne!(print(&["a\0b"]), print(&["a", "b"]));

    let who = principal(ACCOUNT, "full-access");
    assert_ne!(RecordId::new(&who, "routek", &parsed("ey")), RecordId::new(&who, "route", &parsed("key")));
}

proptest! {
    #[test]
    fn every_printable_text_is_a_key_when_quoted(text in "[ -~]{1,255}") {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let key: IdempotencyKey = parsed(&quoted);
        if !text.contains(['"', ',']) && text.trim() == text {
            prop_assert_eq!(&parsed::<IdempotencyKey>(&text), &key);
        }
    }

    #[test]
    fn two_keys_are_equal_only_if_their_texts_are(one in "[ab\"\\\\, ]{1,4}", other in "[ab\"\\\\, ]{1,4}") {
        let quoted = |text: &str| parsed::<IdempotencyKey>(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
        prop_assert_eq!(quoted(&one) == quoted(&other), one == other);
    }

    #[test]
    fn no_header_causes_a_panic(header in prop_oneof![any::<String>(), "[\"\\\\a, é\t]{0,12}"]) {
        let _: Result<IdempotencyKey, _> = header.parse();
    }

    #[test]
    fn fingerprints_are_equal_exactly_when_all_parts_are(
        one in prop::collection::vec("[ab\0]{0,3}", 0..4),
        other in prop::collection::vec("[ab\0]{0,3}", 0..4),
    ) {
        let print = |parts: &[String]| Fingerprint::new(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(print(&one) == print(&other), one == other);
    }
}
