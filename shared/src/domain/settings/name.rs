//! Names in emails: plain text without hidden characters, and without anything that email clients turn into links.

mod joiners;
mod links;
mod top_level;

use std::{fmt, str::FromStr};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup},
};

use self::links::{link_in, without_links};
use crate::domain::text::{Malformed, code_point, excerpt, is_invisible};

/// The maximum length of a name, in characters.
const MAX_LENGTH: usize = 80;

/// The maximum length before normalisation, which can combine several characters into one.
const MAX_INPUT: usize = 4 * MAX_LENGTH;

/// The name of an account or a person in Unicode normalisation form C: 1 to 80 characters. Invisible characters are allowed only where
/// they shape their neighbours: joiners in scripts that need them, and in emoji. A name contains nothing that an email client would
/// turn into a link, or a phone into a number to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(Box<str>);

impl DisplayName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a name of any text: removes characters that are not allowed, replaces what would become a link by spaces, and truncates.
    /// `None` if nothing remains.
    #[must_use]
    pub fn of_untrusted(text: &str) -> Option<Self> {
        let plain = text.chars().take(MAX_INPUT).map(|c| if c.is_whitespace() { ' ' } else { c });
        let mut name = clean(&plain.collect::<String>());
        // Replacing one link can create another. The loop ends, because the number of such characters decreases.
        while link_in(&name).is_some() {
            name = clean(&without_links(&name));
        }
        name.parse().ok()
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DisplayName {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |why: &str| Malformed(format!("'{}' cannot be a name: {why}", excerpt(text)));
        let trimmed = text.trim();
        // Checked first, because the time of the other checks grows with the length.
        if trimmed.is_empty() || trimmed.chars().nth(MAX_INPUT).is_some() {
            return Err(wrong("it must have 1 to 80 characters"));
        }
        let name = ComposingNormalizerBorrowed::new_nfc().normalize(trimmed);
        if name.chars().nth(MAX_LENGTH).is_some() {
            return Err(wrong("it must have 1 to 80 characters"));
        }
        if let Some((_, hidden)) = hidden_in(&name).next() {
            return Err(wrong(&format!("it contains the invisible character {}", code_point(hidden))));
        }
        if name.starts_with(is_mark) {
            return Err(wrong("it starts with a combining mark"));
        }
        if let Some(link) = link_in(&name) {
            return Err(wrong(&link.to_string()));
        }
        Ok(Self(name.into()))
    }
}

/// Normalises and truncates a text, and removes surplus spaces and leading combining marks.
fn clean(text: &str) -> String {
    let words = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let start = words.trim_start_matches(|c: char| is_mark(c) || c == ' ');
    let name = ComposingNormalizerBorrowed::new_nfc().normalize(start);
    let end = name.char_indices().nth(MAX_LENGTH).map_or(name.len(), |(end, _)| end);
    // Truncation can leave a joiner without the character it joined.
    visible(name[..end].trim())
}

/// Removes hidden characters.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut start = 0;
    for (at, c) in hidden_in(text) {
        visible.push_str(&text[start..at]);
        start = at + c.len_utf8();
    }
    visible + &text[start..]
}

/// The positions of invisible characters that do not shape their neighbours.
fn hidden_in(text: &str) -> impl Iterator<Item = (usize, char)> {
    let hidden = text.char_indices().filter(|(_, c)| is_hidden(*c));
    hidden.filter(|(at, c)| !joiners::belongs(&text[..*at], *c, &text[at + c.len_utf8()..]))
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Whether a character is invisible, or has no meaning in Unicode (private use, unassigned).
fn is_hidden(c: char) -> bool {
    is_invisible(c) || matches!(category(c), GeneralCategory::PrivateUse | GeneralCategory::Unassigned)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}
