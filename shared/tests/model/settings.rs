//! The settings of an account, except its name.

use std::{borrow::Borrow, fmt::Debug};

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use shared::domain::{
    Timestamp,
    link::Token,
    link_base::LinkBase,
    settings::{AccountSettings, AssignedExternalId, Binding, Colour, DomainPolicy, Locale, Logo, Redirect, RedirectOrigins},
};

use super::support::{ACCOUNT, ID, at, parsed};

fn refused<T: std::str::FromStr<Err: ToString> + Debug>(text: &str) -> String {
    text.parse::<T>().map_err(|error| error.to_string()).expect_err("malformed")
}

const PNG: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// A logo of a type; its data have `length` bytes and begin with `magic`.
fn logo(kind: &str, magic: &[u8], length: usize) -> String {
    let mut data = magic.to_vec();
    data.resize(length, 0);
    format!("data:image/{kind};base64,{}", STANDARD.encode(data))
}

#[test]
fn a_binding_round_trips() {
    for (binding, text) in [(Binding::Bearer, "bearer"), (Binding::Email, "email")] {
        assert_eq!((binding.to_string().as_str(), binding.as_str(), parsed::<Binding>(text)), (text, text, binding));
    }
}

#[test]
fn a_colour_has_six_digits() {
    assert_eq!(parsed::<Colour>("#0B5Fff").as_str(), "#0b5fff");
    assert_eq!(parsed::<Colour>("#0B5Fff").to_string(), "#0b5fff");
    for text in ["", "#", "0b5fff", "#0b5ff", "#0b5fff0", "#0b5ffg", "#+b5fff", "#fff", "red", " #0b5fff", "#0b5fff;x", "#ＡＢ"] {
        assert!(refused::<Colour>(text).contains("is not a colour: write # and six"), "{text}");
    }
}

#[test]
fn the_text_colour_is_the_one_with_more_contrast() {
    // #767676 on white has 4.54, #757575 on black 4.6: as computed by WCAG's tools.
    for (colour, text) in [
        ("#000000", "#ffffff"),
        ("#ffffff", "#000000"),
        ("#0b5fff", "#ffffff"),
        ("#ffcc00", "#000000"),
        ("#757575", "#ffffff"),
        ("#767676", "#000000"),
        ("#ff0000", "#000000"),
        ("#0000ff", "#ffffff"),
        // Very dark shades of green and blue: a wrong gamma would change these results.
        ("#e40a0a", "#ffffff"),
    ] {
        assert_eq!(parsed::<Colour>(colour).text_on(), text, "{colour}");
    }
}

#[test]
fn a_logo_is_an_image_of_its_declared_type() {
    let webp = *b"RIFF\0\0\0\0WEBP";
    for (kind, magic) in [("png", &PNG[..]), ("jpeg", &[0xff, 0xd8, 0xff]), ("gif", b"GIF87a"), ("gif", b"GIF89a"), ("webp", &webp)] {
        let text = logo(kind, magic, 100);
        assert_eq!(parsed::<Logo>(&text).as_str(), text);
        for other in ["png", "jpeg", "gif", "webp"].into_iter().filter(|other| *other != kind) {
            assert_eq!(refused::<Logo>(&logo(other, magic, 100)), format!("is not a valid logo: its data is not a {other} picture"));
        }
    }
    assert!(refused::<Logo>(&logo("png", b"", 0)).ends_with("not a png picture"));
    for text in [
        String::new(),
        logo("svg+xml", b"<svg", 100),
        logo("PNG", &PNG, 100),
        logo("jpg", &[0xff, 0xd8, 0xff], 100),
        logo("png", &PNG, 100).replace(";base64", ""),
        logo("png", &PNG, 100).replace(";base64", ";charset=x;base64"),
        "https://example.com/logo.png".to_owned(),
    ] {
        assert!(refused::<Logo>(&text).contains("it must start with data:image/png;base64,"), "{text}");
    }
    for broken in ["!", " ", "\n", "=", "\" onerror=x"] {
        assert!(refused::<Logo>(&format!("{}{broken}", logo("png", &PNG, 9))).contains("its base64 is invalid"), "{broken:?}");
    }
}

