//! Keys that sign tokens, by the algorithms ES256 and RS256.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::{self, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Problem, problem};

/// A private key with an ID. Clones share the key.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    pair: Arc<Pair>,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(rsa::KeyPair),
}

impl SigningKey {
    /// A new key for ES256.
    ///
    /// # Panics
    /// When the system has no random bytes.
    #[must_use]
    pub fn generate() -> Self {
        Self::es256(&Self::generate_pkcs8()).expect("a generated key is valid")
    }

    /// A new key for ES256, as PKCS#8.
    ///
    /// # Panics
    /// When the system has no random bytes.
    #[must_use]
    pub fn generate_pkcs8() -> Vec<u8> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        document.expect("the system has random bytes").as_ref().to_vec()
    }

    /// The key for ES256 in a PKCS#8 document.
    ///
    /// # Errors
    /// When the document does not contain one.
    pub fn es256(pkcs8: &[u8]) -> Result<Self, Problem> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new());
        pair.map(|pair| Self::new(Pair::Es256(pair))).map_err(|e| problem!("not a P-256 key in PKCS#8: {e}"))
    }

    /// The key for RS256 in a PKCS#8 document.
    ///
    /// # Errors
    /// When the document does not contain one.
    pub fn rs256(pkcs8: &[u8]) -> Result<Self, Problem> {
        rsa::KeyPair::from_pkcs8(pkcs8).map(|pair| Self::new(Pair::Rs256(pair))).map_err(|e| problem!("not an RSA key in PKCS#8: {e}"))
    }

    /// The ID is the thumbprint of RFC 7638, so that different keys have different IDs, and the same key always has the same.
    fn new(pair: Pair) -> Self {
        let public = pair.public().to_string();
        Self { id: URL_SAFE_NO_PAD.encode(digest(&SHA256, public.as_bytes())), pair: Arc::new(pair) }
    }

    /// The same key with another ID, for example that of another key.
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// The `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = self.pair.public();
        jwk["kid"] = json!(self.id);
        jwk["alg"] = json!(self.pair.algorithm());
        jwk["use"] = json!("sig");
        jwk
    }

    /// The header of this key's tokens.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({ "alg": self.pair.algorithm(), "kid": self.id, "typ": "JWT" })
    }

    /// A token with exactly these claims.
    ///
    /// # Panics
    /// When the claims are not JSON, or the system has no random bytes.
    #[must_use]
    pub fn token(&self, claims: &impl Serialize) -> String {
        self.sign(self.header().to_string(), serde_json::to_vec(claims).expect("claims are JSON"))
    }

    /// A token with any header and payload, valid or not. The signature is always this key's.
    ///
    /// # Panics
    /// When the system has no random bytes.
    #[must_use]
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Pair {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    /// The members of the JWK that make up the public key, in alphabetical order, which its thumbprint requires.
    fn public(&self) -> Value {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Es256(pair) => {
                // The point without compression: 4, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "crv": "P-256", "kty": "EC", "x": encoded(x), "y": encoded(y) })
            }
            Self::Rs256(pair) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                json!({ "e": encoded(&e), "kty": "RSA", "n": encoded(&n) })
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).expect("the system has random bytes").as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("the signature has the key's length");
                signature
            }
        }
    }
}

/// Without the private key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("jwk", &self.jwk()).finish_non_exhaustive()
    }
}
