//! The configuration of issuers, and where they publish their keys (T17).

use shared::domain::issuer::{Issuer, Issuers};

use super::support::parsed;

/// Each field once.
const COMPLETE: &str = r#"{
    "acme": { "issuer": "https://login.example.com/", "audience": { "claim": "/client_id", "values": ["a", "b"] },
        "account": { "claim": "/https:~1~1example.com~1tenant", "kind": "externalID", "only": ["org_1", "org_2"] },
        "role": { "claim": "/realm_access/roles", "map": { "owner": "full-access", "member": "read-only" } },
        "name": "/name", "email": "/email", "emailVerified": "/verified", "emailDomains": ["example.com", "*.example.com"] },
    "globex": { "issuer": "https://login.example.org", "audience": { "values": ["a"] },
        "account": { "claim": "/account", "kind": "id", "only": ["012345678912"] },
        "email": "/email", "emailTrusted": true, "emailDomains": ["example.org"] },
    "local-1": { "issuer": "http://127.0.0.1:9200/x", "audience": { "values": ["a"] }, "email": "/email", "emailTrusted": false }
}"#;

/// An issuer without mistakes, and `more` fields.
fn acme(more: &str) -> String {
    format!(r#"{{"acme": {{"issuer": "https://login.example.com", "audience": {{"values": ["a"]}}{more}}}}}"#)
}

#[track_caller]
fn message(json: &str) -> String {
    json.parse::<Issuers>().expect_err(json).to_string()
}

#[track_caller]
fn only(issuers: &Issuers) -> &Issuer {
    issuers.iter().next().expect("an issuer")
}

#[test]
fn issuers_have_a_name_and_are_found_by_their_url_byte_by_byte() {
    let issuers: Issuers = parsed(COMPLETE);
    let names: Vec<_> = issuers.iter().map(|issuer| (issuer.name().as_str(), issuer.url())).collect();
    let (acme, globex) = (("acme", "https://login.example.com/"), ("globex", "https://login.example.org"));
    assert_eq!(names, [acme, globex, ("local-1", "http://127.0.0.1:9200/x")]);
    for (name, url) in &names {
        assert_eq!(issuers.find(url).map(|issuer| issuer.name().as_str()), Some(*name));
    }
    for url in ["", "https://login.example.com", "https://LOGIN.example.com/", "https://login.example.org/", "http://login.example.org"] {
        assert_eq!(issuers.find(url), None, "{url}");
    }
    assert!(!issuers.is_empty());
    assert!(parsed::<Issuers>("{}").is_empty() && Issuers::default().is_empty());
}

#[test]
fn every_mistake_has_a_message_that_names_its_place() {
    let audience = |audience: &str| format!(r#"{{"acme": {{"issuer": "https://login.example.com", "audience": {audience}}}}}"#);
    let url = |url: &str| format!(r#"{{"acme": {{"issuer": {url}, "audience": {{"values": ["a"]}}}}}}"#);
    let named = |name: &str| acme("").replace("acme", name);
    let account = |fields: &str| acme(&format!(r#", "account": {{"claim": "/a"{fields}}}"#));
    let role = |map: &str| acme(&format!(r#", "role": {{"claim": "/r", "map": {map}}}"#));
    let values = "acme.audience.values: must be an array of at least one string";
    let kind = "acme.account.kind: must be 'id' (twelve digits) or 'externalID'";
    let map = r#"acme.role.map: must be an object with at least one of the issuer's roles, such as {"admin": "full-access"}"#;
    for (json, expected) in [
        // The whole.
        (String::new(), "EOF while parsing a value at line 1 column 0"),
        ("acme".to_owned(), "expected value at line 1 column 1"),
        ("[]".to_owned(), "must be a JSON object of issuers by name"),
        ("null".to_owned(), "must be a JSON object of issuers by name"),
        (r#"{"acme": {}, "acme": {}}"#.to_owned(), "the field 'acme' appears twice at line 1 column 24"),
        (acme(r#", "audience": {}"#), "the field 'audience' appears twice at line 1 column 95"),
        // An issuer.
        (r#"{"acme": "https://login.example.com"}"#.to_owned(), "acme: must be an object"),
        (r#"{"acme": null}"#.to_owned(), "acme: must be an object"),
        (named(""), ": '' is not a name of an issuer: it must have 1 to 16 characters from a-z, 0-9 and -"),
        (named("Acme"), "Acme: 'Acme' is not a name of an issuer: it must have 1 to 16 characters from a-z, 0-9 and -"),
        (
            named("abcdefghijklmnopq"),
            "abcdefghijklmnopq: 'abcdefghijklmnopq' is not a name of an issuer: it must have 1 to 16 characters from a-z, 0-9 and -",
        ),
        (
            acme(r#", "clientID": "x""#),
            "acme: unknown field 'clientID'; accepted: account, audience, console, email, emailDomains, emailTrusted, emailVerified, issuer, name, role",
        ),
        // Its URL.
        (r#"{"acme": {"audience": {"values": ["a"]}}}"#.to_owned(), "acme.issuer: is required"),
        (url("7"), "acme.issuer: must be a string"),
        (url("null"), "acme.issuer: must be a string"),
        (url(r#""login""#), "acme.issuer: 'login' is not a valid web address: relative URL without a base"),
        (
            url(r#""http://login.example.com""#),
            "acme.issuer: 'http://login.example.com' is not a valid web address: it must start with https://, or with http:// for 127.0.0.1 and \
             localhost",
        ),
        (
            url(r#""https://login.example.com/#a""#),
            "acme.issuer: 'https://login.example.com/#a' is not a valid web address: it must not have a fragment (#)",
        ),
        (
            url(r#""https://login.example.com/?a""#),
            "acme.issuer: 'https://login.example.com/?a' is not an issuer: it must not have a query (?)",
        ),
        // Its audience.
        (
            r#"{"acme": {"issuer": "https://login.example.com"}}"#.to_owned(),
            "acme.audience: is required: without it, tokens for other applications would be accepted",
        ),
        (audience(r#""a""#), "acme.audience: must be an object"),
        (audience("{}"), values),
        (audience(r#"{"values": "a"}"#), values),
        (audience(r#"{"values": []}"#), values),
        (audience(r#"{"values": ["a", 1]}"#), values),
        (audience(r#"{"values": ["a"], "claim": 1}"#), "acme.audience.claim: must be a string"),
        (audience(r#"{"values": ["a"], "claim": "aud"}"#), "acme.audience.claim: 'aud' is not a JSON pointer, such as /email"),
        (audience(r#"{"values": ["a"], "value": "a"}"#), "acme.audience: unknown field 'value'; accepted: claim, values"),
        // Accounts.
        (acme(r#", "account": "/a""#), "acme.account: must be an object"),
        (acme(r#", "account": {"kind": "id"}"#), "acme.account.claim: is required"),
        (acme(r#", "account": {"claim": 1, "kind": "id"}"#), "acme.account.claim: must be a string"),
        (acme(r#", "account": {"claim": "a", "kind": "id"}"#), "acme.account.claim: 'a' is not a JSON pointer, such as /email"),
        (account(""), kind),
        (account(r#", "kind": "externalId""#), kind),
        (account(r#", "kind": 7"#), kind),
        (account(r#", "kind": "id", "only": []"#), "acme.account.only: must be an array of at least one string"),
        (account(r#", "kind": "id", "only": "012345678912""#), "acme.account.only: must be an array of at least one string"),
        (account(r#", "kind": "id", "only": [12345678912]"#), "acme.account.only: must be an array of at least one string"),
        (
            account(r#", "kind": "id", "only": ["012345678912", "org_1"]"#),
            "acme.account.only: 'org_1' is not an account id: it must have exactly 12 decimal digits",
        ),
        (
            account(r#", "kind": "externalID", "only": ["012345678912"]"#),
            "acme.account.only: '012345678912' is not an external id: twelve digits are an account id",
        ),
        (account(r#", "kind": "id", "default": "1""#), "acme.account: unknown field 'default'; accepted: claim, kind, only"),
        // Roles.
        (acme(r#", "role": ["admin"]"#), "acme.role: must be an object"),
        (acme(r#", "role": {"map": {"admin": "full-access"}}"#), "acme.role.claim: is required"),
        (acme(r#", "role": {"claim": "roles", "map": {"a": "b"}}"#), "acme.role.claim: 'roles' is not a JSON pointer, such as /email"),
        (acme(r#", "role": {"claim": "/r"}"#), map),
        (role("{}"), map),
        (role(r#"["admin"]"#), map),
        (role(r#"{"admin": true}"#), "acme.role.map: 'admin' must be mapped to a role id"),
        (
            role(r#"{"admin": "Full access"}"#),
            "acme.role.map: 'Full access' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -",
        ),
        (acme(r#", "role": {"claim": "/r", "map": {"a": "b"}, "order": []}"#), "acme.role: unknown field 'order'; accepted: claim, map"),
        // Names and addresses.
        (acme(r#", "name": {}"#), "acme.name: must be a string"),
        (acme(r#", "name": "name""#), "acme.name: 'name' is not a JSON pointer, such as /email"),
        (acme(r#", "email": true"#), "acme.email: must be a string"),
        (acme(r#", "email": "/e~""#), "acme.email: '/e~' is not a JSON pointer, such as /email"),
        (acme(r#", "email": "/e", "emailVerified": true"#), "acme.emailVerified: must be a string"),
        (acme(r#", "email": "/e", "emailTrusted": "true""#), "acme.emailTrusted: must be true or false"),
        (
            acme(r#", "email": "/e", "emailVerified": "/v", "emailTrusted": true"#),
            "acme.emailTrusted: must not be true if emailVerified is given",
        ),
        (acme(r#", "emailVerified": "/v""#), "acme.emailVerified: has no effect without email"),
        (acme(r#", "emailTrusted": true"#), "acme.emailTrusted: has no effect without email"),
        (acme(r#", "emailDomains": ["example.com"]"#), "acme.emailDomains: has no effect without email"),
        (acme(r#", "email": "/e", "emailDomains": []"#), "acme.emailDomains: must be an array of at least one string"),
        (acme(r#", "email": "/e", "emailDomains": "example.com""#), "acme.emailDomains: must be an array of at least one string"),
        (
            acme(r#", "email": "/e", "emailDomains": ["example.com", "com"]"#),
            "acme.emailDomains: 'com' must be a domain, such as example.com, or *.example.com for all below it",
        ),
        (
            acme(r#", "account": {"claim": "/a", "kind": "id", "only": ["012345678912"]}, "email": "/e""#),
            "acme.emailDomains: is required with email and account.only: addresses count in all accounts",
        ),
    ] {
        assert_eq!(message(&json), expected, "{json}");
    }
    // Without the mistakes.
    for json in [acme(""), named("abcdefghijklmnop"), account(r#", "kind": "id""#), role(r#"{"a": "b"}"#)] {
        assert!(json.parse::<Issuers>().is_ok(), "{json}");
    }
}

#[test]
fn two_issuers_with_the_same_url_are_a_mistake_also_beside_others() {
    let twice = |more: &str| format!("{},{}", &acme("")[..acme("").len() - 1], &acme(more).replace("acme", "globex")[1..]);
    assert_eq!(message(&twice("")), "globex.issuer: another issuer has the same URL");
    let other = "globex.name: must be a string; globex.issuer: another issuer has the same URL";
    assert_eq!(message(&twice(r#", "name": 7"#)), other);
    // Another slash is another issuer.
    assert!(twice("").replacen("example.com", "example.com/", 1).parse::<Issuers>().is_ok());
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let json = r#"{
        "Acme": { "issuer": "login.example.com", "audience": { "claim": "aud", "values": [] }, "audiences": [],
            "account": { "kind": "number", "only": [1] }, "role": { "claim": "", "map": { "admin": "Admin", "viewer": 1 } },
            "name": 1, "email": "email", "emailVerified": "verified", "emailTrusted": "yes" },
        "globex": {},
        "initech": []
    }"#;
    let expected = [
        "Acme: 'Acme' is not a name of an issuer: it must have 1 to 16 characters from a-z, 0-9 and -",
        "Acme.issuer: 'login.example.com' is not a valid web address: relative URL without a base",
        "Acme.audience.claim: 'aud' is not a JSON pointer, such as /email",
        "Acme.audience.values: must be an array of at least one string",
        "Acme.account.claim: is required",
        "Acme.account.kind: must be 'id' (twelve digits) or 'externalID'",
        "Acme.account.only: must be an array of at least one string",
        "Acme.role.claim: '' is not a JSON pointer, such as /email",
        "Acme.role.map: 'Admin' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -",
        "Acme.role.map: 'viewer' must be mapped to a role id",
        "Acme.name: must be a string",
        "Acme.email: 'email' is not a JSON pointer, such as /email",
        "Acme.emailVerified: 'verified' is not a JSON pointer, such as /email",
        "Acme.emailTrusted: must be true or false",
        "Acme.emailDomains: is required with email and account.only: addresses count in all accounts",
        "Acme: unknown field 'audiences'; accepted: account, audience, console, email, emailDomains, emailTrusted, emailVerified, issuer, name, role",
        "globex.issuer: is required",
        "globex.audience: is required: without it, tokens for other applications would be accepted",
        "initech: must be an object",
    ];
    assert_eq!(message(json), expected.join("; "));
}

#[test]
fn the_discovery_document_is_below_the_issuer() {
    for (url, expected) in [
        ("https://login.example.com", "https://login.example.com/.well-known/openid-configuration"),
        ("https://login.example.com/", "https://login.example.com/.well-known/openid-configuration"),
        ("https://login.example.com/realms/acme", "https://login.example.com/realms/acme/.well-known/openid-configuration"),
    ] {
        let issuers: Issuers = parsed(&acme("").replace("https://login.example.com", url));
        assert_eq!(only(&issuers).discovery_url(), expected);
    }
}

#[test]
fn the_address_of_the_keys_comes_from_the_document_of_the_same_issuer() {
    let issuers: Issuers = parsed(&acme(""));
    let key_set_url = |document: &str| only(&issuers).key_set_url(document.as_bytes()).map(String::from).map_err(|error| error.to_string());
    let document = |issuer: &str, keys: &str| format!(r#"{{"issuer": "{issuer}", "jwks_uri": "{keys}", "more": [{{}}]}}"#);
    let own = "https://login.example.com";
    // It may be on another host.
    for keys in ["https://login.example.com/keys", "https://keys.example.net/acme?v=2"] {
        assert_eq!(key_set_url(&document(own, keys)).as_deref(), Ok(keys));
    }
    for (document, expected) in [
        ("<html>".to_owned(), "expected value at line 1 column 1"),
        ("{}".to_owned(), "the discovery document has no 'issuer'"),
        (format!(r#"{{"issuer": "{own}"}}"#), "the discovery document has no 'jwks_uri'"),
        (format!(r#"{{"issuer": "{own}", "jwks_uri": ["x"]}}"#), "the discovery document has no 'jwks_uri'"),
        (format!(r#"{{"issuer": "{own}", "issuer": "{own}"}}"#), "the field 'issuer' appears twice at line 1 column 78"),
        (
            document("https://login.example.com/", "https://login.example.com/keys"),
            "the discovery document is that of 'https://login.example.com/'",
        ),
        (document(own, "/keys"), "'/keys' is not a valid web address: relative URL without a base"),
        (
            document(own, "http://login.example.com/keys"),
            "'http://login.example.com/keys' is not a valid web address: it must start with https://, or with http:// for 127.0.0.1 and localhost",
        ),
        (document(own, "http://127.0.0.1/keys"), "the key set's address 'http://127.0.0.1/keys' must start with https://"),
    ] {
        assert_eq!(key_set_url(&document).as_ref().map_err(String::as_str), Err(expected), "{document}");
    }
    // An issuer on this machine may have its keys here, too.
    let local: Issuers = parsed(&acme("").replace(own, "http://localhost:9200"));
    let found = only(&local).key_set_url(document("http://localhost:9200", "http://localhost:9200/keys").as_bytes());
    assert_eq!(found.map(String::from).as_deref(), Ok("http://localhost:9200/keys"));
}

#[test]
fn an_issuer_on_the_web_cannot_name_keys_on_this_machine_whatever_the_case_of_its_url() {
    for url in ["https://login.example.com", "HTTPS://login.example.com"] {
        let issuers: Issuers =
            format!(r#"{{"acme": {{"issuer": "{url}", "audience": {{"values": ["a"]}}}}}}"#).parse().expect("it is a configuration");
        let document = format!(r#"{{"issuer": "{url}", "jwks_uri": "http://127.0.0.1:9001/2018-06-01/runtime"}}"#);
        let issuer = issuers.iter().next().expect("one");
        assert!(issuer.key_set_url(document.as_bytes()).is_err(), "{url}");
    }
}
