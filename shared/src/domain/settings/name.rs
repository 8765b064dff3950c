//! Names that strangers read in mails: plain text in which nothing hides and nothing turns into a link.

use std::{borrow::Cow, fmt, str::FromStr};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup},
};

use crate::domain::text::{Malformed, excerpt};

/// How many characters a name may have.
const LONGEST: usize = 80;

/// How many characters are looked at: several may become one in the normal form.
const READ: usize = 4 * LONGEST;

/// Schemes that mail clients make links of although no `//` follows.
const SCHEMES: [&str; 8] = ["mailto", "tel", "sms", "news", "file", "sip", "callto", "skype"];

/// The name of an account or a person, in Unicode's normal form C: 1 to 80 characters, all of them visible or blanks, and
/// nothing that a mail client would turn into a link or an address.
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
        let visible: String = plain.filter(|c| !is_hidden(*c)).collect();
        let harmless = if link_in(&visible).is_some() { without_links(&compatible(&visible)) } else { visible };
        let words = harmless.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = words.trim_start_matches(|c: char| is_mark(c) || c == ' ');
        cut(&ComposingNormalizerBorrowed::new_nfc().normalize(start)).parse().ok()
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
        if name.chars().any(is_hidden) {
            return Err(wrong("it contains a character that cannot be seen"));
        }
        if name.starts_with(is_mark) {
            return Err(wrong("it begins with a mark that belongs to the character before it"));
        }
        if let Some(c) = link_in(&name) {
            return Err(wrong(&format!("a mail client could make a link or an address of it; write a blank in place of or after '{c}'")));
        }
        Ok(Self(name.into()))
    }
}

/// The text as whoever looks for links may see it: wide, narrow and other forms of a character are that character.
fn compatible(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// The text with a blank for every character that makes a link.
fn without_links(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let links = makes_link(&harmless, c, &text[at + c.len_utf8()..]);
        harmless.push(if links { ' ' } else { c });
    }
    harmless
}

/// The first characters of a text, as many as a name may have.
fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end]).trim()
}

/// The first character that makes a link of what is around it, for those who look at the text as it is and for those who look
/// at its compatible form: `⒈.a` links for the ones only, `⒈a` for the others.
fn link_in(text: &str) -> Option<char> {
    let first = |text: &str| text.char_indices().find(|(at, c)| makes_link(&text[..*at], *c, &text[at + c.len_utf8()..])).map(|(_, c)| c);
    first(text).or_else(|| first(&compatible(text)))
}

fn makes_link(before: &str, c: char, after: &str) -> bool {
    match c {
        '@' => true,
        // `evil.example`, and `www.` whatever follows. IDNA takes the ideographic full stop for a dot, too.
        '.' | '．' | '․' | '。' | '｡' => (before.ends_with(is_label) && after.starts_with(is_label)) || ends_with_word(before, "www"),
        // `https://`, and `mailto:` without the slashes.
        ':' => {
            after.starts_with(['/', '\\'])
                || (after.starts_with(|c: char| !c.is_whitespace()) && SCHEMES.iter().any(|scheme| ends_with_word(before, scheme)))
        }
        // `\\server\share`
        '\\' => after.starts_with('\\'),
        // In a mail's header `=?UTF-8?Q?evil=2Eexample?=` is shown as what it stands for.
        '?' => before.ends_with('=') && after.starts_with(|c: char| !c.is_whitespace()),
        _ => false,
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

/// Whether a character may stand next to the dot of a domain name. Emoji may.
fn is_label(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || c == '-' || c == '_' || GeneralCategoryGroup::Symbol.contains(category(c))
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Whether a character is none that can be seen, other than a blank: controls, formats, directions, separators, zero widths,
/// fillers, and those that Unicode has given no meaning.
fn is_hidden(c: char) -> bool {
    let invisible = matches!(
        category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
    );
    // U+2800 is a braille pattern without a dot.
    invisible || c == '\u{2800}' || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}
