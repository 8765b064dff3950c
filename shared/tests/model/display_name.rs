//! Display names (T9, T11): no hidden characters, and nothing that becomes a link.

use proptest::prelude::*;
use shared::domain::settings::DisplayName;

/// The name, or the reason for its refusal.
pub(crate) fn name(text: &str) -> Result<String, String> {
    text.parse::<DisplayName>().map(|name| name.to_string()).map_err(|error| error.to_string())
}

/// A text stripped to a name.
pub(crate) fn stripped(text: &str) -> Option<String> {
    DisplayName::of_untrusted(text).map(|name| name.as_str().to_owned())
}

/// Characters that a name must not contain, by code point and not by the tables of the code.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0d | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0xe000..=0xf8ff
            | 0xe0000..=0xe0fff | 0xf0000..=0x10_ffff)
}

/// Whether a character alone is invisible.
pub(crate) fn is_unseen(c: char) -> bool {
    hides(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// Whether a joiner or a selector has no effect, decided by the blocks that have none.
fn idle(text: &str) -> bool {
    let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let is_selector = |c: char| matches!(c, '\u{fe0e}' | '\u{fe0f}');
    let plain = |c: char| {
        c.is_whitespace()
            || matches!(c, '\0'..='\u{24f}' | 'α'..='я' | 'א'..='ת' | 'ぁ'..='ヿ' | '一'..='鿿' | '가'..='힣') && !matches!(c, '©' | '®')
    };
    let characters: Vec<char> = text.chars().collect();
    let at = |at: Option<usize>| at.and_then(|at| characters.get(at)).copied();
    (0..characters.len()).any(|here| {
        let (before, after) = (at(here.checked_sub(1)), at(Some(here + 1)));
        if is_joiner(characters[here]) {
            before.is_none_or(|c| plain(c) || is_joiner(c))
                || after.is_none_or(|c| is_joiner(c) || is_selector(c) || c.is_alphanumeric() && plain(c))
        } else if is_selector(characters[here]) {
            before.is_none_or(|c| is_joiner(c) || is_selector(c) || plain(c) && after != Some('\u{20e3}'))
        } else {
            false
        }
    })
}

/// Whether an eager client would find a link.
fn linkable(text: &str) -> bool {
    let plain: String = text.chars().map(|c| if matches!(c, '．' | '。' | '｡' | '․') { '.' } else { c }).collect();
    let plain = plain.to_lowercase();
    let domain = |part: &str| tld::exist(part) || matches!(part, "example" | "local" | "test" | "中国" | "みんな");
    let dotted = plain.split(|c: char| !c.is_alphanumeric() && c != '.').any(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.windows(2).any(|it| !it[0].is_empty() && domain(it[1]))
            || parts.windows(4).any(|it| it.iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())))
    });
    dotted || ["://", "www.", "@", "＠", "：//", "\\\\"].iter().any(|part| plain.contains(part)) || callable(&plain)
}

/// Whether there are seven digits with only the separators of phone numbers between them.
fn callable(text: &str) -> bool {
    let runs = text.split(|c: char| !(c.is_ascii_digit() || c.is_whitespace() || "()[]{}+-./~_–—‐‑−".contains(c)));
    runs.map(|run| run.trim_matches(|c: char| !c.is_ascii_digit()))
        .any(|run| run.chars().filter(char::is_ascii_digit).count() >= 7 && !(1899..2099).any(|year| is_season(run, year)))
}

fn is_season(run: &str, year: u32) -> bool {
    ['-', '–', '/'].iter().any(|dash| run == format!("{year}{dash}{}", year + 1))
}

/// Asserts the properties of every name.
fn check(text: &str) -> Result<(), TestCaseError> {
    prop_assert!((1..=80).contains(&text.chars().count()), "{:?}", text);
    prop_assert_eq!(text.trim(), text);
    prop_assert!(!text.contains(hides) && !idle(text), "{:?}", text);
    prop_assert!(!linkable(text), "{:?}", text);
    prop_assert_eq!(name(text), Ok(text.to_owned()), "it is itself a name");
    Ok(())
}

