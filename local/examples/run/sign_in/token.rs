//! A requested token.

use std::{fmt::Write, time::Duration};

use local::issuer::{AUDIENCE, LIFETIME, SigningKey};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::Timestamp;

/// The longest lifetime, in seconds: 30 days.
const MAX_LIFETIME: u32 = 30 * 24 * 60 * 60;

/// The fields of the form. An empty field is as good as none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    email: String,
    name: Option<String>,
    /// The role in the host application.
    role: Option<String>,
    account: Option<String>,
    sub: Option<String>,
    /// In seconds.
    lifetime: Option<u32>,
}

/// A token, and what it contains.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) claims: Value,
    pub(super) lifetime: Duration,
    pub(super) expiry: Timestamp,
}

impl Token {
    /// Signs the token of the issuer at `url`. The error is a sentence.
    pub(super) fn new(request: TokenRequest, url: &str, key: &SigningKey, now: Timestamp) -> Result<Self, String> {
        let lifetime = match request.lifetime {
            None => LIFETIME,
            Some(seconds @ 1..=MAX_LIFETIME) => Duration::from_secs(seconds.into()),
            Some(other) => return Err(format!("lifetime must be 1 to {MAX_LIFETIME} seconds, not {other}.")),
        };
        if request.email.is_empty() {
            return Err("email must not be empty.".into());
        }
        let expiry = now.floor_to_second().plus(lifetime);
        let mut claims = json!({
            "iss": url,
            "sub": given(request.sub).unwrap_or_else(|| subject(&request.email)),
            "aud": AUDIENCE,
            "iat": now.as_secs(),
            "exp": expiry.as_secs(),
            "email": request.email,
            "email_verified": true,
        });
        for (claim, value) in [("name", request.name), ("role", request.role), ("account", request.account)] {
            if let Some(value) = given(value) {
                claims[claim] = value.into();
            }
        }
        Ok(Self { text: key.token(&claims), claims, lifetime, expiry })
    }

    /// The same claims as an ID token for `client`.
    pub(super) fn id_token(&self, client: &str, nonce: Option<&str>, key: &SigningKey) -> String {
        let mut claims = self.claims.clone();
        claims["aud"] = client.into();
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        key.token(&claims)
    }

    /// What its bearer can ask for: the account's invitations or, without an account, the bearer's own.
    pub(super) fn route(&self) -> &'static str {
        if self.claims.get("account").is_some() { "/invitations" } else { "/invitations/mine" }
    }
}

fn given(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}

/// A subject that is always the same for an address. It does not contain the address, because logs and events may contain it.
fn subject(email: &str) -> String {
    let hash = digest(&SHA256, email.to_lowercase().as_bytes());
    hash.as_ref().iter().take(8).fold("dev-".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
