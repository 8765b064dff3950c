//! Mutations. Each keeps most of the input, so that parsers get past the beginning.

use serde_json::{Map, Value};
use support::random::Random;

/// Strings that often break parsers.
const DICTIONARY: [&str; 64] = [
    "",
    " ",
    "\0",
    "\n",
    "\r\nset-cookie: a=b",
    "\t",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{200b}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{1f468}\u{200d}\u{1f469}",
    "e\u{301}\u{301}\u{301}",
    "ß",
    "İ",
    "ŉ",
    "ﷺ",
    "株",
    "．",
    "。",
    "＠",
    "@",
    "..",
    "xn--",
    "xn--a.example",
    "0",
    "-1",
    "00",
    "1e999",
    "-0",
    "9223372036854775807",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{\"a\":1,\"a\":2}",
    "'",
    "%",
    "%00",
    "%ff",
    "%2500",
    "+",
    "&",
    "=",
    "#",
    ",",
    "../../",
    "<script>",
    "</p>",
    "{{ link }}",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:60+23:59",
];

/// The length of the longest repetitions, in bytes.
const MAX_REPETITION: usize = 200_000;

/// Mutates a text. Pieces of `donor` may be spliced in.
#[must_use]
pub(super) fn text(random: &mut Random, source: &str, donor: &str) -> String {
    let mut text = source.to_owned();
    for _ in 0..change_count(random) {
        text = one_change(random, &text, donor);
    }
    text
}

/// The number of changes: mostly one, rarely many.
fn change_count(random: &mut Random) -> usize {
    1 + usize::try_from((random.bits() | 16).trailing_zeros()).unwrap_or_default()
}

fn one_change(random: &mut Random, text: &str, donor: &str) -> String {
    let (start, end) = range(random, text);
    let (before, piece, after) = (&text[..start], &text[start..end], &text[end..]);
    let join = |middle: &str| format!("{before}{middle}{after}");
    match random.below(12) {
        0 => flip_bit(random, text),
        1 => join(""),
        2 => join(&piece.repeat(2)),
        3 => join(dictionary_entry(random)),
        4 => format!("{before}{}{piece}{after}", dictionary_entry(random)),
        5 => {
            let (from, to) = range(random, donor);
            join(&donor[from..to])
        }
        // Splice: the start of one and the end of the other.
        6 => format!("{before}{}", &donor[range(random, donor).0..]),
        7 => before.to_owned(),
        8 => join(&any_character(random).to_string()),
        9 => {
            join(&piece.chars().map(|c| if c.is_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }).collect::<String>())
        }
        10 => join(&piece.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()),
        _ if random.chance(1, 500) => join(&dictionary_entry(random).repeat(1 + random.below(MAX_REPETITION / 40))),
        _ => join(&piece.chars().rev().collect::<String>()),
    }
}

