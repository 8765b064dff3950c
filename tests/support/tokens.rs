//! An issuer of bearer tokens whose keys are in the table, as `refresh-issuers` would have written them.

use local::issuer::key_set;
use serde_json::{Value, json};
use shared::{
    domain::{Timestamp, issuer::Issuers, key_set::KeySet},
    store::StoredKeys,
};

pub use local::issuer::SigningKey;

use crate::{ACCOUNT, TestApp};

/// The identifier of the issuer.
pub const ISSUER: &str = "https://login.example.com";

/// The configuration with the issuer: its tokens name accounts by their ids, and people by name and address.
pub const ISSUERS: &str = r#"{"acme": {
    "issuer": "https://login.example.com",
    "audience": { "values": ["invitations"] },
    "account": { "claim": "/account", "kind": "id" },
    "role": { "claim": "/roles", "map": { "admin": "full-access", "viewer": "read-only" } },
    "name": "/name",
    "email": "/email"
}}"#;

/// A random key for ES256 with this id.
#[must_use]
pub fn signing_key(id: &str) -> SigningKey {
    SigningKey::generate().with_id(id)
}

/// The claims of an administrator of [`ACCOUNT`], valid for an hour. `more` replaces some of them; null removes one.
#[must_use]
pub fn claims(now: Timestamp, more: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "aud": "invitations",
        "sub": "jane",
        "iat": now.as_secs(),
        "exp": now.as_secs() + 3600,
        "account": ACCOUNT,
        "roles": ["admin"],
        "name": "Jane Doe",
        "email": "jane@example.com",
        "email_verified": true,
    });
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in more.as_object().expect("an object") {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims
}

/// Publishes keys of the first issuer in `issuers`.
pub async fn publish(app: &TestApp, issuers: &str, keys: &[&SigningKey]) {
    let issuers: Issuers = issuers.parse().expect("issuers");
    let document = key_set(keys.iter().copied()).to_string();
    let keys = KeySet::parse(document.as_bytes()).expect("a key set");
    let issuer = issuers.iter().next().expect("an issuer");
    app.store().put_issuer_keys(issuer, &StoredKeys { keys, refreshed: app.now() }).await.expect("the table works");
}
