//! The secret of an invitation's link, made for one sending of one invitation.
//!
//! `secret = HMAC-SHA256(key, account ‖ id ‖ version ‖ nonce)`. The table keeps the nonce and SHA-256 of the secret;
//! without the key, which is not in the table, nobody can make the secret from them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{account::AccountId, id::InvitationId, text::Malformed};

/// Sixteen random bytes that make a sending's secret its own.
pub type Nonce = [u8; 16];

/// What the table keeps of the link: enough to check a secret and to make it again with the key, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Which key of [`LinkKeys`] made the secret.
    pub key_id: String,
    /// Which sending this is: 1 for the first.
    pub version: u32,
    /// Random for each sending.
    pub nonce: Nonce,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

/// The keys that make link secrets, the first for new links, the others for links that are still out.
#[derive(Clone)]
pub struct LinkKeys {
    current: String,
    keys: BTreeMap<String, Vec<u8>>,
}

/// Names the keys, shows none.
impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkKeys").field("current", &self.current).finish_non_exhaustive()
    }
}

impl FromStr for LinkKeys {
    type Err = Malformed;

    /// `id:secret[,id:secret…]`: ids of 1 to 8 characters a-z and 0-9, secrets of at least 32 base-64 characters.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        // The sentence must not repeat the text: it holds secrets.
        let malformed = || {
            Malformed("expected id:secret[,id:secret…] with ids of 1 to 8 of a-z and 0-9, each once, and secrets of 32 or more of A-Z a-z 0-9 + / = _ -".to_owned())
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
    /// The link of a new sending, made with the current key.
    #[must_use]
    pub fn link(&self, account: &AccountId, id: InvitationId, version: u32, nonce: Nonce) -> Link {
        let secret = derive(&self.keys[&self.current], account, id, version, &nonce);
        Link { key_id: self.current.clone(), version, nonce, hash: Sha256::digest(secret).into() }
    }
}

/// Every part has a fixed width, so no two inputs read the same.
fn derive(key: &[u8], account: &AccountId, id: InvitationId, version: u32, nonce: &Nonce) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(account.as_str().as_bytes());
    mac.update(id.as_bytes());
    mac.update(&version.to_be_bytes());
    mac.update(nonce);
    mac.finalize().into_bytes().into()
}
