//! Characters that cannot be seen themselves, but change how those beside them look: without them some words of Persian, Sinhala
//! or Hindi, and many emoji, cannot be written.
//!
//! The two joiners stand where Unicode's identifiers have them (UAX 31, 2.3.1, contexts A1, A2 and B) and in emoji sequences, the
//! two variation selectors of emoji after emoji alone (UTS 51). Stricter than there, a joiner is not the end of a name.

use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        Emoji, EmojiComponent, EmojiModifier, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, IndicSyllabicCategory,
        JoiningType, Script,
    },
};

use super::{category, is_hidden, is_mark};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';
/// What makes a key of a digit: `1️⃣`.
const KEYCAP: char = '\u{20e3}';
/// The canonical combining class of viramas.
const VIRAMA: u8 = 9;

/// Whether a character that cannot be seen has something to do between `before` and `after`.
pub(super) fn belongs(before: &str, c: char, after: &str) -> bool {
    match c {
        NON_JOINER => breaks_cursive(before, after) || splits_conjunct(before, after),
        JOINER => joins_emoji(before, after) || shapes_conjunct(before, after),
        TEXT_STYLE => before.ends_with(is_emoji),
        EMOJI_STYLE => before.ends_with(is_emoji) || before.ends_with(is_key) && after.starts_with(KEYCAP),
        _ => false,
    }
}

/// A1: between two letters that would be written as one.
fn breaks_cursive(before: &str, after: &str) -> bool {
    let seen = |c: &char| !(is_mark(*c) && !is_hidden(*c) && joining(*c) == JoiningType::Transparent);
    let (Some(left), Some(right)) = (before.chars().rev().find(seen), after.chars().find(seen)) else { return false };
    let joins_right = matches!(joining(left), JoiningType::DualJoining | JoiningType::LeftJoining);
    let joins_left = matches!(joining(right), JoiningType::DualJoining | JoiningType::RightJoining);
    joins_right && joins_left && script(left) == script(right)
}

/// A2: between the letters of a conjunct.
fn splits_conjunct(before: &str, after: &str) -> bool {
    let next = after.chars().find(|c| !reorders(*c));
    next.is_some_and(|next| is_letter(next) && conjunct(before) == Some(script(next)))
}

/// B: in a conjunct, but not before a vowel sign.
fn shapes_conjunct(before: &str, after: &str) -> bool {
    let next = after.chars().next();
    let vowel = |c: char| CodePointMapData::<IndicSyllabicCategory>::new().get(c) == IndicSyllabicCategory::VowelDependent;
    next.is_some_and(|next| !vowel(next) && !is_hidden(next)) && conjunct(before).is_some()
}

/// The script of the letter that begins a conjunct, if a text ends with such: a letter, a virama, and other marks.
fn conjunct(text: &str) -> Option<Script> {
    let mut marks = text.chars().rev();
    marks.by_ref().take_while(|c| reorders(*c)).find(|c| combining_class(*c) == VIRAMA)?;
    marks.find(|c| !is_nonspacing(*c)).filter(|c| is_letter(*c)).map(script)
}

/// Between two emoji, the first with its style or the tone of its skin: `🏳️‍🌈`.
fn joins_emoji(before: &str, after: &str) -> bool {
    let modifier = |c: char| c == EMOJI_STYLE || CodePointSetData::new::<EmojiModifier>().contains(c);
    let first = before.strip_suffix(modifier).unwrap_or(before);
    let pictograph = |c: char| is_emoji(c) && CodePointSetData::new::<ExtendedPictographic>().contains(c);
    first.ends_with(pictograph) && after.starts_with(pictograph)
}

/// An emoji by itself: not a digit, nor half a flag, nor the tone of a skin.
fn is_emoji(c: char) -> bool {
    CodePointSetData::new::<Emoji>().contains(c) && !CodePointSetData::new::<EmojiComponent>().contains(c)
}

fn is_key(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*')
}

fn is_letter(c: char) -> bool {
    GeneralCategoryGroup::Letter.contains(category(c))
}

fn is_nonspacing(c: char) -> bool {
    category(c) == GeneralCategory::NonspacingMark && !is_hidden(c)
}

/// Whether a mark may change places with others.
fn reorders(c: char) -> bool {
    is_nonspacing(c) && combining_class(c) != 0
}

fn combining_class(c: char) -> u8 {
    CanonicalCombiningClassMapBorrowed::new().get_u8(c)
}

fn joining(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}
