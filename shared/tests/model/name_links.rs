//! Names contain nothing that an email client would link or a phone would call (T9).

use super::display_name::{name, stripped};

#[test]
fn text_that_a_client_would_link_is_rejected_or_taken_apart() {
    for (text, rest) in [
        ("evil.example", "evil example"),
        ("Go to example.com/x now", "Go to example com/x now"),
        ("evil．example", "evil example"),
        ("evil。example", "evil example"),
        ("evil｡example", "evil example"),
        ("evil․example", "evil example"),
        ("evil﹒example", "evil example"),
        ("evil-.example", "evil- example"),
        ("evil_.example", "evil_ example"),
        ("t.co", "t co"),
        ("a.b.co", "a.b co"),
        ("evil.c.om", "evil.c om"),
        ("evil.com.", "evil com."),
        ("evil.ｃｏ", "evil co"),
        ("evil.c\u{200b}o", "evil co"),
        ("evil.c\u{338}o", "evil c\u{338}o"),
        ("evil.ca℀", "evil caa/c"),
        ("evil.c℀", "evil ca/c"),
        ("evil.xn--p1ai", "evil xn--p1ai"),
        ("evil.在线", "evil 在线"),
        ("evil.com电话", "evil com电话"),
        ("evil.com-x", "evil com-x"),
        ("evil.com_x", "evil com_x"),
        ("evil.com²", "evil.com2"),
        ("evil.com\u{20e3}1", "evil com\u{20e3}1"),
        ("evil.中国\u{301}1", "evil 中国\u{301}1"),
        ("evil.भारत-x", "evil भारत-x"),
        ("evil.COM", "evil COM"),
        ("Call J.Bond", "Call J Bond"),
        ("evil.aaa", "evil aaa"),
        ("evil.travelersinsurance", "evil travelersinsurance"),
        ("evil.xn--zfr164b", "evil xn--zfr164b"),
        ("evil.zw", "evil zw"),
        ("evil.local", "evil local"),
        ("evil.onion", "evil onion"),
        ("evil.a/login", "evil a/login"),
        ("evil.a／login", "evil a/login"),
        ("evil.a:8080", "evil a:8080"),
        ("evil.a\\x", "evil a\\x"),
        ("⒈.ac", "1..ac"),
        ("⒈ac", "1 ac"),
        ("münchen.de", "münchen de"),
        ("हिन्दी.भारत", "हिन्दी भारत"),
        ("राम्.भारत", "राम् भारत"),
        ("💩.la", "💩 la"),
        ("❤️.la", "❤️ la"),
        ("1️⃣.la", "1️⃣ la"),
        ("ക്\u{200d}.com", "ക്\u{200d} com"),
        ("a.💩.la", "a.💩 la"),
        ("127.0.0.1", "127 0.0.1"),
        ("127。0．0.1", "127 0.0.1"),
        ("v1.2.3.4", "v1 2.3.4"),
        ("www. example", "www example"),
        ("WWW.", "WWW"),
        ("www.x", "www x"),
        ("https://localhost", "https //localhost"),
        ("https：／／localhost", "https //localhost"),
        ("http:localhost", "http localhost"),
        ("Hotel://x", "Hotel //x"),
        ("mailto:jane", "mailto jane"),
        ("tel:1", "tel 1"),
        ("Call TEL:1", "Call TEL 1"),
        ("(tel:1)", "(tel 1)"),
        ("℡:1", "TEL 1"),
        ("ſms:1", "sms 1"),
        ("電話tel:1", "電話tel 1"),
        ("facetime-audio:jane", "facetime-audio jane"),
        ("WhatsApp:jane", "WhatsApp jane"),
        ("javascript:alert(1)", "javascript alert(1)"),
        ("data:text/html,x", "data text/html,x"),
        ("tg:x xmpp:x im:x geo:1 magnet:?x", "tg x xmpp x im x geo 1 magnet ?x"),
        ("webcal:x onenote:x outlook:x bitcoin:x", "webcal x onenote x outlook x bitcoin x"),
        ("\\\\server\\share", "\\server\\share"),
        ("=?UTF-8?Q?evil=2Eexample?=", "= UTF-8?Q?evil=2Eexample?="),
        ("＝？UTF-8?B?ZXZpbA?=", "= UTF-8?B?ZXZpbA?="),
        ("jane@example", "jane example"),
        ("jane＠example", "jane example"),
        ("Jane @ home", "Jane home"),
        ("e\u{200b}vil.\u{ad}exam\u{200d}ple", "evil example"),
    ] {
        assert!(name(text).is_err(), "{text}");
        assert_eq!(stripped(text).as_deref(), Some(rest), "{text}");
    }
    let error = name("evil.example").expect_err("a link");
    assert_eq!(error, "'evil.example' cannot be a name: an email client could turn it into a link; put a space after '.' or replace it");
}

#[test]
fn phone_numbers_are_rejected_or_removed() {
    for (text, rest) in [
        ("Billing: call +1 (888) 555-0142", Some("Billing: call")),
        ("call 888.555.0142 now", Some("call now")),
        ("call 888 / 555 / 0142", Some("call")),
        ("Jane (5550142)", Some("Jane")),
        ("Jane 555–0142, Doe", Some("Jane , Doe")),
        ("Jane ５５５－０１４２", Some("Jane")),
        ("Jane ⑤⑤⑤ ⓪①④②", Some("Jane")),
        ("Jane ٥٥٥-٠١٤٢", Some("Jane")),
        ("Jane 𝟓𝟓𝟓𝟎𝟏𝟒𝟐", Some("Jane")),
        ("Jane 5\u{332}5\u{332}5\u{332}0\u{332}1\u{332}4\u{332}2\u{332}", Some("Jane")),
        ("Jane 5\u{200b}55\u{2060}01\u{ad}42", Some("Jane")),
        ("Jane 555\u{a0}\u{3000}0142", Some("Jane")),
        ("Jane 555ー0142", Some("Jane")),
        ("Jane 555·0142", Some("Jane")),
        // An address that becomes a phone number when it is taken apart.
        ("Jane 192.168.10.1", Some("Jane")),
        ("Jane 555@0142", Some("Jane")),
        ("1234567tel:x", Some("tel x")),
        ("Class of 1999-2024", Some("Class of")),
        ("Class of 2025-2024", Some("Class of")),
        ("Class of 2024.2025", Some("Class of")),
        ("+45 2024-2025", None),
        ("2024-2025。0", None),
        ("Jane 5️⃣5️⃣5️⃣0️⃣1️⃣4️⃣2️⃣", Some("Jane")),
        ("Jane 555〰️0142", Some("Jane")),
        ("Class of 1024-1025", Some("Class of")),
        ("5550142", None),
    ] {
        assert!(name(text).is_err(), "{text}");
        assert_eq!(stripped(text).as_deref(), rest, "{text}");
    }
    let error = name("call 5550142").expect_err("a number");
    assert_eq!(
        error,
        "'call 5550142' cannot be a name: a phone could turn its digits into a number to call; use fewer than 7 digits or put a word \
         between them"
    );
    // Two consecutive years are no phone number.
    let long = format!("{} 2024-2025", "a".repeat(71));
    assert_eq!(stripped(&long), Some("a".repeat(71)));
}
