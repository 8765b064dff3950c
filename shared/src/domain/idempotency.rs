//! Idempotency keys: repeating a request with the same key has no further effect and returns the same response.

use std::{fmt, fmt::Write as _, str::FromStr};

use sha2::{Digest, Sha256};

use super::{principal::Principal, text::Malformed};

/// An `Idempotency-Key`: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl FromStr for IdempotencyKey {
    type Err = Malformed;

    /// Accepts the key with or without the double quotes of a structured-field string. Several header lines arrive joined by commas, so
    /// a comma outside of quotes means more than one key.
    fn from_str(header: &str) -> Result<Self, Malformed> {
        let text = header.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None if text.contains([',', '"']) => return Err(Malformed("send one key, in double quotes if it contains a comma".to_owned())),
            None => text.to_owned(),
        };
        let printable = key.bytes().all(|b| (b' '..=b'~').contains(&b));
        if (1..=255).contains(&key.len()) && printable {
            Ok(Self(key))
        } else {
            Err(Malformed("a key must have 1 to 255 printable ASCII characters".to_owned()))
        }
    }
}

/// The text up to the closing quote, which must come last.
fn unquote(quoted: &str) -> Result<String, Malformed> {
    let mut key = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next() {
            Some('"') if rest.as_str().is_empty() => return Ok(key),
            Some('"') | None => return Err(Malformed("send one key; a quoted key must end with its closing quote".to_owned())),
            Some('\\') => match rest.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(Malformed("a quoted key may contain only the escapes \\\" and \\\\".to_owned())),
            },
            Some(c) => key.push(c),
        }
    }
}

/// Identifies a stored response by caller, route and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordId(String);

impl RecordId {
    /// Hashes its parts, so that neither the key nor the caller can be recovered.
    #[must_use]
    pub fn new(who: &Principal, route: &str, key: &IdempotencyKey) -> Self {
        Self(hash_parts(&["idempotency", who.urn(), route, &key.0]))
    }

    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Identifies a validated request: equal if and only if everything that determines its effect is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Hashes the parts of the validated request, in a fixed order.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        Self(hash_parts(parts))
    }

    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A response as it is stored and replayed, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The status code of the first response.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// SHA-256 in hex. Each part is preceded by its length, so different lists of parts have different hashes.
fn hash_parts(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _: fmt::Result = write!(hex, "{byte:02x}");
        hex
    })
}
