//! Top-level domains. Email clients turn names that end with one into links.

use super::is_mark;
use crate::domain::email::idna_ascii;

/// The top-level domains of the root zone in ASCII, sorted, one per line.
const ROOT_ZONE: &str = include_str!(concat!(env!("OUT_DIR"), "/top-level-domains.txt"));

/// Special-use domain names outside of the root zone (RFC 6761 and its registry).
const SPECIAL: [&str; 8] = ["alt", "example", "internal", "invalid", "local", "localhost", "onion", "test"];

/// Whether a label is a top-level domain, or starts with one where an email client might end the link: before a hyphen, a mark, or
/// letters without case, because such scripts often have no spaces between words. Other clients ignore marks.
pub(super) fn starts_with_top_level_domain(label: &str) -> bool {
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
    // Binary search: `start` and `end` are starts of lines.
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
