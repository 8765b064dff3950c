//! Alphabets and random strings shared by keys, operations and link secrets.

use std::fmt;

/// Digits and letters: what a double click selects whole and every shell leaves alone.
pub(crate) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Text that did not have the form its type demands. The sentence names what was expected and says what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// `N` bytes from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness to give; there is nothing safe to go on with then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

/// `length` base-62 characters, each equally likely: 5.95 bits a character.
#[must_use]
pub fn random_base62(length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for byte in random_bytes::<32>() {
            // Bytes from 248 on would make the first eight characters likelier.
            if byte < 248 && text.len() < length {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    text
}

/// What is shown of hostile input in a sentence: at most 64 characters, no control characters.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(64).is_some() {
        shown.push('…');
    }
    shown
}
