//! Bearer tokens like those of common providers, and the keys that verify them.

use bench::{
    Problem,
    fixture::{ACCOUNT, Fixture},
    problem,
};
use local::issuer::{SigningKey, key_set};
use serde_json::json;
use shared::{
    domain::{Timestamp, issuer::Issuers, key_set::KeySet},
    store::StoredKeys,
};

/// `ISSUERS` of the functions.
pub(crate) const ISSUERS: &str = r#"{"acme": {
    "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a1B2c3D4e",
    "audience": { "claim": "/client_id", "values": ["1h57kf5cpq17m0eml12example"] },
    "account": { "claim": "/custom:account", "kind": "id" },
    "role": { "claim": "/cognito:groups", "map": { "admins": "full-access", "staff": "read-only" } },
    "name": "/name",
    "email": "/email"
}}"#;

/// A random key for ES256.
pub(crate) fn es256() -> SigningKey {
    SigningKey::generate().with_id("k1")
}

/// A test key for RS256 with 2,048 bits, which is public.
pub(crate) fn rs256() -> Result<SigningKey, Problem> {
    SigningKey::rs256(include_bytes!("../../../tests/support/keys/public-test-key-rsa.der")).map(|key| key.with_id("k1"))
}

/// A token of the key. The table has the key, as `refresh-issuers` would have written it.
pub(crate) async fn published(fixture: &Fixture, key: &SigningKey) -> Result<String, Problem> {
    let issuers: Issuers = ISSUERS.parse().map_err(|error| problem!("issuers: {error}"))?;
    let issuer = issuers.iter().next().ok_or_else(|| problem!("no issuer"))?;
    let keys = KeySet::parse(key_set([key]).to_string().as_bytes()).map_err(|error| problem!("key set: {error}"))?;
    let now = Timestamp::now();
    let stored = fixture.store.put_issuer_keys(issuer, &StoredKeys { keys, refreshed: now }).await;
    stored.map_err(|error| problem!("the keys cannot be stored: {error}"))?;
    Ok(key.token(&json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "cognito:groups": ["staff", "admins"],
        "iss": issuer.url(),
        "client_id": "1h57kf5cpq17m0eml12example",
        "origin_jti": "11111111-2222-3333-4444-555555555555",
        "event_id": "66666666-7777-8888-9999-000000000000",
        "token_use": "access",
        "scope": "openid profile email",
        "auth_time": now.as_secs() - 60,
        "iat": now.as_secs() - 60,
        "exp": now.as_secs() + 3600,
        "jti": "99999999-8888-7777-6666-555555555555",
        "username": "jane",
        "custom:account": ACCOUNT,
        "name": "Jane Doe",
        "email": "jane.doe@example.com",
        "email_verified": true,
    })))
}
