//! Names that strangers read in mails: plain text in which nothing hides and nothing turns into a link.

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

/// How many characters a name may have.
const LONGEST: usize = 80;

/// How many characters are looked at: several may become one in the normal form.
const READ: usize = 4 * LONGEST;

/// The name of an account or a person, in Unicode's normal form C: 1 to 80 characters, all of them visible, or blanks, or such
/// as change how their neighbours look (joiners in scripts that need them, and in emoji); and nothing that a mail client would turn into a link or an address, or a phone into a number to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(Box<str>);

impl DisplayName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What of a text can be shown as a name: characters that may not be in it are left out, what would make a link becomes
    /// a blank, and the rest is cut off. `None` when nothing is left.
    #[must_use]
    pub fn of_untrusted(text: &str) -> Option<Self> {
        let plain = text.chars().take(READ).map(|c| if c.is_whitespace() { ' ' } else { c });
        let mut name = tidy(&plain.collect::<String>());
        // A blank in place of one link may leave another. There are fewer characters each time.
        while link_in(&name).is_some() {
            name = tidy(&without_links(&name));
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
        // Said before the text is looked at more closely, which takes the longer the longer it is.
        if trimmed.is_empty() || trimmed.chars().nth(READ).is_some() {
            return Err(wrong("it must have 1 to 80 characters"));
        }
        let name = ComposingNormalizerBorrowed::new_nfc().normalize(trimmed);
        if name.chars().nth(LONGEST).is_some() {
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

/// As much of a text as a name may have, in its form: blanks and marks that belong to nothing are no part of it.
fn tidy(text: &str) -> String {
    let words = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let start = words.trim_start_matches(|c: char| is_mark(c) || c == ' ');
    let name = ComposingNormalizerBorrowed::new_nfc().normalize(start);
    let end = name.char_indices().nth(LONGEST).map_or(name.len(), |(end, _)| end);
    // The cut may leave a joiner without what it joined.
    visible(name[..end].trim())
}

/// A text without its hidden characters.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut start = 0;
    for (at, c) in hidden_in(text) {
        visible.push_str(&text[start..at]);
        start = at + c.len_utf8();
    }
    visible + &text[start..]
}

/// The characters that cannot be seen and do nothing for those beside them, and where they are.
fn hidden_in(text: &str) -> impl Iterator<Item = (usize, char)> {
    let hidden = text.char_indices().filter(|(_, c)| is_hidden(*c));
    hidden.filter(|(at, c)| !joiners::belongs(&text[..*at], *c, &text[at + c.len_utf8()..]))
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Whether a character cannot be seen, other than a blank, or is one that Unicode has given no meaning.
fn is_hidden(c: char) -> bool {
    is_invisible(c) || matches!(category(c), GeneralCategory::PrivateUse | GeneralCategory::Unassigned)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}
