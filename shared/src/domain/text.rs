//! Random strings for keys and operations, and how untrusted text appears in messages.

use std::fmt;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};

/// Digits and letters: a double click selects them as a whole, and shells do not interpret them.
pub(crate) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A text that is not valid for its type. The message says what is expected.
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
/// If the operating system provides no randomness; continuing would be unsafe.
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
            // Using bytes from 248 on would make the first eight characters more likely.
            if byte < 248 && text.len() < length {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    text
}

/// The maximum length of an excerpt, in characters.
const MAX_EXCERPT: usize = 64;

/// Untrusted text for a message: at most 64 characters, without control characters, and with `[U+200B]` in place of an invisible
/// character.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    let mut room = MAX_EXCERPT;
    for c in text.chars() {
        let piece = match c {
            c if c.is_control() => '\u{fffd}'.to_string(),
            c if is_invisible(c) => format!("[{}]", code_point(c)),
            c => c.to_string(),
        };
        let Some(left) = room.checked_sub(piece.chars().count()) else {
            shown.push('…');
            break;
        };
        shown.push_str(&piece);
        room = left;
    }
    shown
}

/// A character's code point: `U+200B`.
#[must_use]
pub fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Whether a character is invisible and not whitespace: control, format and direction characters, line separators, zero-width
/// characters, joiners, selectors, tags and fillers.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    // A fast path: nearly all characters of addresses, which every row contains.
    if matches!(c, ' '..='~') {
        return false;
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let formats = matches!(
        category,
        GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
    );
    // U+2800 is the blank braille pattern.
    formats || c == '\u{2800}' || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
