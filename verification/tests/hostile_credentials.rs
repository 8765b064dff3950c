//! Invalid credentials on every route that needs one (T16, T17), with and without issuers: the response is a 401 with the expected schemes
//! and nothing else, without a read of the table if the form alone is wrong, and no part of the credential appears in the response or the
//! log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, OTHER_ACCOUNT, TestApp, Workers,
    logged::Lines,
    tokens::{ISSUERS, claims, publish, signing_key},
};
use verification::fuzz::key_text;

const ABSENT: &str = "Unauthorized: send the header 'Authorization: ApiKey <key>'";
const FORM: &str = "Unauthorized: the header must read 'Authorization: ApiKey <key>'";
/// The same with issuers.
const ABSENT_OR_BEARER: &str = "Unauthorized: send the header 'Authorization: ApiKey <key>' or 'Authorization: Bearer <token>'";
const FORM_OR_BEARER: &str = "Unauthorized: the header must read 'Authorization: ApiKey <key>' or 'Authorization: Bearer <token>'";
const MISTYPED: &str = "Unauthorized: the API key is incomplete or mistyped";
/// For every well-formed key, so that the response does not reveal which keys exist.
const UNKNOWN: &str = "Unauthorized: the API key is unknown, disabled or expired";

/// For bearer tokens.
const MALFORMED: &str = "Unauthorized: the token is not a signed JWT with RS256 or ES256 and a key id";
const UNKNOWN_ISSUER: &str = "Unauthorized: the token is from an issuer that is not configured";
const SIGNATURE: &str = "Unauthorized: the signature of the token is not valid";

