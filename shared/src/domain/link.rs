//! The secret of an invitation's link, different for each sending.
//!
//! `secret = HMAC-SHA256(key, account ‖ id ‖ version ‖ nonce)`. The table stores the nonce and SHA-256 of the secret, from which the
//! secret cannot be derived without the key. The key is not in the table. The holder of a link has a [`Token`], which locates the
//! invitation and contains the secret. Only the secret authenticates.

use std::{fmt, str::FromStr};

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
    /// Names the key that the secret is derived from, in logs.
    pub key_id: String,
    /// The number of the sending, starting with 1.
    pub version: u32,
    /// Random, for each sending.
    pub nonce: Nonce,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

/// The keys for deriving link secrets: the first for new links, the others for emails that are still to be sent with earlier links.
///
/// A link works without its key, because the table has its hash.
#[derive(Clone)]
pub struct LinkKeys {
    current: LinkKey,
    earlier: Vec<LinkKey>,
}

#[derive(Clone)]
struct LinkKey {
    id: String,
    secret: Vec<u8>,
}

/// Shows the key's id, not the keys.
impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkKeys").field("current", &self.current.id).finish_non_exhaustive()
    }
}

impl FromStr for LinkKeys {
    type Err = Malformed;

    /// `secret[,secret…]`: secrets of at least 32 base-64 characters.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut keys = text.split(',').map(LinkKey::parse);
        let current = keys.next().flatten();
        // The message must not repeat the text, which contains secrets.
        let malformed = || Malformed("must be secret[,secret…]: secrets of at least 32 characters from A-Z a-z 0-9 + / = _ -".to_owned());
        let earlier = keys.collect::<Option<_>>().ok_or_else(malformed)?;
        Ok(Self { current: current.ok_or_else(malformed)?, earlier })
    }
}

impl LinkKey {
    fn parse(secret: &str) -> Option<Self> {
        let good = secret.len() >= 32 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
        good.then(|| Self { id: name(secret.as_bytes()), secret: secret.as_bytes().to_vec() })
    }
}

impl LinkKeys {
    /// The link of a new sending, derived from the current key.
    #[must_use]
    pub fn link(&self, account: &AccountId, id: InvitationId, version: u32, nonce: Nonce) -> Link {
        let secret = derive(&self.current.secret, account, id, version, &nonce);
        Link { key_id: self.current.id.clone(), version, nonce, hash: Sha256::digest(secret).into() }
    }

    /// The token of a stored link; `None` if its key is no longer configured.
    #[must_use]
    pub fn token(&self, account: &AccountId, id: InvitationId, link: &Link) -> Option<Token> {
        let token = |key: &LinkKey| {
            let secret = derive(&key.secret, account, id, link.version, &link.nonce);
            Token { account: account.clone(), id, secret }
        };
        // Whichever key makes the right token is the link's: no operator has to keep names of keys.
        [&self.current].into_iter().chain(&self.earlier).map(token).find(|token| token.opens(link))
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

/// Four characters, which reveal nothing of the key.
fn name(key: &[u8]) -> String {
    let mut mac = mac(key);
    mac.update(b"name");
    let [one, two, ..] = <[u8; 32]>::from(mac.finalize().into_bytes());
    format!("{one:02x}{two:02x}")
}

/// Every part has a fixed length, so different inputs have different encodings.
fn derive(key: &[u8], account: &AccountId, id: InvitationId, version: u32, nonce: &Nonce) -> [u8; 32] {
    let mut mac = mac(key);
    mac.update(account.as_str().as_bytes());
    mac.update(id.as_bytes());
    mac.update(&version.to_be_bytes());
    mac.update(nonce);
    mac.finalize().into_bytes().into()
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
