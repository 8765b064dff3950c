//! An issuer of bearer tokens whose keys are in the table, as `refresh-issuers` would have written them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use shared::{
    domain::{Timestamp, issuer::Issuers, key_set::KeySet},
    store::StoredKeys,
};

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

/// A key of the issuer, for ES256.
pub struct SigningKey {
    id: String,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// A random key with this id.
    #[must_use]
    pub fn generate(id: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key pair");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).expect("a key pair");
        Self { id: id.to_owned(), pair, random }
    }

    /// The public key as a JSON Web Key.
    #[must_use]
    pub fn public(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kid": self.id, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": encode(x), "y": encode(y) })
    }

    /// A token with these claims.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "typ": "JWT", "kid": self.id }).to_string(), &claims.to_string())
    }

    /// A token with this header and these claims, whatever they are.
    #[must_use]
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
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
    let document = json!({ "keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>() }).to_string();
    let keys = KeySet::parse(document.as_bytes()).expect("a key set");
    let issuer = issuers.iter().next().expect("an issuer");
    app.state().store.put_issuer_keys(issuer, &StoredKeys { keys, refreshed: app.now() }).await.expect("the table works");
}
