//! The public keys of an issuer, which its tokens are verified with.
//!
//! An issuer publishes them as a JSON Web Key Set (RFC 7517). Only keys for RS256 and ES256 are kept. The algorithm of a signature comes
//! from the key, never from the token.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

use super::{json::Json, text::Malformed};

/// RSASSA-PKCS1-v1_5 with SHA-256, and ECDSA on the curve P-256 with SHA-256 (RFC 7518).
const RS256: &str = "RS256";
const ES256: &str = "ES256";
/// The algorithms of tokens.
pub(super) const ALGORITHMS: [&str; 2] = [RS256, ES256];

/// An issuer has two or three keys. More than this many are a mistake.
const MAX_KEYS: usize = 32;
/// The longest id of a key.
const MAX_KEY_ID: usize = 256;
/// The sizes of RSA keys in bits. Smaller ones are unsafe; larger ones take long to verify.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The keys of an issuer that can verify a token, by id.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySet(Vec<PublicKey>);

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: String,
    numbers: Numbers,
}

/// The numbers of a public key, big-endian.
#[derive(Clone, PartialEq, Eq)]
enum Numbers {
    /// For RS256: modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// For ES256: a point on the curve P-256.
    P256 { x: Coordinate, y: Coordinate },
}

type Coordinate = [u8; 32];

impl KeySet {
    /// The usable keys in a key set. Others, for example for encryption, are ignored.
    ///
    /// # Errors
    /// If it is not a key set, if two usable keys have the same id, or if there are too many.
    pub fn parse(document: &[u8]) -> Result<Self, Malformed> {
        let document = Json::parse(document)?;
        let Some(Json::Array(keys)) = document.get("keys") else {
            return Err(Malformed("it is not a key set: it has no array 'keys'".to_owned()));
        };
        let mut keys: Vec<_> = keys.iter().filter_map(PublicKey::usable).collect();
        // A changed order is not a changed set.
        keys.sort_by(|one, other| one.id.cmp(&other.id));
        if keys.len() > MAX_KEYS {
            return Err(Malformed(format!("it has more than {MAX_KEYS} keys")));
        }
        if keys.windows(2).any(|pair| pair[0].id == pair[1].id) {
            return Err(Malformed("two of its keys have the same id".to_owned()));
        }
        Ok(Self(keys))
    }

    /// The set as JSON, in a form that [`KeySet::parse`] reads. Equal sets have equal texts.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys = self.0.iter().map(|key| {
            let id = serde_json::Value::from(key.id.as_str());
            let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
            match &key.numbers {
                Numbers::Rsa { n, e } => format!(r#"{{"kid":{id},"kty":"RSA","n":"{}","e":"{}"}}"#, encode(n), encode(e)),
                Numbers::P256 { x, y } => format!(r#"{{"kid":{id},"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#, encode(x), encode(y)),
            }
        });
        format!(r#"{{"keys":[{}]}}"#, keys.collect::<Vec<_>>().join(","))
    }

    /// The key with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Whether it has no key, so that it verifies nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl PublicKey {
    /// The key, if it can verify tokens.
    fn usable(key: &Json) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Json::as_text);
        let is = |name: &str, expected: &str| key.get(name).is_none_or(|value| value.as_text() == Some(expected));
        let verifies = match key.get("key_ops") {
            None => true,
            Some(Json::Array(operations)) => operations.iter().any(|operation| operation.as_text() == Some("verify")),
            Some(_) => false,
        };
        let id = text("kid").filter(|id| (1..=MAX_KEY_ID).contains(&id.len()))?;
        let numbers = match text("kty")? {
            "RSA" if is("alg", RS256) => {
                let (n, e) = (number(text("n")?)?, number(text("e")?)?);
                let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                let good = RSA_BITS.contains(&bits) && is_exponent(&e);
                good.then_some(Numbers::Rsa { n, e })?
            }
            "EC" if is("alg", ES256) && text("crv") == Some("P-256") => {
                Numbers::P256 { x: coordinate(text("x")?)?, y: coordinate(text("y")?)? }
            }
            _ => return None,
        };
        (is("use", "sig") && verifies).then(|| Self { id: id.to_owned(), numbers })
    }

    /// The algorithm of its signatures.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.numbers {
            Numbers::Rsa { .. } => RS256,
            Numbers::P256 { .. } => ES256,
        }
    }

    /// Whether the key has signed the message, with its own algorithm.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.numbers {
            Numbers::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Numbers::P256 { x, y } => {
                let uncompressed = [&[4], &x[..], &y[..]].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

/// A positive integer without leading zeros.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[start..].to_vec())
}

/// Whether signatures can be verified with this exponent: an odd number of at least 3, with at most 32 bits.
fn is_exponent(e: &[u8]) -> bool {
    e.len() <= 4 && e != [1] && e.last().is_some_and(|byte| byte % 2 == 1)
}

/// A coordinate of a point on P-256.
fn coordinate(text: &str) -> Option<Coordinate> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (&key.id, key.algorithm()))).finish()
    }
}
