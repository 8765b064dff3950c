//! Invalid credentials on every route that needs one (T16, T17): the response is a 401 with the expected scheme and nothing else,
//! without a read of the table if the form alone is wrong, and no part of the credential appears in the response or the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, Workers, logged::Lines};
use verification::fuzz::key_text;

const ABSENT: &str = "Unauthorized: send the header 'Authorization: ApiKey <key>'";
const FORM: &str = "Unauthorized: the header must read 'Authorization: ApiKey <key>'";
const MISTYPED: &str = "Unauthorized: the API key is incomplete or mistyped";
/// For every well-formed key, so that the response does not reveal which keys exist.
const UNKNOWN: &str = "Unauthorized: the API key is unknown, disabled or expired";

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
fn jwts() -> Vec<Credential> {
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
        ("an encrypted JWT", format!("{}.AAAA", jwt(&json!({ "alg": "dir", "enc": "A256GCM" }), "AAAA.AAAA"))),
    ];
    let both = |(name, token): (&str, String)| {
        let as_key = credential(&format!("{name}, as a key"), &format!("ApiKey {token}"), MISTYPED);
        [credential(name, &format!("Bearer {token}"), FORM), as_key]
    };
    tokens.into_iter().flat_map(both).collect()
}

/// Headers that do not have the form `ApiKey <key>`.
fn forms(key: &str) -> Vec<Credential> {
    let mut forms: Vec<Credential> = [
        ("nothing", String::new()),
        ("a blank", " ".to_owned()),
        ("the scheme alone", "ApiKey".to_owned()),
        ("the scheme and a blank", "ApiKey ".to_owned()),
        ("the key without a scheme", key.to_owned()),
        ("the scheme Bearer", format!("Bearer {key}")),
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
    .map(|(name, header)| credential(name, &header, FORM))
    .collect();
    forms.push(Credential { name: "no header".to_owned(), headers: Vec::new(), message: ABSENT });
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

#[tokio::test]
async fn t16_t17_every_route_rejects_every_hostile_credential_and_reveals_no_part_of_it() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let id = app.invite("user.one@example.com").await["id"].as_str().expect("an id").to_owned();
    workers.deliver().await;
    let token = workers.last_token("user.one@example.com");
    let mut all = [jwts(), forms(&app.full), mistyped(&app.full), unknown(&app).await].into_iter().flatten().collect::<Vec<_>>();
    all.extend([
        credential("the token of a link", &format!("Bearer {token}"), FORM),
        credential("the token of a link, as a key", &format!("ApiKey {token}"), MISTYPED),
    ]);
    assert!(all.len() >= 25, "{}", all.len());

    let (lines, _guard) = Lines::as_deployed();
    let before = rows(&app).await;
    let mut responses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for credential in &all {
        for call in all_requests(&id, &token) {
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
            assert_eq!(response.header("www-authenticate"), Some("ApiKey realm=\"invitations\""), "{case}");
            // At most one read of the key's row, and none if the key cannot exist.
            let reads = usize::from(credential.message == UNKNOWN);
            assert!(operations.len() <= reads && operations.iter().all(|operation| operation == "GetItem"), "{case}: {operations:?}");
            let shown = format!("{:?} {}", response.headers, response.text);
            assert!(!reveals(&shown, credential), "{case}: {shown}");
            responses.entry(credential.message).or_default().insert(shown);
            let logged = lines.take();
            assert!(logged.contains("\"status\":401") && !reveals(&logged, credential), "{case}: {logged}");
        }
    }
    // For each kind of error the response is the same on every route, byte for byte.
    assert_eq!(responses.values().map(BTreeSet::len).collect::<Vec<_>>(), [1, 1, 1, 1], "{responses:?}");
    assert_eq!(rows(&app).await, before);
    // The key that they were derived from is valid.
    for call in all_requests(&id, &token) {
        let status = app.send(call.key(&app.full)).await.status;
        assert_ne!(status, 401);
    }
}
