use std::time::{Duration, Instant};

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, Response, StatusCode},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error},
    rt::TokioExecutor,
};
use ring::{
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::{Value, json};
use shared::domain::Timestamp;
use tokio::time::timeout;

use super::{Behaviour, Document, Issuer, SigningKey};

const RSA_KEY: &[u8] = include_bytes!("../../../tests/support/keys/public-test-key-rsa.der");

fn issuer() -> Issuer {
    Issuer::on_free_port().expect("an issuer starts")
}

async fn request(method: Method, url: &str) -> Result<Response<Incoming>, Error> {
    let request = Request::builder().method(method).uri(url).body(Full::<Bytes>::default()).expect("a valid request");
    Client::builder(TokioExecutor::new()).build_http().request(request).await
}

async fn get(url: &str) -> Result<Response<Incoming>, Error> {
    request(Method::GET, url).await
}

fn discovery_url(issuer: &Issuer) -> String {
    format!("{}/.well-known/openid-configuration", issuer.url())
}

async fn json_at(url: &str) -> Value {
    let response = get(url).await.expect("the issuer responds");
    assert_eq!((response.status(), &response.headers()["content-type"]), (StatusCode::OK, &"application/json".parse().unwrap()), "{url}");
    serde_json::from_slice(&bytes(response).await).expect("a document is JSON")
}

async fn bytes(response: Response<Incoming>) -> Bytes {
    Body::new(response.into_body()).collect().await.expect("the body is whole").to_bytes()
}

/// The key set that a client finds.
async fn published(issuer: &Issuer) -> Value {
    let discovery = json_at(&discovery_url(issuer)).await;
    json_at(discovery["jwks_uri"].as_str().expect("it names the key set")).await
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("base64url without padding")
}

/// The claims, if the key set has the token's key and the signature is this key's.
fn verified(token: &str, key_set: &Value) -> Option<Value> {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("not three parts: {token}") };
    let message = format!("{header}.{payload}");
    let header: Value = serde_json::from_slice(&decoded(header)).expect("the header is JSON");
    let key = key_set["keys"].as_array()?.iter().find(|key| key["kid"] == header["kid"])?;
    assert_eq!((&key["alg"], &key["use"], &header["typ"]), (&header["alg"], &json!("sig"), &json!("JWT")));
    let member = |name: &str| decoded(key[name].as_str().expect("a member of the key"));
    let valid = match (key["kty"].as_str(), key["alg"].as_str()) {
        (Some("EC"), Some("ES256")) => {
            assert_eq!(key["crv"], "P-256");
            let point = [vec![4], member("x"), member("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &decoded(signature))
        }
        (Some("RSA"), Some("RS256")) => PublicKeyComponents { n: member("n"), e: member("e") }.verify(
            &RSA_PKCS1_2048_8192_SHA256,
            message.as_bytes(),
            &decoded(signature),
        ),
        other => panic!("an unknown key: {other:?}"),
    };
    valid.ok().map(|()| serde_json::from_slice(&decoded(payload)).expect("the claims are JSON"))
}

#[tokio::test]
async fn the_discovery_document_names_the_issuer_and_its_key_set() {
    let issuer = issuer();
    let discovery = json_at(&discovery_url(&issuer)).await;
    assert_eq!(discovery, issuer.discovery());
    assert_eq!(discovery["issuer"], issuer.url());
    assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    for required in ["authorization_endpoint", "response_types_supported", "subject_types_supported"] {
        assert!(!discovery[required].is_null(), "{required}: {discovery}");
    }
    let keys = published(&issuer).await;
    assert_eq!(keys, issuer.key_set());
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_token_has_exactly_the_given_claims_and_a_published_key() {
    let issuer = issuer();
    for claims in [json!({ "sub": "jane", "aud": ["a", "b"] }), json!({ "exp": "never", "iss": null }), json!([]), json!("text")] {
        assert_eq!(verified(&issuer.token(claims.clone()), &published(&issuer).await), Some(claims));
    }
}

#[tokio::test]
async fn an_rsa_key_can_be_added() {
    let issuer = issuer();
    let before = issuer.token(json!({ "sub": "jane" }));
    let rsa = SigningKey::rs256(RSA_KEY).expect("it is an RSA key");
    issuer.add_key(rsa.clone());
    let keys = published(&issuer).await;
    assert_eq!(keys["keys"][0]["alg"], "RS256");
    for token in [&issuer.token(json!({ "sub": "jane" })), &rsa.token(&json!({ "sub": "jane" })), &before] {
        assert_eq!(verified(token, &keys), Some(json!({ "sub": "jane" })), "{token}");
    }
}

#[tokio::test]
async fn standard_claims_are_completed_unless_given() {
    let issuer = issuer();
    let now = Timestamp::from_millis(1_700_000_000_999).expect("a valid time");
    assert_eq!(
        issuer.claims(now, json!({ "sub": "jane" })),
        json!({ "iss": issuer.url(), "aud": "invitations", "iat": 1_700_000_000, "exp": 1_700_003_600, "sub": "jane" })
    );
    assert_eq!(
        issuer.claims(now, json!({ "iss": "x", "aud": [], "iat": 1, "exp": null })),
        json!({ "iss": "x", "aud": [], "iat": 1, "exp": null })
    );
}

#[tokio::test]
async fn old_keys_stay_published_until_they_are_retired() {
    let issuer = issuer();
    let old = issuer.token(json!({ "sub": "jane" }));
    let mut ids = vec![issuer.key().id().to_owned()];
    for _ in 0..2 {
        issuer.rotate();
        ids.insert(0, issuer.key().id().to_owned());
    }
    let keys = published(&issuer).await;
    let in_set: Vec<_> = keys["keys"].as_array().into_iter().flatten().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(in_set, ids, "the newest is first");
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "IDs are unique: {ids:?}");
    let new = issuer.token(json!({ "sub": "jane" }));
    assert!(verified(&old, &keys).is_some() && verified(&new, &keys).is_some());

    issuer.retire_old_keys();
    let keys = published(&issuer).await;
    assert!(verified(&old, &keys).is_none() && verified(&new, &keys).is_some());
}

#[tokio::test]
async fn a_key_in_pkcs8_always_has_the_same_id() {
    let pkcs8 = SigningKey::generate_pkcs8();
    let (first, second) = (SigningKey::es256(&pkcs8).unwrap(), SigningKey::es256(&pkcs8).unwrap());
    assert_eq!(first.jwk(), second.jwk());
    let issuer = issuer();
    issuer.add_key(first);
    assert!(verified(&second.token(&json!({})), &issuer.key_set()).is_some());
}

#[test]
fn a_key_of_another_kind_is_rejected() {
    assert!(SigningKey::rs256(&SigningKey::generate_pkcs8()).unwrap_err().0.starts_with("not an RSA key in PKCS#8: "));
    for other in [RSA_KEY, b"", b"-----BEGIN PRIVATE KEY-----"] {
        assert!(SigningKey::es256(other).unwrap_err().0.starts_with("not a P-256 key in PKCS#8: "));
    }
}

#[tokio::test]
async fn forged_tokens_can_be_made() {
    let issuer = issuer();
    let forged = SigningKey::generate().with_id(issuer.key().id());
    assert_eq!(verified(&forged.token(&json!({})), &issuer.key_set()), None, "the key is another");
    assert_eq!(verified(&SigningKey::generate().token(&json!({})), &issuer.key_set()), None, "the ID is unknown");

    let token = issuer.key().sign(r#"{"alg":"none"}"#, b"\xff");
    let parts: Vec<_> = token.split('.').map(decoded).collect();
    assert_eq!((&parts[0][..], &parts[1][..], parts[2].len()), (&br#"{"alg":"none"}"#[..], &b"\xff"[..], 64));
}

#[tokio::test]
async fn the_response_can_depend_on_the_document_and_change() {
    let issuer = issuer();
    issuer.answer_with(|document| match document {
        Document::Discovery => Behaviour::Serve,
        Document::KeySet => Behaviour::Status(503),
    });
    let keys = json_at(&discovery_url(&issuer)).await["jwks_uri"].as_str().expect("a URL").to_owned();
    let down = get(&keys).await.expect("the issuer responds");
    assert_eq!((down.status(), bytes(down).await.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
    issuer.answer_with(|_| Behaviour::Serve);
    assert_eq!(json_at(&keys).await, issuer.key_set());
    assert_eq!(issuer.requests(), [Document::Discovery, Document::KeySet, Document::KeySet]);
}

#[tokio::test]
async fn a_document_can_be_replaced_redirected_or_late() {
    let issuer = issuer();
    let url = discovery_url(&issuer);
    issuer.answer_with(|_| Behaviour::Body(b"<html>".to_vec()));
    assert_eq!(bytes(get(&url).await.unwrap()).await, "<html>");
    issuer.answer_with(|_| Behaviour::Redirect("http://127.0.0.1:1/elsewhere".into()));
    let redirect = get(&url).await.unwrap();
    assert_eq!((redirect.status(), &redirect.headers()["location"]), (StatusCode::FOUND, &"http://127.0.0.1:1/elsewhere".parse().unwrap()));
    issuer.answer_with(|_| Behaviour::Late(Duration::from_millis(200)));
    let began = Instant::now();
    assert_eq!(json_at(&url).await, issuer.discovery());
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_response_can_be_missing_or_have_no_end() {
    let issuer = issuer();
    let url = discovery_url(&issuer);
    let wait = Duration::from_millis(200);
    issuer.answer_with(|_| Behaviour::Drop);
    get(&url).await.expect_err("the connection closes");
    issuer.answer_with(|_| Behaviour::Hang);
    timeout(wait, get(&url)).await.expect_err("there is no response");
    issuer.answer_with(|_| Behaviour::Stall);
    let mut stalled = get(&url).await.expect("the head arrives");
    assert_eq!(stalled.status(), StatusCode::OK);
    timeout(wait, stalled.body_mut().frame()).await.expect_err("there is no body");
    issuer.answer_with(|_| Behaviour::Endless);
    let mut endless = get(&url).await.expect("the head arrives");
    let mut length = 0;
    while length < 10 * 1024 * 1024 {
        let frame = endless.body_mut().frame().await.expect("there is no end").expect("the connection stays open");
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    issuer.answer_with(|_| Behaviour::Serve);
    assert_eq!(json_at(&url).await, issuer.discovery(), "it still answers");
}

#[tokio::test]
async fn other_requests_are_not_found() {
    let issuer = issuer();
    for (method, path) in [(Method::GET, "/"), (Method::GET, "/jwks.json/"), (Method::POST, "/jwks.json")] {
        let response = request(method, &format!("{}{path}", issuer.url())).await.expect("the issuer responds");
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(issuer.requests(), []);
}
