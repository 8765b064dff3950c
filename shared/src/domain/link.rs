//! The secret of an invitation's link, different for each sending.
//!
//! `secret = HMAC-SHA256(key, account ‖ id ‖ version ‖ nonce)`. The table stores the nonce and SHA-256 of the secret, from which the
//! secret cannot be derived without the key. The key is not in the table. The holder of a link has a [`Token`], which locates the
//! invitation and contains the secret. Only the secret authenticates.

use std::{collections::BTreeMap, fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{account::AccountId, id::InvitationId, text::Malformed};

/// Sixteen random bytes that make each sending's secret unique.
pub type Nonce = [u8; 16];

/// The stored part of a link: with the key it suffices to derive the secret again, without the key only to verify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The key of [`LinkKeys`] that the secret is derived from.
    pub key_id: String,
    /// The number of the sending, starting with 1.
    pub version: u32,
    /// Random, for each sending.
    pub nonce: Nonce,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

/// The keys for deriving link secrets: the first for new links, the others for links that are already sent.
#[derive(Clone)]
pub struct LinkKeys {
    current: String,
    keys: BTreeMap<String, Vec<u8>>,
}

/// Shows the key's id, not the keys.
impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkKeys").field("current", &self.current).finish_non_exhaustive()
    }
}

impl FromStr for LinkKeys {
    type Err = Malformed;

    /// `id:secret[,id:secret…]`: ids of 1 to 8 characters a-z and 0-9, secrets of at least 32 base-64 characters.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        // The message must not repeat the text, which contains secrets.
        let malformed = || {
            Malformed("must be id:secret[,id:secret…]: unique ids of 1 to 8 characters from a-z and 0-9, secrets of at least 32 characters from A-Z a-z 0-9 + / = _ -".to_owned())
        };
        let mut keys = BTreeMap::new();
        let mut current = None;
        for entry in text.split(',') {
            let (id, secret) = entry.split_once(':').ok_or_else(malformed)?;
            let good_id = (1..=8).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let good_secret = secret.len() >= 32 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
            if !good_id || !good_secret || keys.insert(id.to_owned(), secret.as_bytes().to_vec()).is_some() {
                return Err(malformed());
            }
            current.get_or_insert_with(|| id.to_owned());
        }
        Ok(Self { current: current.ok_or_else(malformed)?, keys })
    }
}

impl LinkKeys {
    /// The link of a new sending, derived from the current key.
    #[must_use]
    pub fn link(&self, account: &AccountId, id: InvitationId, version: u32, nonce: Nonce) -> Link {
        let secret = derive(&self.keys[&self.current], account, id, version, &nonce);
        Link { key_id: self.current.clone(), version, nonce, hash: Sha256::digest(secret).into() }
    }
}

impl LinkKeys {
    /// The token of a stored link; `None` if its key is no longer configured.
    #[must_use]
    pub fn token(&self, account: &AccountId, id: InvitationId, link: &Link) -> Option<Token> {
        let secret = derive(self.keys.get(&link.key_id)?, account, id, link.version, &link.nonce);
        let token = Token { account: account.clone(), id, secret };
        // A different key with the same id would yield a link that does not work.
        token.opens(link).then_some(token)
    }
}

/// The token in a link: `i1.{account}.{id}.{secret}`, the secret in base64url. Its holder may accept or decline the invitation.
///
/// Only [`Token::reveal`] shows it, so that it is not logged by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    account: AccountId,
    id: InvitationId,
    secret: [u8; 32],
}

impl Token {
    /// The prefix of this format.
    const VERSION: &str = "i1";

    /// The account that the token claims.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The invitation that the token claims.
    #[must_use]
    pub fn id(&self) -> InvitationId {
        self.id
    }

    /// SHA-256 of the secret.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// Whether the token belongs to this link.
    #[must_use]
    pub fn opens(&self, link: &Link) -> bool {
        self.has_hash(&link.hash)
    }

    /// Whether this is the hash of the secret. Compares in constant time.
    #[must_use]
    pub fn has_hash(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }

    /// The token as text. Only for the email.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}.{}.{}.{}", Self::VERSION, self.account, self.id, URL_SAFE_NO_PAD.encode(self.secret))
    }
}

/// Hides the token.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl FromStr for Token {
    type Err = Malformed;

    /// Accepts only the exact form of [`Token::reveal`], so that each token has a single spelling.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        // The message must not repeat the text, which may be a mistyped secret.
        let malformed = || Malformed("this is not a link token".to_owned());
        let parts: Vec<&str> = text.split('.').collect();
        let [Self::VERSION, account, id, secret] = parts[..] else { return Err(malformed()) };
        let secret = URL_SAFE_NO_PAD.decode(secret).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?;
        let token = Self { account: account.parse().map_err(|_| malformed())?, id: id.parse().map_err(|_| malformed())?, secret };
        if token.reveal() == text { Ok(token) } else { Err(malformed()) }
    }
}

/// Every part has a fixed length, so different inputs have different encodings.
fn derive(key: &[u8], account: &AccountId, id: InvitationId, version: u32, nonce: &Nonce) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(account.as_str().as_bytes());
    mac.update(id.as_bytes());
    mac.update(&version.to_be_bytes());
    mac.update(nonce);
    mac.finalize().into_bytes().into()
}