#[test]
fn ordinary_names_are_unchanged() {
    for text in [
        "Example Ltd.",
        "Acme S.A.",
        "Solvay S.A./N.V.",
        "Philips N.V.",
        "Fiat S.p.A.",
        "X s.r.o.",
        "Y Sp. z o.o.",
        "Z S.à r.l.",
        "J.P. Morgan",
        "J.R.R. Tolkien",
        // No top-level domains.
        "J.Smith",
        "E.ON",
        "Dr.Oetker",
        "A.Deák",
        "St.Gallen",
        "J.王",
        "Archive.7z",
        "Jr.Smith-Jones",
        "ИП.Иванов",
        "ПАО «А.Б.В»",
        "Jane Doe, Ph.D",
        "Web 2.0",
        "Web 2.0+",
        "Web 10.15: 4.5/5",
        "نسخة ٢.٥٠",
        "1.2.3",
        "Hotel:Paris",
        "HOTEL:Paris",
        "Hôtel:Paris",
        "Intel:inside",
        "tel: us",
        "Jane Doe",
        "Müller & Söhne (GmbH)",
        "株式会社サンプル",
        "שלום בע\"מ",
        "شركة",
        "7-Eleven",
        "3:1",
        "A <b>c</b>",
        "Hotel: Rooms",
        "e.",
        ". . .",
        "a..b",
        "Studio 2024",
        "4711",
        "Area 51",
        "Area 51 (2024)",
        "ISO 9001:2015",
        "Room 101, floor 20, 1999",
        "24/7 Help 365",
        "Class of 2024-2025",
        "Season 2024/2025",
        "Years 1999–2000",
        "123 456",
        "The 1,000,000 Club",
        "Bands 10 to 20, 30 to 40",
    ] {
        assert_eq!(name(text).as_deref(), Ok(text));
        assert_eq!(stripped(text).as_deref(), Some(text));
    }
}

#[test]
fn names_are_trimmed_and_normalised() {
    assert_eq!(name("\u{3000} Zoe\u{308} \n").as_deref(), Ok("Zoë"));
    assert_eq!(stripped("\tZoe\u{308}\u{a0} \r\n Doe").as_deref(), Some("Zoë Doe"));
}

#[test]
fn the_length_is_counted_in_characters_of_the_normal_form() {
    assert!(name(&"ü".repeat(80)).is_ok() && name(&"u\u{308}".repeat(80)).is_ok());
    for text in ["", " ", &"ü".repeat(81), &"u\u{308}".repeat(81), &"a".repeat(1_000_000)] {
        assert!(name(text).expect_err("a wrong length").ends_with("it must have 1 to 80 characters"));
    }
    assert_eq!(stripped(&"ü".repeat(81)), Some("ü".repeat(80)));
    assert_eq!(stripped(&"a".repeat(1_000_000)), Some("a".repeat(80)));
}

#[test]
fn invisible_characters_are_rejected_or_removed() {
    for c in [
        '\0',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{34f}',
        '\u{600}',
        '\u{61c}',
        '\u{fff9}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2066}',
        '\u{2800}',
        '\u{3164}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{ffa0}',
        '\u{e000}',
        '\u{e0041}',
        '\u{10ffff}',
        '\u{378}',
    ] {
        let text = format!("Ja{c}ne");
        let named = format!("it contains the invisible character U+{:04X}", u32::from(c));
        assert!(name(&text).expect_err("hidden").ends_with(&named), "{text:?}");
        assert!(["Jane", "Ja ne"].contains(&stripped(&text).expect("a rest").as_str()), "{text:?}");
    }
    for text in ["\u{200b}", "\u{200d}", "\u{fe0f}", " \u{2800} ", "\u{301}", "\u{301}\u{200b} \u{308}"] {
        assert!(name(text).is_err() && stripped(text).is_none(), "{text:?}");
    }
}

/// Real words and emoji, and each without its joiners and selectors.
const JOINED: [&str; 17] = [
    // A1: Persian, with a mark in between, Syriac.
    "نامه\u{200c}ای",
    "می\u{200c}خواهم",
    "نامه\u{64e}\u{200c}\u{650}ای",
    "\u{712}\u{200c}\u{712}",
    // A2: Devanagari, Kannada.
    "क्\u{200c}ष",
    "ಕ್\u{200c}ಷ",
    // B: Sinhala, Devanagari, a Malayalam chillu in the old spelling.
    "ශ්\u{200d}රී ලංකා",
    "क्\u{200d}ष",
    "അവന്\u{200d} വന്നു",
    // Emoji: styles, a key, sequences with tones of skin.
    "I ❤️ Example",
    "☎︎ desk",
    "Team 1️⃣",
    "Café 👩\u{200d}💻",
    "👩🏽\u{200d}🚀 Crew",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "🏳️\u{200d}🌈 Club",
    "🧑\u{200d}⚕️",
];

#[test]
fn joiners_and_selectors_are_kept_where_a_script_or_an_emoji_needs_them() {
    for text in JOINED {
        assert_eq!(name(text).as_deref(), Ok(text));
        assert_eq!(stripped(text).as_deref(), Some(text));
        assert!(!idle(text), "{text:?}");
    }
}

