//! Alphabets and random strings shared by keys, operations and link secrets, and how text from outside is shown.

use std::fmt;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};

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

/// How many characters an excerpt has.
const LONGEST_EXCERPT: usize = 64;

/// What is shown of hostile input in a sentence: at most 64 characters, no control characters, and `[U+200B]` in place of an
/// invisible one.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    let mut room = LONGEST_EXCERPT;
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

/// A character's number, as Unicode writes it: `U+200B`.
#[must_use]
pub fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Whether nothing is seen of a character, and not even a blank: controls, formats, directions, separators of lines, zero widths,
/// joiners, selectors, tags and fillers.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    // Nearly every character of an address, and rows are full of addresses.
    if matches!(c, ' '..='~') {
        return false;
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let formats = matches!(
        category,
        GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
    );
    // U+2800 is a braille pattern without a dot.
    formats || c == '\u{2800}' || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
