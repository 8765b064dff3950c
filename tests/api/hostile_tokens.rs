//! Forged, stolen and malformed tokens are a 401 before anything is written (T17).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, OTHER_ACCOUNT, TestApp,
    tokens::{ISSUER, SigningKey, claims, publish, signing_key},
};

use crate::{
    bearer_tokens::{challenge, expect_unauthorized},
    helpers::table,
};

/// Two issuers, each with its own keys; the first may name only one account.
const ISSUERS: &str = r#"{
    "acme": { "issuer": "https://login.example.com", "audience": { "values": ["invitations"] },
        "account": { "claim": "/org/id", "kind": "id", "only": ["012345678912"] },
        "role": { "claim": "/roles", "map": { "admin": "full-access" } },
        "email": "/email", "emailDomains": ["example.com"] },
    "other": { "issuer": "https://other.example.com", "audience": { "values": ["invitations"] },
        "account": { "claim": "/org/id", "kind": "id" }, "role": { "claim": "/roles", "map": { "admin": "full-access" } } }
}"#;

const MALFORMED: &str = "the token is not a signed JWT with RS256 or ES256 and a key id";
const ISSUER_UNKNOWN: &str = "the token is from an issuer that is not configured";
const KEY_UNKNOWN: &str = "the token is signed with a key that its issuer has not published";
const SIGNATURE: &str = "the signature of the token is not valid";
const CLAIMS: &str = "a claim of the token is missing or has the wrong type";
const AUDIENCE: &str = "the token is for another application";
const WRONG_ACCOUNT: &str = "the token names an account in another form than configured, or one that its issuer may not name";
const EXPIRED: &str = "the token has expired";
const TOO_EARLY: &str = "the token is not valid yet";

/// What a token of the administrator says.
fn good(app: &TestApp) -> Value {
    claims(app.now(), &json!({ "account": null, "org": { "id": ACCOUNT } }))
}

