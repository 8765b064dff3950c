//! Opaque tokens: a payload, and a digest that binds it to the list that it was issued for.
//!
//! The digest is not a signature: a forged token gives access to nothing that the caller could not query anyway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Longer tokens are rejected unread.
pub(super) const MAX_LENGTH: usize = 512;
const VERSION: u8 = 1;
const DIGEST: usize = 16;

/// The token of a payload for a list: URL-safe characters, 4 for every 3 bytes of the payload and 17 more.
pub(super) fn issue(list: &str, payload: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(1 + payload.len() + DIGEST);
    bytes.push(VERSION);
    bytes.extend(payload);
    let digest = digest(list, &bytes);
    bytes.extend(digest);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The payload of a token that was issued for the list; `None` for every other token.
pub(super) fn payload(list: &str, token: &str) -> Option<Vec<u8>> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (versioned, presented) = bytes.split_last_chunk::<DIGEST>()?;
    let (version, payload) = versioned.split_first()?;
    (*version == VERSION && *presented == digest(list, versioned)).then(|| payload.to_vec())
}

fn digest(list: &str, versioned: &[u8]) -> [u8; DIGEST] {
    let mut hasher = Sha256::new();
    hasher.update(list);
    hasher.update(versioned);
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&hasher.finalize()[..DIGEST]);
    digest
}
