//! Key sets of issuers: which keys are kept, and what is stored of them (T17).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::domain::key_set::KeySet;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A number with this many bits.
fn number(bits: usize) -> String {
    let mut bytes = vec![0xa5; bits.div_ceil(8)];
    bytes[0] = 0xff >> (bytes.len() * 8 - bits);
    encode(bytes)
}

fn rsa(id: &str, bits: usize) -> Value {
    json!({ "kid": id, "kty": "RSA", "alg": "RS256", "use": "sig", "n": number(bits), "e": "AQAB" })
}

fn p256(id: &str) -> Value {
    json!({ "kid": id, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": encode([7; 32]), "y": encode([9; 32]) })
}

/// The key with some members changed; null removes one.
fn with(mut key: Value, changes: &Value) -> Value {
    let members = key.as_object_mut().expect("a key");
    for (name, value) in changes.as_object().expect("changes") {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    key
}

fn parse(keys: &[Value]) -> Result<KeySet, String> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).map_err(|error| error.to_string())
}

#[track_caller]
fn set(keys: &[Value]) -> KeySet {
    parse(keys).expect("a key set")
}

/// Keys that cannot verify a token, each with the reason.
fn unusable() -> Vec<(&'static str, Value)> {
    let (rsa, p256) = (|| rsa("k", 2048), || p256("k"));
    vec![
        ("RSA, too small", with(rsa(), &json!({ "n": number(2047) }))),
        ("RSA, too large", with(rsa(), &json!({ "n": number(4097) }))),
        ("RSA, small behind zeros", with(rsa(), &json!({ "n": encode([vec![0; 200], vec![0xa5; 128]].concat()) }))),
        ("RSA, modulus zero", with(rsa(), &json!({ "n": encode([0; 256]) }))),
        ("RSA, no modulus", with(rsa(), &json!({ "n": null }))),
        ("RSA, a number as modulus", with(rsa(), &json!({ "n": 7 }))),
        ("RSA, modulus in base64", with(rsa(), &json!({ "n": format!("{}+/", number(2048)) }))),
        ("RSA, padded modulus", with(rsa(), &json!({ "n": format!("{}==", number(2048)) }))),
        ("RSA, no exponent", with(rsa(), &json!({ "e": null }))),
        ("RSA, empty exponent", with(rsa(), &json!({ "e": "" }))),
        ("RSA, exponent 0", with(rsa(), &json!({ "e": encode([0]) }))),
        ("RSA, exponent 1", with(rsa(), &json!({ "e": encode([1]) }))),
        ("RSA, exponent 1 behind a zero", with(rsa(), &json!({ "e": encode([0, 1]) }))),
        ("RSA, exponent 2", with(rsa(), &json!({ "e": encode([2]) }))),
        ("RSA, exponent 65536", with(rsa(), &json!({ "e": encode([1, 0, 0]) }))),
        ("RSA, exponent 2^32 + 1", with(rsa(), &json!({ "e": encode([1, 0, 0, 0, 1]) }))),
        ("RSA for RS512", with(rsa(), &json!({ "alg": "RS512" }))),
        ("RSA for PS256", with(rsa(), &json!({ "alg": "PS256" }))),
        ("RSA for OAEP", with(rsa(), &json!({ "alg": "RSA-OAEP" }))),
        ("RSA for ES256", with(rsa(), &json!({ "alg": "ES256" }))),
        ("an algorithm of another type", with(rsa(), &json!({ "alg": ["RS256"] }))),
        ("P-384", with(p256(), &json!({ "crv": "P-384" }))),
        ("secp256k1", with(p256(), &json!({ "crv": "secp256k1" }))),
        ("no curve", with(p256(), &json!({ "crv": null }))),
        ("EC for ES384", with(p256(), &json!({ "alg": "ES384" }))),
        ("a short x", with(p256(), &json!({ "x": encode([7; 31]) }))),
        ("a long x", with(p256(), &json!({ "x": encode([7; 33]) }))),
        ("a short y", with(p256(), &json!({ "y": encode([9; 31]) }))),
        ("a long y", with(p256(), &json!({ "y": encode([vec![0], vec![9; 32]].concat()) }))),
        ("no y", with(p256(), &json!({ "y": null }))),
        ("another type", with(p256(), &json!({ "kty": "OKP" }))),
        ("a type in lower case", with(rsa(), &json!({ "kty": "rsa" }))),
        ("no type", with(rsa(), &json!({ "kty": null }))),
        ("a secret", json!({ "kid": "k", "kty": "oct", "alg": "HS256", "k": encode([7; 32]) })),
        ("for encryption", with(rsa(), &json!({ "use": "enc" }))),
        ("a use of another type", with(rsa(), &json!({ "use": ["sig"] }))),
        ("for signing only", with(rsa(), &json!({ "key_ops": ["sign"] }))),
        ("for nothing", with(rsa(), &json!({ "key_ops": [] }))),
        ("operations of another type", with(rsa(), &json!({ "key_ops": "verify" }))),
        ("no id", with(rsa(), &json!({ "kid": null }))),
        ("an empty id", with(rsa(), &json!({ "kid": "" }))),
        ("a long id", with(rsa(), &json!({ "kid": "k".repeat(257) }))),
        ("a number as id", with(rsa(), &json!({ "kid": 1 }))),
        ("a text", json!("k")),
        ("null", json!(null)),
        ("a list", json!([rsa()])),
    ]
}

#[test]
fn keys_for_rs256_and_es256_are_kept_under_their_ids() {
    let keys = set(&[rsa("one", 2048), p256("two"), rsa("three", 4096)]);
    assert_eq!(keys.size(), 3);
    assert!(["one", "two", "three"].into_iter().all(|id| keys.find(id).is_some()));
    assert!(["", "One", "one ", "four"].into_iter().all(|id| keys.find(id).is_none()));
    assert_eq!(format!("{keys:?}"), r#"[("one", "RS256"), ("three", "RS256"), ("two", "ES256")]"#);
}

#[test]
fn keys_that_cannot_verify_a_token_are_ignored() {
    for (why, key) in unusable() {
        assert!(parse(std::slice::from_ref(&key)).expect(why).is_empty(), "{why}");
        assert_eq!(parse(&[key, p256("k")]), Ok(set(&[p256("k")])), "{why}");
    }
    // An issuer may withdraw all its keys.
    assert!(parse(&[]).expect("a key set").is_empty());
}

#[test]
fn optional_members_may_be_absent_and_others_are_ignored() {
    let expected = set(&[rsa("k", 2048)]);
    let zeros = URL_SAFE_NO_PAD.decode(number(2048)).map(|n| encode([vec![0; 3], n].concat())).expect("base64");
    for changes in [
        json!({ "alg": null, "use": null }),
        json!({ "key_ops": ["verify"] }),
        json!({ "key_ops": ["encrypt", "verify"], "use": null }),
        json!({ "x5t": "abc", "x5t#S256": 1, "x5u": "https://evil.example", "x5c": ["MIIB", "not a certificate"] }),
        json!({ "issuer": "https://login.example.com/{tenantid}", "iat": 1, "exp": 2, "oth": [{}] }),
        // A number has one form.
        json!({ "n": zeros }),
        json!({ "e": encode([0, 1, 0, 1]) }),
    ] {
        assert_eq!(parse(&[with(rsa("k", 2048), &changes)]), Ok(expected.clone()), "{changes}");
    }
    for e in [&[3][..], &[1, 0, 1], &[0xff; 4]] {
        assert_eq!(set(&[with(rsa("k", 2048), &json!({ "e": encode(e) }))]).size(), 1);
    }
    assert_eq!(set(&[with(p256("k"), &json!({ "alg": null, "use": null, "x5c": 7 }))]), set(&[p256("k")]));
    assert_eq!(set(&[p256(&"k".repeat(256))]).size(), 1);
}

#[test]
fn what_is_no_key_set_is_an_error() {
    let none = "it is not a key set: it has no array 'keys'";
    for (document, why) in [
        ("{}", none),
        ("[]", none),
        ("null", none),
        (r#"{"keys":{}}"#, none),
        (r#"{"keys":"x"}"#, none),
        (r#"{"Keys":[]}"#, none),
        ("", "EOF while parsing a value at line 1 column 0"),
        ("<html>", "expected value at line 1 column 1"),
        (r#"{"keys":[],"keys":[]}"#, "the field 'keys' appears twice at line 1 column 21"),
        (r#"{"keys":[{"kid":"a","kid":"b"}]}"#, "the field 'kid' appears twice at line 1 column 30"),
    ] {
        assert_eq!(KeySet::parse(document.as_bytes()).expect_err(document).to_string(), why, "{document}");
    }
}

#[test]
fn two_keys_with_one_id_are_an_error_because_either_could_be_meant() {
    for other in [p256("k"), rsa("k", 2048), with(rsa("k", 2048), &json!({ "n": number(2049) }))] {
        assert_eq!(parse(&[rsa("k", 2048), rsa("l", 2048), other]).expect_err("two"), "two of its keys have the same id");
    }
}

#[test]
fn an_issuer_has_at_most_32_usable_keys() {
    let keys = |count: usize| (0..count).map(|number| p256(&format!("k{number}"))).collect::<Vec<_>>();
    let unusable = || unusable().into_iter().map(|(_, key)| key);
    assert_eq!(set(&keys(32).into_iter().chain(unusable()).collect::<Vec<_>>()).size(), 32);
    assert_eq!(parse(&keys(33)).expect_err("33 keys"), "it has more than 32 keys");
}

#[test]
fn the_order_of_keys_does_not_matter_but_every_number_does() {
    let (one, two) = (rsa("one", 2048), p256("two"));
    let keys = set(&[one.clone(), two.clone()]);
    assert_eq!(set(&[two.clone(), one.clone()]), keys);
    assert_eq!(set(&[two.clone(), one.clone()]).to_json(), keys.to_json());
    for changed in [
        [with(one.clone(), &json!({ "n": number(2050) })), two.clone()],
        [with(one.clone(), &json!({ "e": "Aw" })), two.clone()],
        [with(one.clone(), &json!({ "kid": "uno" })), two.clone()],
        [one.clone(), with(two.clone(), &json!({ "x": encode([8; 32]) }))],
        [one, with(two, &json!({ "y": encode([8; 32]) }))],
    ] {
        assert_ne!(set(&changed), keys, "{changed:?}");
        assert_ne!(set(&changed).to_json(), keys.to_json(), "{changed:?}");
    }
}

#[test]
fn the_private_part_of_a_key_that_is_published_by_mistake_is_not_stored() {
    let secret = encode([0x5e; 128]);
    let private = json!({ "d": secret, "p": secret, "q": secret, "dp": secret, "dq": secret, "qi": secret, "k": secret });
    let keys = set(&[with(rsa("one", 2048), &private), with(p256("two"), &private)]);
    assert_eq!(keys, set(&[rsa("one", 2048), p256("two")]));
    assert!(!keys.to_json().contains(&secret));
    let stored: Value = serde_json::from_str(&keys.to_json()).expect("JSON");
    let n = number(2048);
    assert_eq!(
        stored,
        json!({ "keys": [
            { "kid": "one", "kty": "RSA", "n": n, "e": "AQAB" },
            { "kid": "two", "kty": "EC", "crv": "P-256", "x": encode([7; 32]), "y": encode([9; 32]) },
        ] })
    );
}

/// A usable key without its id.
fn any_key() -> impl Strategy<Value = Value> {
    let modulus = (2048usize..=4096, any::<u8>()).prop_map(|(bits, fill)| {
        let mut bytes = vec![fill; bits.div_ceil(8)];
        bytes[0] = 0xff >> (bytes.len() * 8 - bits);
        encode(bytes)
    });
    let exponent = (1u32..=u32::MAX / 2).prop_map(|half| {
        let bytes = (2 * half + 1).to_be_bytes();
        encode(&bytes[bytes.iter().position(|byte| *byte != 0).expect("not zero")..])
    });
    prop_oneof![
        (modulus, exponent).prop_map(|(n, e)| json!({ "kty": "RSA", "n": n, "e": e })),
        any::<([u8; 32], [u8; 32])>().prop_map(|(x, y)| json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })),
    ]
}

proptest! {
    #[test]
    fn a_set_is_the_same_after_it_was_stored(keys in prop::collection::btree_map(any::<String>(), any_key(), 1..6)) {
        let named = |(id, key): (&String, &Value)| with(key.clone(), &json!({ "kid": id }));
        let keys: Vec<Value> = keys.iter().filter(|(id, _)| (1..=256).contains(&id.len())).map(named).collect();
        prop_assume!(!keys.is_empty());
        let read = set(&keys);
        prop_assert_eq!(read.size(), keys.len());
        prop_assert_eq!(KeySet::parse(read.to_json().as_bytes()), Ok(read.clone()));
        let backwards: Vec<Value> = keys.into_iter().rev().collect();
        prop_assert_eq!(set(&backwards).to_json(), read.to_json());
    }

    #[test]
    fn arbitrary_documents_cause_no_panic(bytes in any::<Vec<u8>>(), n in "[A-Za-z0-9_=-]{0,20}", kid in any::<String>()) {
        let _ = KeySet::parse(&bytes);
        let _ = parse(&[json!({ "kid": kid, "kty": "RSA", "n": n, "e": n }), json!({ "kid": n, "kty": "EC", "crv": "P-256", "x": n, "y": n })]);
    }
}
