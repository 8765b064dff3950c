//! Invisible characters that shape their neighbours. Some words of Persian, Sinhala or Hindi, and many emoji, need them.
//!
//! The two joiners are allowed where Unicode allows them in identifiers (UAX 31, 2.3.1, contexts A1, A2 and B) and in emoji sequences,
//! the two variation selectors only after emoji (UTS 51). Stricter than Unicode, a name must not end with a joiner.

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
/// Turns a digit into a keycap: `1️⃣`.
const KEYCAP: char = '\u{20e3}';
/// The canonical combining class of viramas.
const VIRAMA: u8 = 9;

/// Whether an invisible character shapes its neighbours, the ends of `before` and `after`.
pub(super) fn belongs(before: &str, c: char, after: &str) -> bool {
    match c {
        NON_JOINER => breaks_cursive(before, after) || splits_conjunct(before, after),
        JOINER => joins_emoji(before, after) || shapes_conjunct(before, after),
        TEXT_STYLE => before.ends_with(is_emoji),
        EMOJI_STYLE => before.ends_with(is_emoji) || before.ends_with(is_key) && after.starts_with(KEYCAP),
        _ => false,
    }
}

/// A1: between two letters that would be joined in cursive writing.
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

/// B: in a conjunct, not before a vowel sign, and not before a letter or digit of another script, which it cannot shape.
fn shapes_conjunct(before: &str, after: &str) -> bool {
    let (Some(next), Some(own)) = (after.chars().next(), conjunct(before)) else { return false };
    let vowel = CodePointMapData::<IndicSyllabicCategory>::new().get(next) == IndicSyllabicCategory::VowelDependent;
    let foreign = (is_letter(next) || GeneralCategoryGroup::Number.contains(category(next))) && script(next) != own;
    !vowel && !is_hidden(next) && !foreign
}

/// The script of the conjunct that a text ends with: a letter, a virama, and other marks.
fn conjunct(text: &str) -> Option<Script> {
    let mut marks = text.chars().rev();
    marks.by_ref().take_while(|c| reorders(*c)).find(|c| combining_class(*c) == VIRAMA)?;
    marks.find(|c| !is_nonspacing(*c)).filter(|c| is_letter(*c)).map(script)
}

/// Between two emoji; the first may have a style or a skin tone: `🏳️‍🌈`.
fn joins_emoji(before: &str, after: &str) -> bool {
    let modifier = |c: char| c == EMOJI_STYLE || CodePointSetData::new::<EmojiModifier>().contains(c);
    let first = before.strip_suffix(modifier).unwrap_or(before);
    let pictograph = |c: char| is_emoji(c) && CodePointSetData::new::<ExtendedPictographic>().contains(c);
    first.ends_with(pictograph) && after.starts_with(pictograph)
}

/// A complete emoji: not a digit, half a flag or a skin tone.
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

/// Whether normalisation can reorder a mark.
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