/// A range between characters, mostly a short one.
fn range(random: &mut Random, text: &str) -> (usize, usize) {
    let start = boundary(text, random.below(text.len() + 1));
    let length = if random.chance(1, 4) { random.below(text.len() + 1) } else { random.below(5) };
    (start, boundary(text, (start + length).min(text.len())))
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn flip_bit(random: &mut Random, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if !bytes.is_empty() {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn dictionary_entry(random: &mut Random) -> &'static str {
    random.pick::<&str>(&DICTIONARY)
}

/// Any Unicode character; half of them ASCII.
fn any_character(random: &mut Random) -> char {
    let end = if random.chance(1, 2) { 0x80 } else { 0x11_0000 };
    u32::try_from(random.below(end)).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

/// Mutates the structure of a JSON value. Parts of `donor` may be inserted.
pub(super) fn json(random: &mut Random, value: &mut Value, donor: &Value) {
    for _ in 0..change_count(random) {
        let at = random.below(count(value));
        change_at(random, value, &mut { at }, donor);
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the value at index `at` in depth-first order. Returns whether it was reached.
fn change_at(random: &mut Random, value: &mut Value, at: &mut usize, donor: &Value) -> bool {
    if *at == 0 {
        change(random, value, donor);
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(values) => values.iter_mut().any(|value| change_at(random, value, at, donor)),
        Value::Object(fields) => fields.values_mut().any(|value| change_at(random, value, at, donor)),
        _ => false,
    }
}

fn change(random: &mut Random, value: &mut Value, donor: &Value) {
    match value {
        Value::Object(fields) if random.chance(9, 10) => change_fields(random, fields, donor),
        Value::Array(values) if !values.is_empty() && random.chance(9, 10) => {
            let at = random.below(values.len());
            match random.below(3) {
                0 => drop(values.remove(at)),
                1 => values.push(values[at].clone()),
                _ => values.reverse(),
            }
        }
        Value::String(text) if random.chance(9, 10) => {
            // A string that holds JSON is mutated as JSON.
            match serde_json::from_str::<Value>(text) {
                Ok(mut inner) if inner.is_object() && random.chance(4, 5) => {
                    json(random, &mut inner, donor);
                    *text = inner.to_string();
                }
                _ => {
                    let donated = any_text(random, donor);
                    *text = self::text(random, text, &donated);
                }
            }
        }
        _ => *value = anything(random, donor),
    }
}

fn change_fields(random: &mut Random, fields: &mut Map<String, Value>, donor: &Value) {
    let names: Vec<String> = fields.keys().cloned().collect();
    if names.is_empty() || random.chance(1, 8) {
        fields.insert(dictionary_entry(random).to_owned(), anything(random, donor));
        return;
    }
    let name = random.pick(&names);
    match random.below(5) {
        0 => drop(fields.remove(name)),
        1 => {
            let value = fields.remove(name).unwrap_or_default();
            fields.insert(text(random, name, "id"), value);
        }
        2 => drop(fields.insert(name.clone(), anything(random, donor))),
        // A field's value under another field's name.
        3 => drop(fields.insert(random.pick(&names).clone(), fields[name].clone())),
        _ => {
            if let Some(donated) = donor.get(name) {
                fields.insert(name.clone(), donated.clone());
            }
        }
    }
}

fn anything(random: &mut Random, donor: &Value) -> Value {
    match random.below(8) {
        0 => Value::Null,
        1 => random.chance(1, 2).into(),
        2 => random.bits().into(),
        3 => i64::from_le_bytes(random.bits().to_le_bytes()).into(),
        4 => Value::Array(Vec::new()),
        // Deeper than any legitimate request, but below the parser's limit.
        5 => (0..random.below(100)).fold(Value::Null, |inner, _| Value::Array(vec![inner])),
        6 => donor.clone(),
        _ => dictionary_entry(random).into(),
    }
}

/// One of the strings in a value.
fn any_text(random: &mut Random, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if !values.is_empty() => {
            let picked = random.pick(values);
            any_text(random, picked)
        }
        Value::Object(fields) if !fields.is_empty() => {
            let values: Vec<&Value> = fields.values().collect();
            let picked = *random.pick(&values);
            any_text(random, picked)
        }
        _ => dictionary_entry(random).to_owned(),
    }
}

/// The shortest text for which `predicate` still holds, found by leaving pieces out in at most 2,000 attempts.
pub(super) fn minimized(text: &str, mut predicate: impl FnMut(&str) -> bool) -> String {
    let mut best: Vec<char> = text.chars().collect();
    let (mut piece, mut left) = (best.len() / 2, 2000);
    while piece > 0 {
        let mut at = 0;
        while at < best.len() && left > 0 {
            let without: Vec<char> = best[..at].iter().chain(&best[(at + piece).min(best.len())..]).copied().collect();
            left -= 1;
            if predicate(&without.iter().collect::<String>()) {
                best = without;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    best.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{minimized, text};
    use support::random::Random;

    #[test]
    fn a_seed_determines_the_mutations_and_most_of_them_differ() {
        let mutated = |seed| {
            let mut random = Random::new(seed);
            (0..1000).map(|_| text(&mut random, "user.one@example.com", "other@example.org")).collect::<Vec<_>>()
        };
        assert_eq!(mutated(1), mutated(1));
        assert_ne!(mutated(1), mutated(2));
        let distinct: std::collections::BTreeSet<String> = mutated(1).into_iter().collect();
        assert!(distinct.len() > 700, "{}", distinct.len());
    }

    #[test]
    fn minimizing_keeps_only_the_part_that_the_predicate_needs() {
        assert_eq!(minimized("a long text with a <b> in it", |text| text.contains("<b>")), "<b>");
    }
}
