//! Random strings and excerpts of hostile input.

use std::collections::BTreeMap;

use shared::domain::text::{excerpt, random_base62};

#[test]
fn a_random_string_has_the_requested_length() {
    for length in [0, 1, 12, 31, 32, 33, 100] {
        assert_eq!(random_base62(length).len(), length);
    }
}

#[test]
fn every_letter_and_digit_is_equally_likely() {
    let mut seen: BTreeMap<char, u32> = BTreeMap::new();
    for letter in random_base62(62 * 10_000).chars() {
        *seen.entry(letter).or_default() += 1;
    }
    assert_eq!(seen.keys().collect::<String>(), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    // Six standard deviations. A bias of one byte in 256 would add 2,450 to a count.
    assert!(seen.values().all(|count| (9_400..=10_600).contains(count)), "{seen:?}");
}

#[test]
fn an_excerpt_has_at_most_64_characters_and_no_control_characters() {
    assert_eq!(excerpt(""), "");
    assert_eq!(excerpt("a\nb\u{1b}c"), "a\u{fffd}b\u{fffd}c");
    let most = "é".repeat(64);
    assert_eq!(excerpt(&most), most);
    assert_eq!(excerpt(&format!("{most}é")), format!("{most}…"));
}

#[test]
fn an_excerpt_names_invisible_characters_by_their_code_points() {
    for c in [
        '\u{ad}',
        '\u{34f}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{202e}',
        '\u{2028}',
        '\u{2066}',
        '\u{2800}',
        '\u{3164}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{fff9}',
        '\u{e0041}',
        '\u{e0100}',
    ] {
        assert_eq!(excerpt(&format!("a{c}b")), format!("a[U+{:04X}]b", u32::from(c)));
    }
    // The limit counts them as shown.
    assert_eq!(excerpt(&"\u{200b}".repeat(8)), "[U+200B]".repeat(8));
    assert_eq!(excerpt(&"\u{200b}".repeat(9)), format!("{}…", "[U+200B]".repeat(8)));
    assert_eq!(excerpt(&format!("{}\u{200b}b", "a".repeat(57))), format!("{}…", "a".repeat(57)));
}
