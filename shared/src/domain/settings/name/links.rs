//! What email clients turn into links, and phones into numbers to call.
//!
//! Every text is checked as it is and in its compatibility form (NFKC), which replaces wide, narrow and other variants of a character:
//! some clients look for links in one form, some in the other. `⒈.ab` is a link only in the first, `⒈ab` only in the second.

use std::{borrow::Cow, fmt};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use super::{category, is_hidden, is_mark, top_level::starts_with_top_level_domain};

/// Schemes that email clients turn into links even without `//`.
const SCHEMES: [&str; 27] = [
    "http",
    "https",
    "ftp",
    "mailto",
    "tel",
    "sms",
    "news",
    "file",
    "sip",
    "sips",
    "callto",
    "skype",
    "xmpp",
    "facetime",
    "facetime-audio",
    "whatsapp",
    "tg",
    "im",
    "webcal",
    "geo",
    "onenote",
    "outlook",
    "javascript",
    "data",
    "magnet",
    "bitcoin",
    "ethereum",
];

/// Dots in domain names: IDNA treats the ideographic full stop as one, too.
const DOTS: [char; 5] = ['.', '．', '․', '。', '｡'];

/// The fewest digits of a phone number. Fewer are years, sizes and house numbers.
const MIN_PHONE_DIGITS: usize = 7;

/// What becomes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// A character and its neighbours.
    At(char),
    /// A sequence of digits.
    Digits,
}

impl fmt::Display for Link {
    /// What is wrong and how to fix it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(c) => {
                write!(f, "an email client could turn it into a link; put a space after '{c}' or replace it")
            }
            Self::Digits => {
                write!(
                    f,
                    "a phone could turn its digits into a number to call; use fewer than {MIN_PHONE_DIGITS} digits or put a word between them"
                )
            }
        }
    }
}

/// The first link in a text, in either form.
pub(super) fn link_in(text: &str) -> Option<Link> {
    let first = |text: &str| {
        let link = text.char_indices().find(|(at, c)| makes_link(&text[..*at], *c, &text[at + c.len_utf8()..]));
        link.map(|(_, c)| Link::At(c)).or_else(|| runs(text).any(is_phone_number).then_some(Link::Digits))
    };
    first(text).or_else(|| first(&compatible(text)))
}

/// The compatibility form of a text, with spaces in place of characters that make a link, and of phone numbers.
pub(super) fn without_links(text: &str) -> String {
    let text = compatible(text);
    let mut harmless = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let links = makes_link(&harmless, c, &text[at + c.len_utf8()..]);
        harmless.push(if links { ' ' } else { c });
    }
    runs(&harmless).map(|run| if is_phone_number(run) { " " } else { run }).collect()
}

fn compatible(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

fn makes_link(before: &str, c: char, after: &str) -> bool {
    match c {
        '@' => true,
        // `www.` in any case, and `evil.example`.
        _ if DOTS.contains(&c) => before_word(before, "www").is_some() || (before.ends_with(is_label) && ends_domain(before, after)),
        // `https://`, and `mailto:` without slashes. `Hotel:Paris` is not a link, although it contains `tel:`.
        ':' => {
            let scheme = |name: &&str| before_word(before, name).is_some_and(|start| !start.ends_with(continues_word));
            after.starts_with(['/', '\\']) || (after.starts_with(|c: char| !c.is_whitespace()) && SCHEMES.iter().any(scheme))
        }
        // `\\server\share`
        '\\' => after.starts_with('\\'),
        // Email clients decode `=?UTF-8?Q?evil=2Eexample?=` in a header.
        '?' => before.ends_with('=') && after.starts_with(|c: char| !c.is_whitespace()),
        _ => false,
    }
}

/// Whether a domain name or an IPv4 address can end after a dot. `S.p.A.`, `J.Smith` and `Web 2.0` do not end with a top-level domain,
/// so they are not links.
fn ends_domain(before: &str, after: &str) -> bool {
    let rest = after.trim_start_matches(is_word);
    let label = &after[..after.len() - rest.len()];
    if label.chars().all(is_digit) {
        return !label.is_empty() && numbers_around(before, after) >= 4;
    }
    // Some clients accept any domain if a path or a port follows.
    let path_or_port = rest.starts_with(['/', '\\']) || rest.strip_prefix(':').is_some_and(|port| port.starts_with(is_digit));
    path_or_port || starts_with_top_level_domain(label)
}

/// The number of dot-separated numbers around a dot.
fn numbers_around(before: &str, after: &str) -> usize {
    let numeric = |c: char| is_digit(c) || DOTS.contains(&c);
    let first = &before[before.trim_end_matches(numeric).len()..];
    let last = &after[..after.len() - after.trim_start_matches(numeric).len()];
    [first, last].iter().flat_map(|part| part.split(DOTS)).filter(|number| !number.is_empty()).count()
}

/// The text before its last word, if that is `word`.
fn before_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, end) = text.split_at_checked(text.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word).then_some(start)
}

/// Whether a character before a word belongs to the same word. Scripts without capital letters often have no spaces between words, so
/// only cased letters and digits count.
fn continues_word(c: char) -> bool {
    c.is_ascii_digit() || c.is_lowercase() || c.is_uppercase()
}

/// Whether a character can precede the dot of a domain name. Emoji and joiners can.
fn is_label(c: char) -> bool {
    is_word(c) || is_hidden(c) || GeneralCategoryGroup::Symbol.contains(category(c))
}

/// Whether a character can be part of a top-level domain.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || c == '-' || c == '_'
}

/// Splits a text into runs of characters that can be part of a phone number, and the runs between them.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let in_phone_number = is_phone_char(rest.chars().next()?);
        let end = rest.find(|c| is_phone_char(c) != in_phone_number).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

/// Whether a run is a phone number. Two consecutive years are not: `2024-2025`.
fn is_phone_number(run: &str) -> bool {
    run.chars().filter(|c| is_digit(*c)).count() >= MIN_PHONE_DIGITS && !are_years(run.trim_matches(|c| !is_digit(c)))
}

fn are_years(text: &str) -> bool {
    let year = |text: &str| text.parse::<u16>().ok().filter(|year| text.len() == 4 && (1900..2100).contains(year));
    let years = text.split_once(['-', '–', '/']).and_then(|(first, last)| Some((year(first)?, year(last)?)));
    years.is_some_and(|(first, last)| last == first + 1)
}

fn is_phone_char(c: char) -> bool {
    let group = category(c);
    is_digit(c)
        || c.is_whitespace()
        || is_mark(c)
        || matches!(group, GeneralCategory::DashPunctuation | GeneralCategory::OpenPunctuation | GeneralCategory::ClosePunctuation)
        || DOTS.contains(&c)
        || matches!(c, '+' | '/' | '\\' | '~' | '_' | '*' | '#' | '·' | '•' | '‧' | '・' | '−' | '∼' | '⁓' | 'ー')
}

fn is_digit(c: char) -> bool {
    category(c) == GeneralCategory::DecimalNumber
}
