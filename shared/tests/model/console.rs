//! How people sign in at an issuer in the console, as configured.

use shared::domain::issuer::{Console, Issuers, TokenKind};

use super::support::parsed;

/// The configuration of an issuer with this `console`.
fn with(console: &str) -> String {
    format!(r#"{{"acme": {{"issuer": "https://login.example.com", "audience": {{"values": ["a"]}}, "console": {console}}}}}"#)
}

/// A complete `console`, and `more` fields.
fn complete(more: &str) -> String {
    with(&format!(
        r#"{{"clientID": "console-1", "authorizationEndpoint": "https://login.example.com/authorize?p=1",
             "tokenEndpoint": "https://tokens.example.com:8443/oauth2/token"{more}}}"#
    ))
}

fn console(json: &str) -> Console {
    let issuers: Issuers = parsed(json);
    issuers.iter().next().and_then(|issuer| issuer.console()).expect("a console").clone()
}

#[track_caller]
fn message(json: &str) -> String {
    json.parse::<Issuers>().expect_err(json).to_string()
}

#[test]
fn the_required_fields_are_sufficient() {
    let console = console(&complete(""));
    assert_eq!((console.client_id.as_str(), console.scope.as_str(), console.token), ("console-1", "openid", TokenKind::Access));
    assert_eq!(console.authorization_endpoint.as_str(), "https://login.example.com/authorize?p=1");
    assert_eq!(console.token_endpoint.as_str(), "https://tokens.example.com:8443/oauth2/token");
    assert_eq!(console.token_endpoint.origin(), "https://tokens.example.com:8443");
    assert_eq!((console.end_session_endpoint, console.parameters), (None, Vec::new()));
}

#[test]
fn all_other_fields_are_optional() {
    let console = console(&complete(
        r#", "scope": "openid email", "token": "id", "endSessionEndpoint": "http://127.0.0.1:9200/logout",
           "parameters": {"audience": "https://invitations.example.com", "organization": "org_1"}"#,
    ));
    assert_eq!((console.scope.as_str(), console.token), ("openid email", TokenKind::Id));
    assert_eq!(console.end_session_endpoint.expect("an address").origin(), "http://127.0.0.1:9200");
    let parameters = [("audience", "https://invitations.example.com"), ("organization", "org_1")];
    assert_eq!(console.parameters, parameters.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn an_issuer_without_console_has_none() {
    let issuers: Issuers = parsed(r#"{"acme": {"issuer": "https://login.example.com", "audience": {"values": ["a"]}}}"#);
    assert!(issuers.iter().all(|issuer| issuer.console().is_none()));
}

#[test]
fn the_origin_of_an_endpoint_is_safe_in_a_policy() {
    for (endpoint, origin) in [
        ("https://LOGIN.example.com:443/a;b,c 'self'", None),
        ("https://login.example.com;script-src/", None),
        ("https://login.example.com,https://evil.example/", None),
        ("https://*.example.com/", None),
        ("https://LOGIN.example.com:443/a;b,c", Some("https://login.example.com")),
        ("https://bücher.example/", Some("https://xn--bcher-kva.example")),
    ] {
        let json =
            with(&format!(r#"{{"clientID": "x", "authorizationEndpoint": "https://login.example.com/", "tokenEndpoint": "{endpoint}"}}"#));
        match origin {
            Some(origin) => assert_eq!(console(&json).token_endpoint.origin(), origin),
            None => assert!(message(&json).starts_with("acme.console.tokenEndpoint: '"), "{endpoint}"),
        }
    }
}

#[test]
fn every_mistake_has_a_message_that_names_its_place() {
    let parameters = r#"acme.console.parameters: must be an object of strings, such as {"audience": "https://api.example.com"}"#;
    for (json, expected) in [
        (with("true"), "acme.console: must be an object"),
        (
            with("{}"),
            "acme.console.clientID: is required; acme.console.authorizationEndpoint: is required; acme.console.tokenEndpoint: is required",
        ),
        (complete("").replace("console-1", " "), "acme.console.clientID: must not be empty"),
        (complete("").replace("\"console-1\"", "7"), "acme.console.clientID: must be a string"),
        (
            complete("").replace("https://tokens", "http://tokens"),
            "acme.console.tokenEndpoint: 'http://tokens.example.com:8443/oauth2/token' is not a valid web address: it must start with \
             https://, or with http:// for 127.0.0.1 and localhost",
        ),
        (
            complete(r#", "endSessionEndpoint": "https://[::1]/""#),
            "acme.console.endSessionEndpoint: 'https://[::1]/' cannot be used: browsers allow no IPv6 address in a policy",
        ),
        (complete(r#", "endSessionEndpoint": null"#), "acme.console.endSessionEndpoint: must be a string"),
        (complete(r#", "scope": """#), "acme.console.scope: must not be empty"),
        (complete(r#", "scope": ["openid"]"#), "acme.console.scope: must be a string"),
        (complete(r#", "token": "access_token""#), "acme.console.token: must be 'access' or 'id'"),
        (complete(r#", "token": 7"#), "acme.console.token: must be 'access' or 'id'"),
        (complete(r#", "token": "id", "scope": "email openid2""#), "acme.console.scope: must include 'openid' if token is 'id'"),
        (complete(r#", "parameters": "audience""#), parameters),
        (complete(r#", "parameters": {}"#), parameters),
        (complete(r#", "parameters": {"audience": ["a"]}"#), parameters),
        (complete(r#", "parameters": {"state": "x"}"#), "acme.console.parameters: 'state' is not a further parameter"),
        (complete(r#", "parameters": {"scope": "x"}"#), "acme.console.parameters: 'scope' is not a further parameter"),
        (
            complete(r#", "clientSecret": "x""#),
            "acme.console: unknown field 'clientSecret'; accepted: authorizationEndpoint, clientID, endSessionEndpoint, parameters, scope, \
             token, tokenEndpoint",
        ),
    ] {
        assert_eq!(message(&json), expected, "{json}");
    }
}
