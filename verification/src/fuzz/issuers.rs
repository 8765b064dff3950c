//! Issuers, their keys, and the claims of valid tokens.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::issuer::{SigningKey, key_set};
use serde_json::{Value, json};
use shared::domain::{issuer::Issuers, key_set::KeySet};
use support::RSA_TEST_KEY;

use super::table::{ACCOUNT, EXTERNAL_ID, NOW, parsed};

/// Two issuers: one on the web that may name one account, by its id, and one on this machine that names accounts by external ids.
pub(super) const ISSUERS: &str = r#"{
    "acme": { "issuer": "https://login.acme.example/tenant", "audience": { "values": ["invitations", "https://api.acme.example"] },
        "account": { "claim": "/org/id", "kind": "id", "only": ["012345678912"] },
        "role": { "claim": "/roles", "map": { "owner": "full-access", "viewer": "read-only" } },
        "name": "/name", "email": "/email", "emailDomains": ["example.com", "*.example"] },
    "globex": { "issuer": "http://127.0.0.1:4444", "audience": { "claim": "/client_id", "values": ["c1"] },
        "account": { "claim": "/https:~1~1globex.example~1tenant", "kind": "externalID" },
        "role": { "claim": "/realm_access/roles", "map": { "admin": "full-access" } },
        "email": "/contact/email", "emailTrusted": true }
}"#;

/// The private keys of each issuer. Both have one for ES256 with the same id.
pub(super) static KEYS: LazyLock<[Vec<SigningKey>; 2]> = LazyLock::new(|| {
    // The examples of RFC 7515, appendix A.3, and RFC 7517, appendix A.2: equal in every run, as inputs must depend on the seed alone.
    let acme = es256(
        "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    );
    let globex = es256(
        "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
        "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    );
    let rsa = SigningKey::rs256(RSA_TEST_KEY).expect("the key is valid").with_id("rsa");
    [vec![acme, rsa], vec![globex]]
});

/// A key for ES256, from its numbers.
fn es256(d: &str, x: &str, y: &str) -> SigningKey {
    let [d, x, y] = [d, x, y].map(|number| URL_SAFE_NO_PAD.decode(number).expect("base64url"));
    // PKCS#8: an EC key on P-256, then the private number, then the point without compression.
    let algorithm = b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let private = b"\x04\x6d\x30\x6b\x02\x01\x01\x04\x20";
    let public = b"\xa1\x44\x03\x42\x00\x04";
    let document = [&algorithm[..], private, &d, public, &x, &y].concat();
    SigningKey::es256(&document).expect("the key is valid").with_id("ec")
}

/// The issuers.
pub(super) fn issuers() -> Issuers {
    parsed(ISSUERS)
}

/// The key set document of an issuer.
pub(super) fn key_set_document(issuer: usize) -> Value {
    key_set(&KEYS[issuer])
}

/// The key sets of the issuers.
pub(super) fn key_sets() -> [KeySet; 2] {
    [0, 1].map(|issuer| KeySet::parse(key_set_document(issuer).to_string().as_bytes()).expect("the keys are usable"))
}

/// The row of the external id.
pub(super) fn external_row() -> Value {
    json!({ "pk": { "S": format!("EXTERNAL#{EXTERNAL_ID}") }, "sk": { "S": "account" }, "account": { "S": ACCOUNT } })
}

/// The row of an issuer's keys.
pub(super) fn row(issuer: usize) -> Value {
    let (name, url) = [("acme", "https://login.acme.example/tenant"), ("globex", "http://127.0.0.1:4444")][issuer];
    let keys = key_sets()[issuer].to_json();
    json!({
        "pk": { "S": format!("ISSUER#{name}") }, "sk": { "S": "keys" }, "issuer": { "S": url }, "keys": { "S": keys },
        "refreshed": { "N": NOW.to_string() },
    })
}

/// The claims of valid tokens, with their issuer.
pub(super) fn claims() -> Vec<(usize, Value)> {
    let (now, acme, globex) = (NOW / 1000, "https://login.acme.example/tenant", "http://127.0.0.1:4444");
    vec![
        (
            0,
            json!({
                "iss": acme, "aud": "invitations", "sub": "auth0|5f7c8ec7", "iat": now, "exp": now + 3600, "org": { "id": ACCOUNT },
                "roles": ["owner"], "name": "Jane Doe", "email": "jane@example.com", "email_verified": true,
            }),
        ),
        (
            0,
            json!({
                "iss": acme, "aud": ["accounting", "https://api.acme.example"], "sub": "john", "nbf": now - 5, "exp": now + 60,
                "org": { "id": ACCOUNT }, "roles": "viewer", "email": "john@example.com", "email_verified": false,
            }),
        ),
        // An invitee's.
        (
            0,
            json!({ "iss": acme, "aud": "invitations", "sub": "é/:?#", "exp": now + 1, "email": "e@bücher.example", "email_verified": true }),
        ),
        (
            1,
            json!({
                "iss": globex, "client_id": "c1", "sub": "jane", "exp": now + 86_400, "https://globex.example/tenant": EXTERNAL_ID,
                "realm_access": { "roles": ["offline_access", "admin"] }, "contact": { "email": "jane@globex.example" },
            }),
        ),
    ]
}

/// A valid token for [`ACCOUNT`] that is the same in every run.
pub(super) fn token() -> String {
    KEYS[0][1].token(&claims().swap_remove(0).1)
}

/// The same for a person with this verified address.
pub(super) fn token_of(email: &str) -> String {
    let mut claims = claims().swap_remove(0).1;
    claims["email"] = email.into();
    KEYS[0][1].token(&claims)
}
