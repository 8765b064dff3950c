//! Patterns of email domains, compared label by label in ASCII.

use shared::domain::{Email, email_domain::DomainPattern};

use super::support::parsed;

#[test]
fn a_pattern_is_a_domain_or_all_domains_below_one() {
    let exact = "example.com";
    let below = "*.example.com";
    for (email, matching) in [
        ("a@example.com", [true, false]),
        ("A@EXAMPLE.com", [true, false]),
        ("a@eu.example.com", [false, true]),
        ("a@office.eu.example.com", [false, true]),
        ("a@notexample.com", [false, false]),
        ("a@example.com.evil.example", [false, false]),
        ("a@example.comm", [false, false]),
        ("a@example.co", [false, false]),
        ("example.com@evil.example", [false, false]),
    ] {
        let email: Email = parsed(email);
        let matches = [exact, below].map(|pattern| parsed::<DomainPattern>(pattern).matches(email.normalised()));
        assert_eq!(matches, matching, "{email:?}");
    }
    assert!(parsed::<DomainPattern>("*.example").matches(parsed::<Email>("a@b.example").normalised()));
}

#[test]
fn international_domains_are_the_same_in_both_spellings() {
    for pattern in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "bu\u{308}cher.example"] {
        for email in ["a@bücher.example", "a@XN--BCHER-KVA.example"] {
            assert!(parsed::<DomainPattern>(pattern).matches(parsed::<Email>(email).normalised()), "{pattern}, {email}");
        }
        assert_eq!(parsed::<DomainPattern>(pattern).to_string(), "xn--bcher-kva.example");
    }
    assert_eq!(parsed::<DomainPattern>("*.bücher.example").to_string(), "*.xn--bcher-kva.example");
}

#[test]
fn what_is_no_domain_is_an_error() {
    for text in [
        "",
        ".",
        "*",
        "*.",
        "com",
        "@example.com",
        "a@example.com",
        ".example.com",
        "example.com.",
        "*example.com",
        "*.*.example.com",
        "ex*mple.com",
        "**.example.com",
        " example.com",
        "example.com ",
        "example .com",
        "example..com",
        "-example.com",
        "127.0.0.1",
        "*.1",
        "example.1",
        "exam_ple.com",
        "https://example.com",
        "example.com/",
        "example.com:25",
    ] {
        let message = format!("'{text}' must be a domain, such as example.com, or *.example.com for all below it");
        assert_eq!(text.parse::<DomainPattern>().expect_err(text).to_string(), message);
    }
}

/// IDNA takes the full-width dot for a dot, so a domain has as many labels as its ASCII form. A number is no top-level domain.
#[test]
fn a_domain_is_judged_by_its_ascii_form() {
    assert_eq!(parsed::<DomainPattern>("*.example．com").to_string(), "*.example.com");
    assert_eq!(parsed::<DomainPattern>("*.edu").to_string(), "*.edu");
    for pattern in ["*.t．9", "*.t.9", "*.9", "edu"] {
        assert!(pattern.parse::<DomainPattern>().is_err(), "{pattern}");
    }
}
