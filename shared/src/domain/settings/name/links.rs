//! What mail clients make links of, and phones numbers to call.
//!
//! Every text is looked at as it is and in its compatible form, in which wide, narrow and other forms of a character are that
//! character: some look for links in the one, some in the other. `⒈.ab` is a link for the first only, `⒈ab` for the others.

use std::{borrow::Cow, fmt};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use super::{category, is_hidden, is_mark, top_level::begins_top_level};

/// Schemes that mail clients make links of although no `//` follows.
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

/// IDNA takes the ideographic full stop for a dot, too.
const DOTS: [char; 5] = ['.', '．', '․', '。', '｡'];

/// How many digits make a number to call. Fewer are years, sizes and house numbers.
const NUMBER: usize = 7;

/// What a link is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// A character and what is around it.
    At(char),
    /// Digits that follow one another.
    Digits,
}

impl fmt::Display for Link {
    /// What is wrong, and what to change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(c) => {
                write!(f, "an email client could turn it into a link; put a space after '{c}' or replace it")
            }
            Self::Digits => {
                write!(f, "a phone could turn its digits into a number to call; use fewer than {NUMBER} digits or put a word between them")
            }
        }
    }
}

/// The first link in a text, in whichever form.
pub(super) fn link_in(text: &str) -> Option<Link> {
    let first = |text: &str| {
        let link = text.char_indices().find(|(at, c)| makes_link(&text[..*at], *c, &text[at + c.len_utf8()..]));
        link.map(|(_, c)| Link::At(c)).or_else(|| runs(text).any(is_number).then_some(Link::Digits))
    };
    first(text).or_else(|| first(&compatible(text)))
}

/// The text's compatible form with a blank for every character that makes a link, and for every number to call.
pub(super) fn without_links(text: &str) -> String {
    let text = compatible(text);
    let mut harmless = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let links = makes_link(&harmless, c, &text[at + c.len_utf8()..]);
        harmless.push(if links { ' ' } else { c });
    }
    runs(&harmless).map(|run| if is_number(run) { " " } else { run }).collect()
}

fn compatible(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

fn makes_link(before: &str, c: char, after: &str) -> bool {
    match c {
        '@' => true,
        // `www.` whatever follows, and `evil.example`.
        _ if DOTS.contains(&c) => before_word(before, "www").is_some() || (before.ends_with(is_label) && ends_domain(before, after)),
        // `https://`, and `mailto:` without the slashes. `Hotel:Paris` is none, for all that it has `tel:` in it.
        ':' => {
            let scheme = |name: &&str| before_word(before, name).is_some_and(|start| !start.ends_with(goes_on));
            after.starts_with(['/', '\\']) || (after.starts_with(|c: char| !c.is_whitespace()) && SCHEMES.iter().any(scheme))
        }
        // `\\server\share`
        '\\' => after.starts_with('\\'),
        // In a mail's header `=?UTF-8?Q?evil=2Eexample?=` is shown as what it stands for.
        '?' => before.ends_with('=') && after.starts_with(|c: char| !c.is_whitespace()),
        _ => false,
    }
}

/// Whether what follows a dot may be the end of a domain name, or of an address of four numbers. `S.p.A.`, `J.Smith` and `Web 2.0`
/// end with no top-level domain, and so are no links.
fn ends_domain(before: &str, after: &str) -> bool {
    let rest = after.trim_start_matches(is_word);
    let label = &after[..after.len() - rest.len()];
    if label.chars().all(is_digit) {
        return !label.is_empty() && numbers_around(before, after) >= 4;
    }
    // What goes on like an address is taken for one here and there, whatever it ends with.
    let goes_on = rest.starts_with(['/', '\\']) || rest.strip_prefix(':').is_some_and(|port| port.starts_with(is_digit));
    goes_on || begins_top_level(label)
}

/// How many numbers with dots between them there are around a dot.
fn numbers_around(before: &str, after: &str) -> usize {
    let numeric = |c: char| is_digit(c) || DOTS.contains(&c);
    let first = &before[before.trim_end_matches(numeric).len()..];
    let last = &after[..after.len() - after.trim_start_matches(numeric).len()];
    [first, last].iter().flat_map(|part| part.split(DOTS)).filter(|number| !number.is_empty()).count()
}

/// What stands before the word that a text ends with.
fn before_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, end) = text.split_at_checked(text.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word).then_some(start)
}

/// Whether a character before a word makes it the end of a longer one. Where there are no capitals, there are often no blanks
/// between words either.
fn goes_on(c: char) -> bool {
    c.is_ascii_digit() || c.is_lowercase() || c.is_uppercase()
}

/// Whether a character may stand before the dot of a domain name. Emoji may, and joiners.
fn is_label(c: char) -> bool {
    is_word(c) || is_hidden(c) || GeneralCategoryGroup::Symbol.contains(category(c))
}

/// Whether a character may stand in a top-level domain.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || c == '-' || c == '_'
}

/// A text in parts: such as have nothing but digits and what may stand between those of a number to call, and others.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let dialled = is_dialled(rest.chars().next()?);
        let end = rest.find(|c| is_dialled(c) != dialled).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

/// Whether a run is a number to call. Two years are none, if the one follows the other: `2024-2025`.
fn is_number(run: &str) -> bool {
    run.chars().filter(|c| is_digit(*c)).count() >= NUMBER && !are_years(run.trim_matches(|c| !is_digit(c)))
}

fn are_years(text: &str) -> bool {
    let year = |text: &str| text.parse::<u16>().ok().filter(|year| text.len() == 4 && (1900..2100).contains(year));
    let years = text.split_once(['-', '–', '/']).and_then(|(first, last)| Some((year(first)?, year(last)?)));
    years.is_some_and(|(first, last)| last == first + 1)
}

fn is_dialled(c: char) -> bool {
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