/// A change of a claim: null removes it.
fn changed(app: &TestApp, name: &str, value: Value) -> Value {
    let mut claims = good(app);
    let members = claims.as_object_mut().expect("an object");
    if value.is_null() {
        drop(members.remove(name))
    } else {
        drop(members.insert(name.to_owned(), value))
    }
    claims
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Tokens with a bad header, and why they are refused.
fn bad_headers(app: &TestApp, key: &SigningKey, attacker: &SigningKey) -> Vec<(&'static str, String, &'static str)> {
    let claims = good(app).to_string();
    let unsigned = |header: &str| format!("{}.{}.", encode(header), encode(&claims));
    let public = key.jwk();
    // The public key, which everyone knows, as the secret of an HMAC.
    let hmac = |secret: &[u8]| {
        let message = format!("{}.{}", encode(r#"{"alg":"HS256","kid":"k1"}"#), encode(&claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let point = ["x", "y"].map(|name| URL_SAFE_NO_PAD.decode(public[name].as_str().expect("a number")).expect("base64")).concat();
    let embedded = json!({ "alg": "ES256", "kid": "k1", "jwk": attacker.jwk() }).to_string();
    vec![
        ("without a signature", unsigned(r#"{"alg":"none","kid":"k1"}"#), MALFORMED),
        ("without a signature, in capitals", unsigned(r#"{"alg":"NONE","kid":"k1"}"#), MALFORMED),
        ("without an algorithm", unsigned(r#"{"kid":"k1"}"#), MALFORMED),
        ("with an empty signature", unsigned(r#"{"alg":"ES256","kid":"k1"}"#), SIGNATURE),
        ("HS256 with the public key", hmac(public.to_string().as_bytes()), MALFORMED),
        ("HS256 with the point", hmac(&point), MALFORMED),
        ("signed as ES256, called HS256", key.sign(r#"{"alg":"HS256","kid":"k1"}"#, &claims), MALFORMED),
        ("signed as ES256, called RS256", key.sign(r#"{"alg":"RS256","kid":"k1"}"#, &claims), SIGNATURE),
        ("signed as ES256, called ES384", key.sign(r#"{"alg":"ES384","kid":"k1"}"#, &claims), MALFORMED),
        ("without a key id", key.sign(r#"{"alg":"ES256"}"#, &claims), MALFORMED),
        ("with an unknown key id", key.sign(r#"{"alg":"ES256","kid":"k9"}"#, &claims), KEY_UNKNOWN),
        ("with an empty key id", key.sign(r#"{"alg":"ES256","kid":""}"#, &claims), KEY_UNKNOWN),
        ("with a path as key id", key.sign(r#"{"alg":"ES256","kid":"../../../../dev/null"}"#, &claims), KEY_UNKNOWN),
        ("with SQL as key id", key.sign(r#"{"alg":"ES256","kid":"x' UNION SELECT 'k1"}"#, &claims), KEY_UNKNOWN),
        ("with a number as key id", key.sign(r#"{"alg":"ES256","kid":1}"#, &claims), MALFORMED),
        ("with a list of key ids", key.sign(r#"{"alg":"ES256","kid":["k1"]}"#, &claims), MALFORMED),
        ("with two key ids", key.sign(r#"{"alg":"ES256","kid":"k9","kid":"k1"}"#, &claims), MALFORMED),
        ("with its own key", attacker.sign(&embedded, &claims), SIGNATURE),
        ("with an address of keys", attacker.sign(r#"{"alg":"ES256","kid":"k9","jku":"https://evil.example/keys"}"#, &claims), KEY_UNKNOWN),
        (
            "with an address of a certificate",
            attacker.sign(r#"{"alg":"ES256","kid":"k1","x5u":"https://evil.example/c"}"#, &claims),
            SIGNATURE,
        ),
        ("with a certificate", attacker.sign(r#"{"alg":"ES256","kid":"k1","x5c":["MIIB"]}"#, &claims), SIGNATURE),
        ("with a critical extension", key.sign(r#"{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}"#, &claims), MALFORMED),
        ("with an unencoded payload", key.sign(r#"{"alg":"ES256","kid":"k1","b64":false,"crit":["b64"]}"#, &claims), MALFORMED),
        ("signed by somebody else", attacker.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims), SIGNATURE),
    ]
}

/// Tokens with a bad form.
fn bad_forms(app: &TestApp, key: &SigningKey) -> Vec<(&'static str, String, &'static str)> {
    let token = key.token(&good(app));
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let others = key.token(&changed(app, "sub", "john".into()));
    let others_signature = others.rsplit('.').next().expect("a signature");
    let foreign = encode(&changed(app, "org", json!({ "id": OTHER_ACCOUNT })).to_string());
    let header_text = r#"{"alg":"ES256","kid":"k1"}"#;
    let twice = |name: &str, value: &str| {
        let claims = good(app).to_string();
        key.sign(header_text, format!("{{\"{name}\":{value},{}", &claims[1..]))
    };
    vec![
        ("only dots", "..".to_owned(), MALFORMED),
        ("one part", header.to_owned(), MALFORMED),
        ("two parts", format!("{header}.{payload}"), MALFORMED),
        ("four parts", format!("{token}.{signature}"), MALFORMED),
        ("encrypted", format!("{header}.{payload}.{payload}.{payload}.{signature}"), MALFORMED),
        ("padded", format!("{header}.{payload}=.{signature}"), MALFORMED),
        ("with spaces", format!("{header}. {payload}.{signature}"), MALFORMED),
        ("a truncated signature", token[..token.len() - 6].to_owned(), SIGNATURE),
        ("the signature of another token", format!("{header}.{payload}.{others_signature}"), SIGNATURE),
        ("changed after signing", format!("{header}.{foreign}.{signature}"), SIGNATURE),
        ("too long", key.token(&changed(app, "more", "x".repeat(6200).into())), MALFORMED),
        ("claims that are no object", key.sign(header_text, "[]"), ISSUER_UNKNOWN),
        ("claims that are no JSON", key.sign(header_text, "{"), MALFORMED),
        ("an expiry twice", twice("exp", "99999999999"), MALFORMED),
        ("an issuer twice", twice("iss", r#""https://login.example.com""#), MALFORMED),
        (
            "an account twice",
            key.sign(
                header_text,
                good(app)
                    .to_string()
                    .replace(&format!(r#"{{"id":"{ACCOUNT}"}}"#), &format!(r#"{{"id":"{OTHER_ACCOUNT}","id":"{ACCOUNT}"}}"#)),
            ),
            MALFORMED,
        ),
    ]
}

/// Tokens whose claims are signed, but bad.
fn bad_claims(app: &TestApp) -> Vec<(&'static str, Value, &'static str)> {
    let now = app.now().as_secs();
    let change = |name: &str, value: Value| changed(app, name, value);
    vec![
        ("no expiry", change("exp", Value::Null), CLAIMS),
        ("an expiry as text", change("exp", (now + 3600).to_string().into()), CLAIMS),
        ("an expiry as a list", change("exp", json!([now + 3600])), CLAIMS),
        ("a negative expiry", change("exp", (-1).into()), CLAIMS),
        ("expired, beyond the leeway", change("exp", (now - 61).into()), EXPIRED),
        ("a start as text", change("nbf", (now - 1).to_string().into()), CLAIMS),
        ("not valid yet, beyond the leeway", change("nbf", (now + 62).into()), TOO_EARLY),
        ("no issuer", change("iss", Value::Null), ISSUER_UNKNOWN),
        ("another issuer", change("iss", "https://evil.example".into()), ISSUER_UNKNOWN),
        ("the issuer with a slash", change("iss", format!("{ISSUER}/").into()), ISSUER_UNKNOWN),
        ("the issuer in capitals", change("iss", ISSUER.to_uppercase().into()), ISSUER_UNKNOWN),
        ("the issuer with a space", change("iss", format!("{ISSUER} ").into()), ISSUER_UNKNOWN),
        ("the issuer with a Cyrillic letter", change("iss", ISSUER.replace('o', "\u{43e}").into()), ISSUER_UNKNOWN),
        ("the issuer in a list", change("iss", json!([ISSUER])), ISSUER_UNKNOWN),
        ("no audience", change("aud", Value::Null), AUDIENCE),
        ("another audience", change("aud", "accounting".into()), AUDIENCE),
        ("a longer audience", change("aud", "invitations2".into()), AUDIENCE),
        ("an audience as a number", change("aud", 1.into()), AUDIENCE),
        ("other audiences", change("aud", json!(["accounting", "sales"])), AUDIENCE),
        ("a number among the audiences", change("aud", json!(["invitations", 1])), AUDIENCE),
        ("an object as audience", change("aud", json!({ "invitations": true })), AUDIENCE),
        ("no subject", change("sub", Value::Null), CLAIMS),
        ("an empty subject", change("sub", "".into()), CLAIMS),
        ("a number as subject", change("sub", 1.into()), CLAIMS),
        ("a long subject", change("sub", "x".repeat(129).into()), CLAIMS),
        ("a subject that is long when encoded", change("sub", "|".repeat(43).into()), CLAIMS),
        ("an account that the issuer may not name", change("org", json!({ "id": OTHER_ACCOUNT })), WRONG_ACCOUNT),
        ("an account as a number", change("org", json!({ "id": 12_345_678_912_u64 })), WRONG_ACCOUNT),
        ("a list of accounts", change("org", json!({ "id": [ACCOUNT] })), WRONG_ACCOUNT),
        ("an account with a space", change("org", json!({ "id": format!("{ACCOUNT} ") })), WRONG_ACCOUNT),
        ("an account in other digits", change("org", json!({ "id": "\u{660}12345678912" })), WRONG_ACCOUNT),
    ]
}

#[tokio::test]
async fn hostile_tokens_are_refused_with_a_reason_and_without_a_write() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS)]).await;
    let (key, attacker) = (signing_key("k1"), signing_key("k1"));
    publish(&app, ISSUERS, &[&key]).await;
    app.send(Call::get("/invitations").bearer(&key.token(&good(&app)))).await.expect(200);
    let before = table(&app).await;
    let signed = bad_claims(&app).into_iter().map(|(what, claims, why)| (what, key.token(&claims), why));
    let hostile: Vec<_> = bad_headers(&app, &key, &attacker).into_iter().chain(bad_forms(&app, &key)).chain(signed).collect();
    assert!(hostile.len() >= 40, "{}", hostile.len());
    for (what, token, why) in hostile {
        let _ = app.faults.take_operations();
        for call in [
            Call::get("/invitations"),
            Call::create("new@example.com", "full-access").header("idempotency-key", "k"),
            Call::post("/invitations/accept").json(&json!({ "token": "i1" })),
        ] {
            let route = call.route();
            let response = app.send(call.bearer(&token)).await;
            assert_eq!(
                (response.status, response.json()["message"].as_str()),
                (401, Some(&*format!("Unauthorized: {why}"))),
                "{what}: {route}"
            );
            expect_unauthorized(&response, why);
        }
        let operations = app.faults.take_operations();
        assert!(operations.iter().all(|operation| operation == "GetItem"), "{what}: {operations:?}");
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_key_of_one_issuer_does_not_sign_for_another() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS)]).await;
    let (acme, other) = (signing_key("k1"), signing_key("k2"));
    publish(&app, ISSUERS, &[&acme]).await;
    let issuers: Value = serde_json::from_str(ISSUERS).expect("JSON");
    publish(&app, &json!({ "other": issuers["other"] }).to_string(), &[&other]).await;
    // Each issuer's own tokens are accepted.
    let of_other = changed(&app, "iss", "https://other.example.com".into());
    app.send(Call::get("/invitations").bearer(&acme.token(&good(&app)))).await.expect(200);
    app.send(Call::get("/invitations").bearer(&other.token(&of_other))).await.expect(200);
    for (token, why) in [
        (other.token(&good(&app)), KEY_UNKNOWN),
        (other.sign(r#"{"alg":"ES256","kid":"k1"}"#, good(&app).to_string()), SIGNATURE),
        (acme.token(&of_other), KEY_UNKNOWN),
        (acme.sign(r#"{"alg":"ES256","kid":"k2"}"#, of_other.to_string()), SIGNATURE),
    ] {
        expect_unauthorized(&app.send(Call::get("/invitations").bearer(&token)).await, why);
    }
}

#[tokio::test]
async fn a_flood_of_unknown_keys_reads_the_table_once_in_thirty_seconds() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS)]).await;
    let key = signing_key("k1");
    publish(&app, ISSUERS, &[&key]).await;
    app.send(Call::get("/invitations").bearer(&key.token(&good(&app)))).await.expect(200);
    for round in 0..3 {
        app.advance(Duration::from_secs(30));
        let _ = app.faults.take_operations();
        for number in 0..50 {
            let token = key.sign(format!(r#"{{"alg":"ES256","kid":"forged-{round}-{number}"}}"#), good(&app).to_string());
            expect_unauthorized(&app.send(Call::get("/invitations").bearer(&token)).await, KEY_UNKNOWN);
        }
        assert_eq!(app.faults.take_operations(), ["GetItem"], "round {round}");
    }
}

#[tokio::test]
async fn without_issuers_a_token_is_not_a_credential() {
    let app = TestApp::start().await;
    let token = signing_key("k1").token(&good(&app));
    let response = app.send(Call::get("/invitations").bearer(&token)).await;
    assert_eq!(response.header("www-authenticate"), Some("ApiKey realm=\"invitations\""));
    assert_eq!(response.expect(401).str("message"), "Unauthorized: the header must read 'Authorization: ApiKey <key>'");
}

#[tokio::test]
async fn a_401_names_every_kind_of_credential() {
    let app = TestApp::with(&[("ISSUERS", ISSUERS)]).await;
    let both = "ApiKey realm=\"invitations\", Bearer realm=\"invitations\"";
    for (call, why) in [
        (Call::get("/invitations"), "send the header 'Authorization: ApiKey <key>' or 'Authorization: Bearer <token>'"),
        (
            Call::get("/invitations").header("authorization", "Basic x"),
            "the header must read 'Authorization: ApiKey <key>' or 'Authorization: Bearer <token>'",
        ),
        (Call::get("/invitations").key("ik_live_1"), "the API key is incomplete or mistyped"),
    ] {
        let response = app.send(call).await;
        assert_eq!(response.header("www-authenticate"), Some(both));
        assert_eq!(response.expect(401).str("message"), format!("Unauthorized: {why}"));
    }
    let response = app.send(Call::get("/invitations").bearer("x")).await;
    assert_eq!(response.header("www-authenticate"), Some(&*challenge(MALFORMED)));
}