/// A credential, and the message that its bearer must receive.
struct Credential {
    name: String,
    headers: Vec<(&'static str, String)>,
    message: &'static str,
}

fn credential(name: &str, header: &str, message: &'static str) -> Credential {
    Credential { name: name.to_owned(), headers: vec![("authorization", header.to_owned())], message }
}

fn jwt(header: &Value, signature: &str) -> String {
    let claims =
        json!({ "iss": "https://issuer.example", "aud": "invitations", "sub": ACCOUNT, "exp": 4_000_000_000_u32, "role": "full-access" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(&claims))
}

/// T17: JWTs that have compromised services that accept them.
fn jwts(issuers: bool) -> Vec<Credential> {
    const OF_UNKNOWN_ISSUER: &str = "a JWT of an unknown issuer";
    let signature = URL_SAFE_NO_PAD.encode([7; 32]);
    let tokens = [
        ("a JWT of algorithm none", jwt(&json!({ "alg": "none" }), "")),
        ("a JWT of algorithm nOnE", jwt(&json!({ "alg": "nOnE", "typ": "JWT" }), "")),
        ("a JWT of algorithm none with a signature", jwt(&json!({ "alg": "none" }), &signature)),
        ("a JWT of HS256 over a public key", jwt(&json!({ "alg": "HS256", "kid": "rsa-1" }), &signature)),
        ("a JWT whose kid is a path", jwt(&json!({ "alg": "HS256", "kid": "../../../../dev/null" }), &signature)),
        ("a JWT whose kid is a query", jwt(&json!({ "alg": "HS256", "kid": "x' UNION SELECT 'k" }), &signature)),
        ("a JWT that contains its key", jwt(&json!({ "alg": "RS256", "jwk": { "kty": "RSA", "n": "AQAB", "e": "AQAB" } }), &signature)),
        ("a JWT that links to its key", jwt(&json!({ "alg": "RS256", "jku": "https://evil.example/jwks.json" }), &signature)),
        ("a JWT with a chain of certificates", jwt(&json!({ "alg": "RS256", "x5u": "https://evil.example/x.pem" }), &signature)),
        ("a JWT with a critical header", jwt(&json!({ "alg": "ES256", "crit": ["exp"], "b64": false }), &signature)),
        (OF_UNKNOWN_ISSUER, jwt(&json!({ "alg": "RS256", "kid": "rsa-1" }), &signature)),
        ("an encrypted JWT", format!("{}.AAAA", jwt(&json!({ "alg": "dir", "enc": "A256GCM" }), "AAAA.AAAA"))),
    ];
    let both = |(name, token): (&str, String)| {
        let as_key = credential(&format!("{name}, as a key"), &format!("ApiKey {token}"), MISTYPED);
        let with_issuers = if name == OF_UNKNOWN_ISSUER { UNKNOWN_ISSUER } else { MALFORMED };
        [credential(name, &format!("Bearer {token}"), if issuers { with_issuers } else { FORM }), as_key]
    };
    tokens.into_iter().flat_map(both).collect()
}

/// Headers that do not have the form `ApiKey <key>`, nor that of a token.
fn forms(key: &str, issuers: bool) -> Vec<Credential> {
    let (absent, form) = if issuers { (ABSENT_OR_BEARER, FORM_OR_BEARER) } else { (ABSENT, FORM) };
    let mut forms: Vec<Credential> = [
        ("nothing", String::new()),
        ("a blank", " ".to_owned()),
        ("the scheme alone", "ApiKey".to_owned()),
        ("the scheme and a blank", "ApiKey ".to_owned()),
        ("the key without a scheme", key.to_owned()),
        ("the scheme Basic", format!("Basic {key}")),
        ("the scheme AWS4", format!("AWS4-HMAC-SHA256 Credential={key}/20300101/ca-1/execute-api/aws4_request")),
        ("a scheme that is longer", format!("ApiKeys {key}")),
        ("a scheme with a look-alike", format!("\u{410}piKey {key}")),
        ("a tab for the blank", format!("ApiKey\t{key}")),
        ("an equals sign for the blank", format!("ApiKey={key}")),
        ("a NUL before the scheme", format!("\0ApiKey {key}")),
        ("64 KiB of a scheme", "A".repeat(65_536)),
    ]
    .into_iter()
    .map(|(name, header)| credential(name, &header, form))
    .collect();
    forms.push(credential("the scheme Bearer", &format!("Bearer {key}"), if issuers { MALFORMED } else { FORM }));
    forms.push(Credential { name: "no header".to_owned(), headers: Vec::new(), message: absent });
    forms
}

/// Keys with an error that the text alone reveals.
fn mistyped(key: &str) -> Vec<Credential> {
    let (body, check) = key.rsplit_once('_').expect("a key has a checksum");
    let flipped = |at: usize| {
        let other = if key.as_bytes()[at] == b'0' { "1" } else { "0" };
        [&key[..at], other, &key[at + 1..]].concat()
    };
    let mut keys: Vec<(String, String)> = [
        ("a letter", "x".to_owned()),
        ("its prefix", "ik_live_".to_owned()),
        ("empty parts", "ik_live____".to_owned()),
        ("it without its checksum", body.to_owned()),
        ("its checksum", check.to_owned()),
        ("it without its beginning", key[1..].to_owned()),
        ("it without its end", key[..key.len() - 1].to_owned()),
        ("it and one character more", format!("{key}0")),
        ("it twice", format!("{key} {key}")),
        ("it twice, with a comma", format!("{key},{key}")),
        ("it in quotes", format!("\"{key}\"")),
        ("it in capitals", key.to_uppercase()),
        ("another prefix", key.replace("live", "test")),
        ("another account and the old checksum", key.replace(ACCOUNT, OTHER_ACCOUNT)),
        ("a NUL at its end", format!("{key}\0")),
        ("a NUL in it", key.replace("live", "li\0e")),
        ("a line break in it", format!("{body}\r\n_{check}")),
        ("Arabic digits", key.replace('0', "\u{660}")),
        ("full-width letters", key.replace('i', "ｉ")),
        ("an accent at its end", format!("{body}_{check}é")),
        ("percent signs", key.replace('_', "%5F")),
        ("64 KiB of it", key.repeat(65_536 / key.len())),
        ("an account of letters", key_text("01234567891a", &"a".repeat(12), &"a".repeat(43))),
        ("an account that ends a key", key_text("0123456789#1", &"a".repeat(12), &"a".repeat(43))),
        ("a short secret", key_text(ACCOUNT, &"a".repeat(12), &"a".repeat(42))),
        ("an empty secret", key_text(ACCOUNT, &"a".repeat(12), "")),
        ("a secret of dashes", key_text(ACCOUNT, &"a".repeat(12), &"-".repeat(43))),
    ]
    .map(|(name, key)| (name.to_owned(), key))
    .into();
    // One character changed in the account, the id, the secret and the checksum.
    keys.extend([8, 21, 34, 76, key.len() - 1].map(|at| (format!("another character {at}"), flipped(at))));
    let mut all: Vec<_> = keys.iter().map(|(name, key)| credential(name, &format!("ApiKey {key}"), MISTYPED)).collect();
    // A gateway joins repeated headers; one that does not passes both on.
    all.push(credential("the header twice", &format!("ApiKey {key}, ApiKey {key}"), MISTYPED));
    let headers = vec![("authorization", format!("ApiKey {key}")), ("Authorization", format!("ApiKey {key}"))];
    all.push(Credential { name: "the header in two spellings".to_owned(), headers, message: MISTYPED });
    all
}

/// Well-formed keys that are not valid.
async fn unknown(app: &TestApp) -> Vec<Credential> {
    let make = async |more: Value| {
        let mut event = json!({ "action": "create", "account": ACCOUNT, "role": "full-access" });
        event.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        app.manage_keys(&event).await
    };
    let parts: Vec<String> = app.full.split('_').map(str::to_owned).collect();
    let (id, secret) = (&parts[3], &parts[4]);
    let text = |key: &Value| key["key"].as_str().expect("a new key is shown").to_owned();

    let disabled = make(json!({})).await;
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": disabled["id"] })).await;
    let expired = make(json!({ "expiry": app.now().plus(Duration::from_secs(60)).to_string() })).await;
    app.advance(Duration::from_secs(61));
    let deleted = make(json!({})).await;
    let key = app.client.delete_item().table_name(&app.table);
    let s = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let key = key.key("pk", s(&format!("KEYS#{ACCOUNT}"))).key("sk", s(deleted["id"].as_str().expect("a key has an id")));
    key.send().await.expect("a row can be deleted");
    [
        ("another secret", key_text(ACCOUNT, id, &"Z".repeat(43))),
        ("the secret backwards", key_text(ACCOUNT, id, &secret.chars().rev().collect::<String>())),
        ("its id under another account", key_text(OTHER_ACCOUNT, id, secret)),
        ("its id under an account without keys", key_text("000000000000", id, secret)),
        ("its secret under an unknown id", key_text(ACCOUNT, &"a".repeat(12), secret)),
        (
            "another account's id and secret",
            key_text(ACCOUNT, app.other.split('_').nth(3).unwrap_or_default(), app.other.split('_').nth(4).unwrap_or_default()),
        ),
        ("another account's id, this one's secret", key_text(OTHER_ACCOUNT, app.other.split('_').nth(3).unwrap_or_default(), secret)),
        ("a disabled key", text(&disabled)),
        ("an expired key", text(&expired)),
        ("a deleted key", text(&deleted)),
    ]
    .map(|(name, key)| credential(name, &format!("ApiKey {key}"), UNKNOWN))
    .into()
}

/// One request for each use of a key.
fn all_requests(id: &str, token: &str) -> [Call; 7] {
    let path = format!("/invitations/{id}");
    let accepted = json!({ "token": token, "principal": "user-17", "email": "user.one@example.com" });
    [
        Call::get("/invitations"),
        Call::get(&path),
        Call::create("new@example.com", "full-access"),
        Call::post(&path),
        Call::set_state(id, "invited"),
        Call::set_state(id, "revoked"),
        Call::post("/invitations/accept").json(&accepted),
    ]
}

/// Whether a text contains a part of a credential.
fn reveals(text: &str, credential: &Credential) -> bool {
    let values = credential.headers.iter().flat_map(|(_, value)| value.split([' ', '_', '.', ',', '"']));
    values.filter(|part| part.len() >= 12).any(|part| text.contains(part))
}

async fn rows(app: &TestApp) -> BTreeSet<String> {
    app.rows().await.into_iter().map(|row| format!("{:?}", row.into_iter().collect::<BTreeMap<_, _>>())).collect()
}

/// Bearer tokens and API keys, each valid, in headers that make them invalid.
fn mixed(key: &str, token: &str) -> Vec<Credential> {
    let (header, rest) = token.split_once('.').expect("a token has three parts");
    let malformed = [
        ("a token and a key", format!("Bearer {token}, ApiKey {key}")),
        ("a token and a parameter", format!("Bearer {token}; charset=utf-8")),
        ("a token with padding", format!("Bearer {token}=")),
        ("a token with a NUL at its end", format!("Bearer {token}\0")),
        ("a token with a soft hyphen at its end", format!("Bearer {token}\u{ad}")),
        ("a token twice", format!("Bearer {token}, Bearer {token}")),
        ("a token twice, with a comma", format!("Bearer {token},{token}")),
        ("a token twice, with a blank", format!("Bearer {token} {token}")),
        ("the scheme twice", format!("Bearer Bearer {token}")),
        ("a token in quotes", format!("Bearer \"{token}\"")),
        ("a token as a parameter", format!("Bearer token={token}")),
        ("a token in capitals", format!("Bearer {}", token.to_uppercase())),
        ("a token with percent signs", format!("Bearer {}", token.replace('.', "%2E"))),
        ("a token with a full-width dot", format!("Bearer {header}\u{ff0e}{rest}")),
        ("a token with a NUL in it", format!("Bearer {header}\0.{rest}")),
        ("a token with a line break in it", format!("Bearer {header}\r\n.{rest}")),
        ("a token with a blank in it", format!("Bearer {header} .{rest}")),
        ("a token with a zero-width space", format!("Bearer {header}\u{200b}.{rest}")),
        ("a token after a byte order mark", format!("Bearer \u{feff}{token}")),
        ("a token after a change of direction", format!("Bearer \u{202e}{token}")),
        ("a token that is too long", format!("Bearer {}", "a".repeat(8193))),
        ("64 KiB of a token", format!("Bearer {}", token.repeat(65_536 / token.len()))),
        ("64 KiB of dots", format!("Bearer {}", ".".repeat(65_536))),
    ];
    let keys = [
        ("a token as a key", format!("ApiKey {token}")),
        ("a key and a token", format!("ApiKey {key}, Bearer {token}")),
        ("a key and a token, with a blank", format!("ApiKey {key} Bearer {token}")),
    ];
    let forms = [
        ("the scheme Bearer alone", "Bearer".to_owned()),
        ("the scheme Bearer and a blank", "Bearer ".to_owned()),
        ("a token without a scheme", token.to_owned()),
        ("a token with the scheme JWT", format!("JWT {token}")),
        ("a token with the scheme DPoP", format!("DPoP {token}")),
        ("a token with a longer scheme", format!("Bearers {token}")),
        ("a token with a look-alike scheme", format!("\u{412}earer {token}")),
        ("a token with both schemes", format!("ApiKey,Bearer {token}")),
        ("a token after a tab", format!("Bearer\t{token}")),
        ("a token after a colon", format!("Bearer:{token}")),
        ("a token after a no-break space", format!("Bearer\u{a0}{token}")),
        ("a token after a comma", format!(", Bearer {token}")),
    ];
    let of = |message| move |(name, header): (&str, String)| credential(name, &header, message);
    let mut all: Vec<Credential> = malformed.into_iter().map(of(MALFORMED)).collect();
    all.extend(keys.into_iter().map(of(MISTYPED)).chain(forms.into_iter().map(of(FORM_OR_BEARER))));
    for (name, first, second, message) in [
        ("a key and a token in two headers", format!("ApiKey {key}"), format!("Bearer {token}"), MISTYPED),
        ("a token and a key in two headers", format!("Bearer {token}"), format!("ApiKey {key}"), MALFORMED),
        ("a token in two headers", format!("Bearer {token}"), format!("Bearer {token}"), MALFORMED),
    ] {
        all.push(Credential { name: name.to_owned(), headers: vec![("Authorization", first), ("authorization", second)], message });
    }
    all
}

/// The challenge that goes with a message.
fn challenge(message: &str, issuers: bool) -> String {
    let api_key = "ApiKey realm=\"invitations\"";
    match message.strip_prefix("Unauthorized: ") {
        Some(why) if [MALFORMED, UNKNOWN_ISSUER, SIGNATURE].contains(&message) => {
            format!("{api_key}, Bearer realm=\"invitations\", error=\"invalid_token\", error_description=\"{why}\"")
        }
        _ if issuers => format!("{api_key}, Bearer realm=\"invitations\""),
        _ => api_key.to_owned(),
    }
}

/// Sends all credentials to all routes. The responses must be the expected ones, `kinds` of them, and no row may change.
async fn reject(app: &TestApp, all: &[Credential], id: &str, token: &str, kinds: usize) {
    let issuers = app.variable("ISSUERS").is_some();
    let (lines, _guard) = Lines::as_deployed();
    let before = rows(app).await;
    let mut responses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for credential in all {
        for call in all_requests(id, token) {
            let route = call.route();
            // Without a credential, accept is the invitee's own request.
            if credential.headers.is_empty() && route.ends_with("/accept") {
                continue;
            }
            let call = credential.headers.iter().fold(call.header("idempotency-key", "k"), |call, (name, value)| call.header(name, value));
            let _ = app.faults.take_operations();
            let response = app.send(call).await;
            let (operations, case) = (app.faults.take_operations(), format!("{} on {route}", credential.name));
            assert_eq!((response.status, response.json()["message"].as_str()), (401, Some(credential.message)), "{case}");
            assert_eq!(response.header("www-authenticate"), Some(&*challenge(credential.message, issuers)), "{case}");
            // At most one read of the key's row, and none if the key cannot exist.
            let reads = usize::from([UNKNOWN, SIGNATURE].contains(&credential.message));
            assert!(operations.len() <= reads && operations.iter().all(|operation| operation == "GetItem"), "{case}: {operations:?}");
            let shown = format!("{:?} {}", response.headers, response.text);
            assert!(!reveals(&shown, credential), "{case}: {shown}");
            responses.entry(credential.message).or_default().insert(shown);
            let logged = lines.take();
            assert!(logged.contains("\"status\":401") && !reveals(&logged, credential), "{case}: {logged}");
        }
    }
    // For each kind of error the response is the same on every route, byte for byte.
    assert_eq!(responses.values().map(BTreeSet::len).collect::<Vec<_>>(), vec![1; kinds], "{responses:?}");
    assert_eq!(rows(app).await, before);
}

/// An app, an invitation, and the token of its link.
async fn invited(variables: &[(&str, &str)]) -> (TestApp, String, String) {
    let app = TestApp::with(variables).await;
    let mut workers = Workers::of(&app).await;
    let id = app.invite("user.one@example.com").await["id"].as_str().expect("an id").to_owned();
    workers.deliver().await;
    (app, id, workers.last_token("user.one@example.com"))
}

/// Invalid with and without issuers.
async fn always_invalid(app: &TestApp, token: &str, issuers: bool) -> Vec<Credential> {
    let mut all: Vec<_> =
        [jwts(issuers), forms(&app.full, issuers), mistyped(&app.full), unknown(app).await].into_iter().flatten().collect();
    all.extend([
        credential("the token of a link", &format!("Bearer {token}"), if issuers { MALFORMED } else { FORM }),
        credential("the token of a link, as a key", &format!("ApiKey {token}"), MISTYPED),
    ]);
    all
}

#[tokio::test]
async fn t16_t17_every_route_rejects_every_hostile_credential_and_reveals_no_part_of_it() {
    let (app, id, token) = invited(&[]).await;
    let all = always_invalid(&app, &token, false).await;
    assert!(all.len() >= 25, "{}", all.len());
    reject(&app, &all, &id, &token, 4).await;
    // The key that they were derived from is valid.
    for call in all_requests(&id, &token) {
        let status = app.send(call.key(&app.full)).await.status;
        assert_ne!(status, 401);
    }
}

#[tokio::test]
async fn t16_t17_with_issuers_every_route_rejects_them_and_mixtures_of_keys_and_tokens() {
    let (app, id, token) = invited(&[("ISSUERS", ISSUERS)]).await;
    let key = signing_key("k1");
    publish(&app, ISSUERS, &[&key]).await;
    let always = always_invalid(&app, &token, true).await;
    let good = key.token(&claims(app.now(), &json!({})));
    let forged = signing_key("k1").token(&claims(app.now(), &json!({})));
    let forged = credential("a forged token", &format!("Bearer {forged}"), SIGNATURE);
    let all: Vec<_> = always.into_iter().chain(mixed(&app.full, &good)).chain([forged]).collect();
    assert!(all.len() >= 110, "{}", all.len());
    reject(&app, &all, &id, &token, 7).await;
    // The token that they were derived from is valid, and letter case and blanks around it do not matter.
    for header in [format!("Bearer {good}"), format!("bEARER  {good} "), format!(" bearer {good}")] {
        for call in all_requests(&id, &token) {
            let status = app.send(call.header("authorization", &header)).await.status;
            assert_ne!(status, 401, "{header}");
        }
    }
}
