//! API keys: `ik_live_{account}_{id}_{secret}_{check}`.
//!
//! Secret scanners recognise the fixed prefix of a leaked key. The checksum rejects a mistyped key without a read. Account and id
//! locate the stored record, which contains the key's role and a hash of the secret. A fast hash suffices, because the secret has 256
//! random bits.

use std::{fmt, str::FromStr, time::Duration};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    account::AccountId,
    principal::Principal,
    role::{RoleId, Roles},
    text::{BASE62, Malformed, random_base62},
    time::Timestamp,
    urn::Urns,
};

const PREFIX: &str = "ik_live";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;
const CHECK_LENGTH: usize = 6;

/// The id of a key's record: twelve base-62 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(Box<str>);

impl ApiKeyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ApiKeyId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if is_base62(text, ID_LENGTH) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed(format!("an API key id must have exactly {ID_LENGTH} letters and digits")))
        }
    }
}

/// SHA-256 of a key's secret. The secret itself is not stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Whether it is the hash of the key's secret. Compares in constant time.
    fn matches(&self, key: &ApiKey) -> bool {
        self.0.ct_eq(&key.hash.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(***)")
    }
}

/// A well-formed key that a caller presents. It is not verified yet.
#[derive(Debug, Clone)]
pub struct ApiKey {
    account: AccountId,
    id: ApiKeyId,
    hash: SecretHash,
}

impl ApiKey {
    /// The account that the key claims, which locates its record.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The id that the key claims, which locates its record.
    #[must_use]
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// SHA-256 of the secret.
    #[must_use]
    pub fn hash(&self) -> &SecretHash {
        &self.hash
    }

    /// Generates a key: its text, to be shown once, and the parts to store.
    #[must_use]
    pub fn generate(account: &AccountId) -> (String, Self) {
        Self::with_id(account, ApiKeyId(random_base62(ID_LENGTH).into()))
    }

    /// Generates a key with an existing id: another secret for the same record.
    #[must_use]
    pub fn with_id(account: &AccountId, id: ApiKeyId) -> (String, Self) {
        let secret = random_base62(SECRET_LENGTH);
        let body = format!("{PREFIX}_{account}_{id}_{secret}");
        let text = format!("{body}_{}", checksum(&body));
        (text, Self { account: account.clone(), id, hash: hash(&secret) })
    }
}

impl FromStr for ApiKey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed("this is not an API key of this service; it may be incomplete or mistyped".to_owned());
        let (body, check) = text.rsplit_once('_').ok_or_else(malformed)?;
        let rest = body.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or_else(malformed)?;
        let mut parts = rest.split('_');
        let (Some(account), Some(id), Some(secret), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(malformed());
        };
        if !is_base62(secret, SECRET_LENGTH) || check != checksum(body) {
            return Err(malformed());
        }
        Ok(Self { account: account.parse().map_err(|_| malformed())?, id: id.parse().map_err(|_| malformed())?, hash: hash(secret) })
    }
}

/// The secret that a key had before its rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousSecret {
    /// SHA-256 of it.
    pub hash: SecretHash,
    /// When it stops working.
    pub expiry: Timestamp,
}

/// How long the previous secret works after a rotation: 0 to 30 days, in seconds; a day by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(Duration);

impl Overlap {
    const MAX: u64 = 30 * 24 * 3600;

    /// As a duration.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for Overlap {
    fn default() -> Self {
        Self(Duration::from_hours(24))
    }
}

impl FromStr for Overlap {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let seconds = text.parse().ok().filter(|seconds| *seconds <= Self::MAX);
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| Malformed(format!("must be a whole number from 0 to {}", Self::MAX)))
    }
}

/// The stored record of a key.
#[derive(Debug, Clone)]
pub struct ApiKeyRecord {
    /// The account that the key acts for.
    pub account: AccountId,
    /// The key's id.
    pub id: ApiKeyId,
    /// SHA-256 of its secret.
    pub hash: SecretHash,
    /// The key's role.
    pub role: RoleId,
    /// The key's name.
    pub name: Option<String>,
    /// Whether the key works; a disabled key stays disabled.
    pub enabled: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it stops working, if ever.
    pub expiry: Option<Timestamp>,
    /// The secret before the last rotation, if there was one.
    pub previous: Option<PreviousSecret>,
}

impl ApiKeyRecord {
    /// The record of a new key.
    #[must_use]
    pub fn new(key: &ApiKey, role: RoleId, name: Option<String>, created: Timestamp, expiry: Option<Timestamp>) -> Self {
        Self {
            account: key.account.clone(),
            id: key.id.clone(),
            hash: key.hash,
            role,
            name,
            enabled: true,
            created,
            expiry,
            previous: None,
        }
    }

    /// Whether the secret of `key` is the current one or, while it works, the previous one. Compares in constant time.
    #[must_use]
    pub fn knows(&self, key: &ApiKey, now: Timestamp) -> bool {
        self.hash.matches(key) | self.knows_as_previous(key, now)
    }

    /// Whether the secret of `key` is the previous one, and still works.
    #[must_use]
    pub fn knows_as_previous(&self, key: &ApiKey, now: Timestamp) -> bool {
        self.previous.is_some_and(|previous| now < previous.expiry && previous.hash.matches(key))
    }

    /// Whether the key is neither disabled nor expired.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.enabled && self.expiry.is_none_or(|expiry| now < expiry)
    }

    /// The caller that `key` authenticates; `None` if the secret is wrong, or the key is disabled or expired.
    #[must_use]
    pub fn verify(&self, key: &ApiKey, now: Timestamp, roles: &Roles, urns: &Urns) -> Option<Principal> {
        let matches = self.knows(key, now) && self.account == key.account && self.id == key.id;
        (matches && self.is_active(now)).then(|| {
            let urn = urns.api_key(&self.account, self.id.as_str());
            Principal::new(self.account.clone(), urn, self.name.clone(), self.role.clone(), roles.get(&self.role))
        })
    }
}

fn is_base62(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn hash(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret).into())
}

/// Six characters that detect typing errors. Not a secret: anyone can compute it.
fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body);
    digest.iter().take(CHECK_LENGTH).map(|byte| char::from(BASE62[usize::from(byte % 62)])).collect()
}
