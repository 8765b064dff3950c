//! The ends of domain names. Mail clients make links of what ends in one of them.

use super::is_mark;
use crate::domain::email::idna_ascii;

/// The top-level domains of the root zone in ASCII, in order, each in a line of its own.
const ROOT_ZONE: &str = include_str!(concat!(env!("OUT_DIR"), "/top-level-domains.txt"));

/// Names that lead somewhere without the root zone (RFC 6761 and its registry), or stand for such in examples.
const SPECIAL: [&str; 8] = ["alt", "example", "internal", "invalid", "local", "localhost", "onion", "test"];

/// Whether what follows a dot is a top-level domain, or begins with one that a mail client might cut off there: before a hyphen, a
/// mark, or letters that have no capitals, since such scripts often have no blanks between words. To others marks count for nothing.
pub(super) fn begins_top_level(label: &str) -> bool {
    let plain: String = label.chars().filter(|c| !is_mark(*c)).collect();
    let is_cased = |c: char| c.is_ascii_digit() || c.is_lowercase() || c.is_uppercase();
    [label, &plain].into_iter().any(|label| {
        is_top_level(label)
            || is_top_level(beginning(label, |c| c != '-' && c != '_'))
            || is_top_level(beginning(label, char::is_alphanumeric))
            || is_top_level(beginning(label, is_cased))
    })
}

/// The characters before the first that does not belong.
fn beginning(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    text.find(|c| !belongs(c)).map_or(text, |end| &text[..end])
}

fn is_top_level(label: &str) -> bool {
    idna_ascii(label).is_some_and(|name| SPECIAL.contains(&&*name) || in_root_zone(&name))
}

fn in_root_zone(name: &str) -> bool {
    // By halves: `start` and `end` are the beginnings of lines.
    let (mut start, mut end) = (0, ROOT_ZONE.len());
    while start < end {
        let middle = (start + end) / 2;
        let line_start = ROOT_ZONE[..middle].rfind('\n').map_or(0, |at| at + 1);
        let line = ROOT_ZONE[line_start..].lines().next().unwrap_or_default();
        match line.cmp(name) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => start = line_start + line.len() + 1,
            std::cmp::Ordering::Greater => end = line_start,
        }
    }
    false
}
