//! Email addresses (T11, T12, T21).

use proptest::prelude::*;
use shared::domain::{Email, email::EmailPrefix};

use super::{
    display_name::is_unseen,
    email_vectors::{ACCEPTED, REJECTED, Why},
    support::{any_email, parsed},
};

/// The part of the error that names the reason.
fn sentence(why: Why) -> String {
    let why = match why {
        Why::Length => ": it must have 3 to 254 characters",
        Why::Control => ": it contains a control character",
        Why::Invisible(c) => return format!("is not an e-mail address: it contains the invisible character {c}"),
        Why::NoAt => "",
        Why::Local => ": the part before the @ must be",
        Why::Domain => ": the part after the @ is not a domain name",
    };
    format!("is not an e-mail address{why}")
}

/// The normal form, or the error.
fn normal(typed: &str) -> Result<String, String> {
    typed.parse::<Email>().map(|email| email.normalised().as_str().to_owned()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(typed: &str, why: Why) {
    let error = normal(typed).expect_err(typed);
    let whole = matches!(why, Why::NoAt | Why::Invisible(_));
    let named = if whole { error.ends_with(&sentence(why)) } else { error.contains(&sentence(why)) };
    assert!(named, "{typed:?} is refused for another reason: {error}");
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn the_mailbox_has_the_local_part_as_typed_and_the_domain_in_ascii() {
    let mailbox = |typed: &str| parsed::<Email>(typed).mailbox();
    assert_eq!(mailbox(" Ann.Example+Tag@EXAMPLE.com "), "Ann.Example+Tag@example.com");
    assert_eq!(mailbox("Ann@b\u{fc}cher.example"), "Ann@xn--bcher-kva.example");
}

#[test]
fn an_address_has_a_normal_form_and_is_kept_as_typed() {
    for (typed, expected) in ACCEPTED {
        let email: Email = typed.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(email.normalised().as_str(), *expected, "{typed:?}");
        assert_eq!(email.as_entered(), *typed);
        assert_eq!(normal(expected).as_deref(), Ok(*expected), "the normal form is its own");
    }
}

#[test]
fn invisible_characters_are_trimmed_from_the_ends_of_an_address() {
    for (text, typed) in [
        ("\u{feff}User@example.com", "User@example.com"),
        ("User@example.com\u{200b}", "User@example.com"),
        ("\u{202a}User@example.com\u{202c}", "User@example.com"),
        ("\u{2066}User@example.com\u{2069}\u{200e}", "User@example.com"),
        ("\u{ad}User@example.com\u{200d}\u{fe0f}", "User@example.com"),
        (" \u{200b} User@example.com\u{a0}\u{feff} ", "  User@example.com\u{a0} "),
        ("\u{feff}User@نامه\u{200c}ای.com\u{200c}", "User@نامه\u{200c}ای.com"),
    ] {
        let email: Email = parsed(text);
        assert_eq!(email.as_entered(), typed, "{text:?}");
        assert_eq!(email.normalised(), parsed::<Email>(typed).normalised());
        assert_eq!(parsed::<Email>(email.as_entered()), email, "the address of a row parses again");
    }
    let most = format!("\u{feff}{}@example.com\u{200b}", "a".repeat(64));
    assert_eq!(parsed::<Email>(&most).as_entered().chars().count(), 76);
    refused(&"\u{200b}".repeat(10), Why::Length);
}

#[test]
fn an_invisible_character_in_an_address_is_named() {
    let error = normal("jane\u{200b}@example.com").expect_err("an invisible character");
    assert_eq!(error, "'jane[U+200B]@example.com' is not an e-mail address: it contains the invisible character U+200B");
}

#[test]
fn an_invalid_address_is_rejected_with_the_reason() {
    for (typed, why) in REJECTED {
        refused(typed, *why);
    }
}

#[test]
fn two_addresses_are_equal_exactly_when_their_normal_forms_are() {
    let same = |one: &str, other: &str| parsed::<Email>(one).normalised() == parsed::<Email>(other).normalised();
    assert!(same("User@MÜNCHEN.de", " user@xn--mnchen-3ya.de"));
    assert!(!same("user@straße.de", "user@strasse.de"));
    assert!(!same("a.b@gmail.com", "ab@gmail.com"));
    assert!(!same("user@example.com", "user@example.co"));
}

#[test]
fn a_local_part_has_at_most_64_characters() {
    let typed = |length: usize| format!("{}@example.com", "a".repeat(length));
    assert!(normal(&typed(64)).is_ok());
    refused(&typed(65), Why::Local);
}

#[test]
fn a_label_has_at_most_63_characters() {
    let typed = |length: usize| format!("user@{}.com", "a".repeat(length));
    assert!(normal(&typed(63)).is_ok());
    refused(&typed(64), Why::Domain);
}

#[test]
fn an_address_has_at_most_254_characters() {
    let label = "b".repeat(60);
    let domain = format!("{label}.{label}.{label}.example");
    let typed = |length: usize| format!("{}@{domain}", "a".repeat(length - 1 - domain.len()));
    assert_eq!(typed(254).len(), 254);
    assert!(normal(&typed(254)).is_ok());
    refused(&typed(255), Why::Length);
    refused(&"a".repeat(100_000), Why::Length);
}

#[test]
fn the_length_is_counted_in_characters_and_again_in_the_ascii_form() {
    // 20 two-byte characters a label: 254 bytes are passed long before 254 characters.
    let label = "ü".repeat(20);
    let short = format!("{}@{label}.{label}.{label}.{label}.de", "a".repeat(60));
    assert!(short.len() > 200 && normal(&short).is_ok());

    let label = "日本".repeat(12);
    let domain = format!("{label}.{label}.{label}.{label}.{label}.{label}.jp");
    let ascii = normal(&format!("a@{domain}")).expect("the domain itself fits");
    let room = 254 - (ascii.len() - 1);
    assert!((2..64).contains(&room), "the example must be near the limit: {room}");
    assert_eq!(normal(&format!("{}@{domain}", "a".repeat(room))).map(|normal| normal.len()), Ok(254));
    let error = normal(&format!("{}@{domain}", "a".repeat(room + 1))).expect_err("255 in ASCII form");
    assert!(error.contains("3 to 254 characters with its domain in ASCII form"), "{error}");
}

#[test]
fn a_rejection_shows_at_most_64_characters_of_hostile_input() {
    let error = normal(&"ä".repeat(300)).expect_err("too long");
    assert_eq!(error.chars().filter(|c| *c == 'ä').count(), 64, "{error}");
    assert!(error.contains("ä…'"), "{error}");
}

#[test]
fn debug_shows_no_address() {
    let email: Email = parsed("User.One@Example.com");
    let shown = format!("{email:?} {:?} {email:#?}", email.normalised());
    assert_eq!(shown, "Email(***) Email(***) Email(***)");
}

/// Domains of many scripts, some of them valid.
fn domain() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        "[a-zA-Z0-9-]{1,8}",
        "[äöüßéÀ-ÖẞſK]{1,5}",
        "[α-ωΑ-Ως]{1,6}",
        "[а-яА-Я]{1,6}",
        "[א-ת]{1,5}",
        "[ا-ي]{1,5}",
        "[ぁ-んァ-ヶ一-七]{1,5}",
        "[ａ-ｚＡ-Ｚ０-９]{1,5}",
        "xn--[a-z0-9-]{1,8}",
        "[a-zü\u{300}-\u{308}\u{200c}\u{200d}\u{ad}]{1,6}",
        "\\PC{1,4}",
    ];
    prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."))
}

/// Asserts the properties of every accepted address.
fn check_normal_form(typed: &str) -> Result<(), TestCaseError> {
    let Ok(email) = typed.parse::<Email>() else { return Ok(()) };
    let normal = email.normalised().as_str();
    let seen = typed.trim_matches(|c: char| c.is_whitespace() || is_unseen(c));
    prop_assert_eq!(email.as_entered().trim(), seen);
    prop_assert!(email.as_entered() == typed || typed.trim() != seen, "{:?}", typed);
    prop_assert!((5..=254).contains(&normal.len()), "{}", normal);
    prop_assert!(normal.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()), "{:?}", normal);
    let (_, domain) = normal.split_once('@').expect("an accepted address has an @");
    prop_assert!(domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'), "{:?}", domain);
    prop_assert!(domain.contains('.') && domain.split('.').all(|label| (1..=63).contains(&label.len())), "{:?}", domain);
    let again: Result<Email, _> = normal.parse();
    let again = again.map_err(|error| TestCaseError::fail(format!("the normal form of {typed:?} is no address: {error}")))?;
    prop_assert_eq!(again.normalised().as_str(), normal);
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_text_causes_no_panic(text in any::<String>()) {
        check_normal_form(&text)?;
    }

    #[test]
    fn arbitrary_text_with_an_at_sign_causes_no_panic(local in "\\PC{0,8}", domain in "\\PC{0,12}", top in "\\PC{0,4}") {
        check_normal_form(&format!("{local}@{domain}.{top}"))?;
    }

    #[test]
    fn the_normal_form_is_stable(email in any_email()) {
        check_normal_form(email.as_entered())?;
    }

    #[test]
    fn the_normal_form_of_a_domain_of_any_script_is_stable(domain in domain()) {
        check_normal_form(&format!("User@{domain}"))?;
    }

    #[test]
    fn case_surrounding_blanks_and_invisible_characters_make_no_other_address(email in any_email(), before in "[ \u{a0}\u{3000}\u{feff}]{0,3}", after in "[ \u{200b}]{0,3}") {
        let typed = format!("{before}{}{after}", email.as_entered().to_ascii_uppercase());
        prop_assert_eq!(normal(&typed), Ok(email.normalised().as_str().to_owned()));
    }

    #[test]
    fn every_beginning_of_an_address_from_three_characters_on_is_a_prefix(email in any_email(), other in any_email()) {
        let (normal, other) = (email.normalised().as_str(), other.normalised());
        for end in 0..=normal.len() {
            let typed = normal[..end].to_ascii_uppercase();
            let Ok(prefix) = typed.parse::<EmailPrefix>() else {
                prop_assert!(end < 3, "{} is refused", typed);
                continue;
            };
            prop_assert!(end >= 3, "{} is accepted", typed);
            prop_assert_eq!(prefix.as_str(), &normal[..end]);
            prop_assert_eq!(prefix.rest_of(email.normalised()), Some(&normal[end..]));
            prop_assert_eq!(prefix.with_rest(&normal[end..]), Some(email.normalised().clone()));
            prop_assert_eq!(prefix.rest_of(other), other.as_str().strip_prefix(prefix.as_str()));
        }
    }

    #[test]
    fn a_prefix_is_lower_case_ascii_without_a_separator_after_the_at_sign(text in "\\PC{0,8}|[a#@.]{2,6}", rest in "\\PC{0,4}") {
        if let Ok(prefix) = text.parse::<EmailPrefix>() {
            let text = prefix.as_str();
            prop_assert!(text.len() >= 3 && text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()), "{}", text);
            prop_assert!(text.split_once('@').is_none_or(|(local, domain)| !local.is_empty() && !domain.contains(['#', '@'])), "{}", text);
            let whole = format!("{text}{rest}");
            prop_assert!(prefix.with_rest(&rest).is_none_or(|email| email.as_str() == whole), "{}", whole);
        }
    }
}

#[test]
fn the_longest_prefix_is_the_longest_address() {
    let label = "d".repeat(63);
    let longest = format!("{}@{label}.{label}.{}", "l".repeat(64), "d".repeat(61));
    assert_eq!(longest.parse::<Email>().map(|email| email.normalised().as_str().len()), Ok(254));
    let prefix: EmailPrefix = parsed(&longest);
    assert_eq!(prefix.with_rest("").map(|email| email.as_str().to_owned()), Some(longest.clone()));
    assert_eq!(prefix.with_rest("d"), None, "255 characters");
    assert!(format!("{longest}d").parse::<EmailPrefix>().is_err());
    assert!("l".repeat(64).parse::<EmailPrefix>().is_ok());
    assert!("l".repeat(65).parse::<EmailPrefix>().is_err());
}

#[test]
fn a_prefix_is_not_shown_by_debug() {
    assert_eq!(format!("{:?}", parsed::<EmailPrefix>("user.one@")), "EmailPrefix(***)");
}