#[test]
fn a_logo_has_at_most_16_kib() {
    let most = 16 * 1024;
    assert!(logo("png", &PNG, most).parse::<Logo>().is_ok());
    for length in [most + 1, most + 2, most + 3, 1_000_000] {
        assert!(refused::<Logo>(&logo("png", &PNG, length)).ends_with("larger than 16 KiB"), "{length}");
    }
    // The data would make a long log line.
    let shown = format!("{:?}", parsed::<Logo>(&logo("png", &PNG, 100)));
    assert!(shown.len() < 20 && shown.ends_with(" bytes)"), "{shown}");
}

#[test]
fn a_locale_has_conventional_capitals() {
    for (text, tag) in
        [("en", "en"), ("DE-at", "de-AT"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("de-1996", "de-1996"), ("fil", "fil")]
    {
        let locale: Locale = parsed(text);
        assert_eq!((locale.as_str(), locale.borrow(), &*locale.to_string()), (tag, tag, tag));
    }
    for text in [
        "",
        "und",
        "e",
        "english language",
        "en_US",
        "en-",
        "-en",
        "en--US",
        "en-US-u-ca-buddhist",
        "en-x-private",
        "../en",
        "en\n",
        "ｅｎ",
        &"a".repeat(36),
    ] {
        assert!(refused::<Locale>(text).contains("is not a language tag such as"), "{text}");
    }
}

#[test]
fn a_locale_falls_back_to_shorter_tags() {
    let looked_for = |tag: &str| parsed::<Locale>(tag).lookup().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(looked_for("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh"]);
    assert_eq!(looked_for("en"), ["en"]);
}

#[test]
fn a_locale_knows_its_direction() {
    for (tag, direction) in
        [("en", "ltr"), ("de-AT", "ltr"), ("ar", "rtl"), ("he-IL", "rtl"), ("fa", "rtl"), ("az-Arab", "rtl"), ("ur-Latn-PK", "ltr")]
    {
        assert_eq!(parsed::<Locale>(tag).direction(), direction, "{tag}");
    }
}

#[test]
fn a_redirect_uses_https_except_on_the_local_machine() {
    for (text, address) in [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.com/a?b=c", "https://example.com/a?b=c"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://localhost:8080/x", "http://localhost:8080/x"),
        ("http://127.0.0.1", "http://127.0.0.1/"),
        ("http://[::1]/", "http://[::1]/"),
    ] {
        assert_eq!(parsed::<Redirect>(text).as_str(), address);
        assert_eq!(parsed::<Redirect>(address).to_string(), address);
    }
    for (text, why) in [
        ("", "relative URL without a base"),
        ("/x", "relative URL without a base"),
        ("//example.com", "relative URL without a base"),
        ("http://example.com", "https://"),
        ("http://localhost.example", "https://"),
        ("http://10.0.0.1", "https://"),
        ("ftp://example.com", "https://"),
        ("javascript:alert(1)", "https://"),
        ("data:text/html,x", "https://"),
        ("https:example.com", "its host must follow ://"),
        ("https://", "empty host"),
        ("https://\"", "its host may contain only letters"),
        ("https://a'b.example", "its host may contain only letters"),
        ("https://user@example.com", "must not contain a user name"),
        ("https://:secret@example.com", "must not contain a user name"),
        ("https://example.com/#x", "must not have a fragment"),
        ("https://example.com/#", "must not have a fragment"),
        (" https://example.com", "whitespace"),
        ("https://example.com/a b", "whitespace"),
        ("https://example.com/\r\nx", "whitespace"),
        ("https:\\\\example.com", "a backslash"),
    ] {
        assert!(refused::<Redirect>(text).contains(why), "{text}: {}", refused::<Redirect>(text));
    }
    let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
    assert!(long(1024).parse::<Redirect>().is_ok());
    assert!(refused::<Redirect>(&long(1025)).ends_with("more than 1024 characters"));
}

#[test]
fn the_base_of_links_has_no_query_and_only_plain_characters() {
    assert_eq!(parsed::<LinkBase>("http://127.0.0.1:9000/accept").as_str(), "http://127.0.0.1:9000/accept");
    assert_eq!(parsed::<LinkBase>("https://Example.com").as_str(), "https://example.com/");
    for text in [
        "http://example.com/",
        "https://example.com/?a",
        "https://example.com/#a",
        "https://u@example.com/",
        "https://example.com/it's",
        "https://example.com/a&b",
        "https://example.com/(x)",
    ] {
        assert!(text.parse::<LinkBase>().is_err(), "{text}");
    }
}

#[test]
fn a_link_is_the_page_with_the_token_and_debug_shows_neither() {
    let token = format!("i1.{ACCOUNT}.{ID}.{}", "A".repeat(43));
    let link = parsed::<LinkBase>("https://example.com/accept").link(&parsed::<Token>(&token));
    assert_eq!(link.as_str(), format!("https://example.com/accept#{token}"));
    assert_eq!(format!("{link:?}"), "InvitationLink(***)");
}

#[test]
fn absent_settings_come_from_the_defaults_except_the_rules_and_the_external_id() {
    let own = AccountSettings { name: Some(parsed("Own")), colour: Some(parsed("#000000")), ..AccountSettings::default() };
    let defaults = AccountSettings {
        name: Some(parsed("Default")),
        logo: Some(parsed(&logo("png", &PNG, 9))),
        colour: Some(parsed("#ffffff")),
        locale: Some(parsed("de")),
        redirect: Some(parsed("https://example.com/")),
        binding: Binding::Email,
        domains: parsed(r#"{"deny":["example.org"]}"#),
        redirect_origins: parsed("https://example.com"),
        remind_before: Some(parsed("86400")),
        external: Some(AssignedExternalId { id: parsed("default"), since: Timestamp::ZERO }),
    };
    let both = AccountSettings {
        name: own.name.clone(),
        colour: own.colour.clone(),
        binding: Binding::Bearer,
        domains: DomainPolicy::default(),
        redirect_origins: RedirectOrigins::default(),
        external: None,
        ..defaults.clone()
    };
    assert_eq!(own.clone().or(&defaults), both);
    assert_eq!(AccountSettings { binding: Binding::Email, ..own }.or(&AccountSettings::default()).binding, Binding::Email);
    assert_eq!(defaults.clone().or(&AccountSettings::default()), defaults);
}

#[test]
fn events_carry_an_external_id_from_the_millisecond_on_that_it_counts() {
    let id = parsed("acme");
    let settings = AccountSettings {
        external: Some(AssignedExternalId { id: parsed("acme"), since: at(1_592_730_072_999) }),
        ..AccountSettings::default()
    };
    for (time, carried) in [(0, None), (1_592_730_072_998, None), (1_592_730_072_999, Some(&id)), (1_592_730_073_000, Some(&id))] {
        assert_eq!(settings.external_id_at(at(time)), carried, "{time}");
    }
    assert_eq!(settings.external_id(), Some(&id));
    assert_eq!((AccountSettings::default().external_id(), AccountSettings::default().external_id_at(Timestamp::MAX)), (None, None));
}

#[test]
fn a_binding_is_one_of_two() {
    for binding in [Binding::Bearer, Binding::Email] {
        assert_eq!(parsed::<Binding>(binding.as_str()), binding);
    }
    assert_eq!(refused::<Binding>("Email"), "must be 'bearer' or 'email', not 'Email'");
    assert_eq!(Binding::default(), Binding::Bearer);
}

proptest! {
    #[test]
    fn every_colour_has_a_readable_text_colour(red in any::<u8>(), green in any::<u8>(), blue in any::<u8>()) {
        let colour: Colour = parsed(&format!("#{red:02x}{green:02x}{blue:02x}"));
        // WCAG's contrast, computed in other units.
        let linear = |channel: u8| { let c = f64::from(channel) / 255.0; if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) } };
        let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
        let contrast = if colour.text_on() == "#000000" { (luminance + 0.05) / 0.05 } else { 1.05 / (luminance + 0.05) };
        prop_assert!(contrast >= 4.5, "{}", contrast);
    }

    #[test]
    fn arbitrary_text_makes_no_setting_panic_and_accepted_values_are_stable(text in prop_oneof![any::<String>(), "https?://\\PC{0,20}", "[a-zA-Z0-9-]{1,12}"]) {
        if let Ok(redirect) = text.parse::<Redirect>() {
            prop_assert!(redirect.as_str().bytes().all(|b| b.is_ascii_graphic()), "{}", redirect);
            prop_assert_eq!(parsed::<Redirect>(redirect.as_str()), redirect);
        }
        if let Ok(base) = text.parse::<LinkBase>() {
            prop_assert!(!base.as_str().contains(['"', '\'', '<', '>', '&', ' ']), "{}", base.as_str());
        }
        if let Ok(locale) = text.parse::<Locale>() {
            prop_assert!(locale.as_str().eq_ignore_ascii_case(&text));
            prop_assert_eq!(parsed::<Locale>(locale.as_str()), locale);
        }
        prop_assert!(text.parse::<Logo>().is_err() && text.parse::<Colour>().is_err());
    }
}
