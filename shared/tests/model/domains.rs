//! Which domains an account invites, where its invitations may lead, and what they carry.

use shared::domain::{
    Email, Rejected,
    metadata::{Metadata, check_size},
    settings::{DomainPolicy, DomainRule, Redirect, RedirectOrigins},
};

use super::support::parsed;

fn check(policy: &str, email: &str) -> Option<DomainRule> {
    match parsed::<DomainPolicy>(policy).check(parsed::<Email>(email).normalised()) {
        Ok(()) => None,
        Err(Rejected::DomainNotAllowed(rule)) => Some(rule),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_policy_allows_what_it_lists_except_what_it_denies() {
    use DomainRule::{Denied, NotAllowed};
    let allow = r#"{"allow":["example.com","*.example.com"]}"#;
    let deny = r#"{"deny":["mail.example","*.mail.example"]}"#;
    let both = r#"{"allow":["*.example.com"],"deny":["old.example.com"]}"#;
    for (policy, email, expected) in [
        ("{}", "a@anything.example", None),
        (r#"{"allow":[],"deny":[]}"#, "a@anything.example", None),
        (allow, "A@EXAMPLE.COM", None),
        (allow, "a@eu.example.com", None),
        (allow, "a@notexample.com", Some(NotAllowed)),
        (allow, "a@example.com.evil.example", Some(NotAllowed)),
        (deny, "a@example.com", None),
        (deny, "a@mail.example", Some(Denied)),
        (deny, "a@eu.mail.example", Some(Denied)),
        (both, "a@eu.example.com", None),
        (both, "a@old.example.com", Some(Denied)),
        (both, "a@example.com", Some(NotAllowed)),
    ] {
        assert_eq!(check(policy, email), expected, "{policy} {email}");
    }
}

#[test]
fn a_policy_round_trips_in_its_normal_form() {
    let policy: DomainPolicy = parsed(r#"{ "deny": ["*.Bücher.example"], "allow": ["EXAMPLE.com"] }"#);
    assert_eq!(policy.to_string(), r#"{"allow":["example.com"],"deny":["*.xn--bcher-kva.example"]}"#);
    assert_eq!(policy.to_string().parse(), Ok(policy));
    assert!(parsed::<DomainPolicy>("{}").is_empty());
}

#[test]
fn what_is_no_policy_is_an_error() {
    let object = r#"must be an object such as {"allow": ["example.com", "*.example.com"], "deny": []}"#;
    let many = format!(r#"{{"deny":[{}"a.example"]}}"#, r#""a.example","#.repeat(50));
    for (text, expected) in [
        ("[]", object),
        (r#""example.com""#, object),
        (r#"{"allowed":[]}"#, "unknown field 'allowed'; accepted: allow, deny"),
        (r#"{"allow":"example.com"}"#, "allow must be an array of at most 50 strings"),
        (r#"{"allow":[1]}"#, "allow must be an array of at most 50 strings"),
        (&many, "deny must be an array of at most 50 strings"),
        (r#"{"allow":["com"]}"#, "'com' must be a domain, such as example.com, or *.example.com for all below it"),
        (r#"{"allow":[],"allow":[]}"#, "the field 'allow' appears twice at line 1 column 23"),
    ] {
        assert_eq!(text.parse::<DomainPolicy>().expect_err(text).to_string(), expected);
    }
}

#[test]
fn a_redirect_must_have_a_listed_origin_exactly() {
    let origins: RedirectOrigins = parsed("https://app.example.com http://127.0.0.1:3000");
    assert_eq!(origins.to_string(), "https://app.example.com http://127.0.0.1:3000");
    for allowed in ["https://app.example.com", "https://APP.example.com/a?b=c", "https://app.example.com:443/", "http://127.0.0.1:3000/x"] {
        assert_eq!(origins.check(&parsed::<Redirect>(allowed)), Ok(()), "{allowed}");
    }
    for (other, origin) in [
        ("https://example.com/", "https://example.com"),
        ("https://app.example.com:8443/", "https://app.example.com:8443"),
        ("https://app.example.com.evil.example/", "https://app.example.com.evil.example"),
        ("https://evil.example/https://app.example.com", "https://evil.example"),
        ("http://127.0.0.1/", "http://127.0.0.1"),
        ("http://localhost:3000/", "http://localhost:3000"),
    ] {
        let refusal = Rejected::RedirectNotAllowed { origin: origin.to_owned() };
        assert_eq!(origins.check(&parsed::<Redirect>(other)), Err(refusal), "{other}");
    }
    assert!(RedirectOrigins::default().check(&parsed::<Redirect>("https://app.example.com")).is_err());
    for text in ["https://app.example.com/path", "https://app.example.com?q", "http://app.example.com", "*", "app.example.com", ""] {
        assert!(text.parse::<RedirectOrigins>().is_err(), "{text}");
    }
}

#[test]
fn metadata_is_a_flat_object_of_strings_sorted_by_name() {
    let metadata: Metadata = parsed(r#"{ "team": "Süd \"1\"", "plan": "" }"#);
    assert_eq!(metadata.to_string(), r#"{"plan":"","team":"Süd \"1\""}"#);
    assert_eq!(metadata.to_string().parse(), Ok(metadata));
    let object = r#"must be an object of at most 16 strings, such as {"team": "sales"}"#;
    let keys = |count: usize| format!("{{{}}}", (0..count).map(|n| format!("\"k{n}\":\"\"")).collect::<Vec<_>>().join(","));
    assert!(keys(16).parse::<Metadata>().is_ok());
    let characters = "a name must not be empty, and neither names nor values may contain control characters";
    for (text, expected) in [
        ("[]".to_owned(), object.to_owned()),
        ("null".to_owned(), object.to_owned()),
        (r#"{"a":1}"#.to_owned(), object.to_owned()),
        (r#"{"a":{}}"#.to_owned(), object.to_owned()),
        (r#"{"a":null}"#.to_owned(), object.to_owned()),
        (keys(17), object.to_owned()),
        (r#"{"":"a"}"#.to_owned(), format!("'': {characters}")),
        (r#"{"a":"b\n"}"#.to_owned(), format!("'a': {characters}")),
        (r#"{"a\u0000":"b"}"#.to_owned(), format!("'a\u{fffd}': {characters}")),
        (r#"{"a":"","a":""}"#.to_owned(), "the field 'a' appears twice at line 1 column 15".to_owned()),
    ] {
        assert_eq!(text.parse::<Metadata>().expect_err(&text).to_string(), expected);
    }
}

#[test]
fn metadata_and_redirect_have_at_most_256_bytes_together() {
    let metadata = |bytes: usize| parsed::<Metadata>(&format!(r#"{{"k":"{}"}}"#, "v".repeat(bytes - 8)));
    let redirect = |bytes: usize| parsed::<Redirect>(&format!("https://a.example/{}", "p".repeat(bytes - 18)));
    assert_eq!((metadata(20).to_string().len(), redirect(30).as_str().len()), (20, 30));
    for (one, other) in [(256, 0), (0, 256), (100, 156), (0, 0)] {
        let check =
            |one: usize, other: usize| check_size((one > 0).then(|| metadata(one)).as_ref(), (other > 0).then(|| redirect(other)).as_ref());
        assert!(check(one, other).is_ok(), "{one}, {other}");
        if one + other > 0 {
            let larger = if one > 0 { check(one + 1, other) } else { check(one, other + 1) };
            let together = "must have at most 256 bytes as JSON, together with redirect; they have 257";
            let message = if one > 0 { together } else { "must have at most 256 bytes; it has 257" };
            assert_eq!(larger.expect_err("too large").to_string(), message);
        }
    }
}