#[test]
fn joiners_and_selectors_are_rejected_or_removed_elsewhere() {
    for (text, rest) in [
        ("Ja\u{200c}ne", "Jane"),
        ("Ja\u{200d}ne", "Jane"),
        ("Ja\u{fe0e}ne", "Jane"),
        ("И\u{200d}ван", "Иван"),
        ("王\u{200c}明", "王明"),
        ("5\u{200d}6", "56"),
        // At an end, also of the truncated name, and after a blank.
        ("\u{200d}Jane", "Jane"),
        ("Jane\u{200c}", "Jane"),
        ("\u{200c}نامه", "نامه"),
        ("نامه\u{200c}", "نامه"),
        ("ක්\u{200d}", "ක්"),
        ("Jane \u{200d}👩", "Jane 👩"),
        ("Jane 👩\u{200d}", "Jane 👩"),
        ("Jane \u{fe0f}", "Jane"),
        // Twice, and mixed.
        ("نامه\u{200c}\u{200c}ای", "نامهای"),
        ("ශ්\u{200d}\u{200d}රී", "ශ්රී"),
        ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}"),
        ("👩\u{200d}\u{200d}💻", "👩💻"),
        // Where the script has the characters, but not there: after a letter that does not join, without a virama, before a vowel
        // sign, between two scripts.
        ("ا\u{200c}ب", "اب"),
        ("ක\u{200d}ර", "කර"),
        ("ක්\u{200d}ි", "ක්ි"),
        ("ක්\u{200d}a", "ක්a"),
        ("ක්\u{200d}5", "ක්5"),
        ("क्\u{200c}ಷ", "क्ಷ"),
        ("ن\u{200c}ܢ", "نܢ"),
        // Emoji that take no style or are not joined, and selectors that no emoji has.
        ("A\u{fe0f}", "A"),
        ("1\u{fe0f}", "1"),
        ("1\u{fe0e}\u{20e3}", "1\u{20e3}"),
        ("👩\u{200d}A", "👩A"),
        ("1\u{200d}👩", "1👩"),
        ("❤\u{fe00}", "❤"),
        ("葛\u{e0100}", "葛"),
        // Hidden characters are no marks to reach across.
        ("ن\u{ad}\u{200c}ا", "نا"),
        ("ක්\u{34f}\u{200d}ර", "ක්ර"),
    ] {
        assert!(name(text).expect_err(text).contains("it contains the invisible character U+"), "{text:?}");
        assert_eq!(stripped(text).as_deref(), Some(rest), "{text:?}");
    }
    let long = format!("{}👩\u{200d}💻", "a".repeat(78));
    assert_eq!(stripped(&long), Some(format!("{}👩", "a".repeat(78))));
    let long = format!("{}ന്\u{200d} വ", "a".repeat(77));
    assert_eq!(stripped(&long), Some(format!("{}ന്", "a".repeat(77))));
}

#[test]
fn a_name_does_not_begin_with_a_combining_mark() {
    // U+0338 turns the end of a tag into another character.
    assert!(name("\u{338}Jane").expect_err("a mark").contains("starts with a combining mark"));
    assert_eq!(stripped(" \u{338} \u{301}Jane").as_deref(), Some("Jane"));
}

/// Text that often resembles a link.
fn near_link() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9]{1,4}",
        2 => "[0-9 ()+./–-]{1,9}",
        1 => prop::sample::select(vec!["2024-2025", "1999/2000", "tel:", "sms:", "xmpp:", "a.b", "s.p.a.", "１２３", "٤٢", "①"]).prop_map(str::to_owned),
        3 => prop::sample::select(vec![".", "．", "。", "｡", "․", "…", "⒈", "@", "＠", ":", "：", "/", "／", "\\", "www", "ＷＷＷ", "mailto", "://"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![" ", "\u{a0}", "\u{200b}", "\u{ad}", "\u{338}", "\u{301}", "\u{feff}", "\u{202e}", "\n"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["co", "com", "de", "中国", "みんな"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["\u{200c}", "\u{200d}", "\u{fe0e}", "\u{fe0f}", "\u{20e3}"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["ن", "ا", "ක්", "ර", "ി", "❤", "👩", "🏽", "™", "ℹ", "5️⃣"]).prop_map(str::to_owned),
        1 => "\\PC{1,2}",
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn every_accepted_name_is_plain(text in prop_oneof![any::<String>(), near_link(), "\\PC{0,90}"]) {
        if let Ok(accepted) = name(&text) {
            check(&accepted)?;
        }
    }

    #[test]
    fn every_stripped_text_is_plain_and_stable(text in prop_oneof![any::<String>(), near_link(), "\\PC{0,200}"]) {
        if let Some(rest) = stripped(&text) {
            check(&rest)?;
            prop_assert_eq!(stripped(&rest), Some(rest));
        }
    }

    #[test]
    fn stripping_keeps_something_of_every_text_that_begins_with_a_letter(start in "[a-zA-Zа-яぁ-ん]", text in prop_oneof![any::<String>(), near_link()]) {
        let rest = stripped(&format!("{start}{text}"));
        prop_assert!(rest.is_some());
    }

    #[test]
    fn stripping_an_accepted_name_removes_only_surplus_blanks(text in "[a-zA-Zа-яäöü0-9 .,:&()-]{1,80}") {
        if let Ok(accepted) = text.parse::<DisplayName>() {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let rest = stripped(accepted.as_str()).expect("a name");
            prop_assert_eq!(words(&rest), words(accepted.as_str()));
        }
    }
}
