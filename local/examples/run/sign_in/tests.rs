use std::process::Command;

use axum::{
    body::{Body, to_bytes},
    extract::Query,
    http::{HeaderMap, Method},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use local::server::free_port;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use shared::domain::{
    Email, Roles, Urns,
    bearer::{BearerToken, VerifiedToken},
    issuer::{AccountClaim, Issuers},
    key_set::KeySet,
};

use super::*;

mod flow;

const API: &str = "http://127.0.0.1:9000";
const EVIL: &str = "<script>alert('\"&')</script>";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An issuer, and its documents as a client finds them.
struct Run {
    url: String,
    key_set: Value,
}

impl Run {
    async fn new() -> Self {
        let url = open(free_port().unwrap(), SigningKey::generate(), API).unwrap();
        let document = async |url: &str| serde_json::from_str::<Value>(&request(Method::GET, url, &[], "").await.2).unwrap();
        let discovery = document(&format!("{url}/.well-known/openid-configuration")).await;
        assert_eq!(discovery["issuer"], *url);
        Self { key_set: document(discovery["jwks_uri"].as_str().unwrap()).await, url }
    }

    async fn post(&self, path: &str, header: (&str, &str), body: &str) -> (StatusCode, HeaderMap, String) {
        request(Method::POST, &format!("{}{path}", self.url), &[header], body).await
    }

    /// The claims of a token, whose signature is that of a published key.
    fn claims(&self, token: &str) -> Value {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
        let key = self.key_set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!((&key["alg"], &header["alg"]), (&json!("ES256"), &json!("ES256")));
        let point = [vec![4], decoded(key["x"].as_str().unwrap()), decoded(key["y"].as_str().unwrap())].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &decoded(signature)).unwrap();
        serde_json::from_slice(&decoded(payload)).unwrap()
    }

    /// The claims in the response to a script, without those that depend on the time, and the lifetime.
    fn issued(&self, response: &str) -> (Value, i64) {
        let response: Value = serde_json::from_str(response).unwrap();
        assert_eq!(response["token_type"], "Bearer");
        let mut claims = self.claims(response["access_token"].as_str().unwrap());
        let claims_map = claims.as_object_mut().unwrap();
        let [issued, expiry] = ["iat", "exp"].map(|name| claims_map.remove(name).unwrap().as_i64().unwrap());
        assert!((0..60).contains(&(Timestamp::now().as_secs() - issued)), "{issued}");
        assert_eq!(response["expires_in"], expiry - issued);
        (claims, expiry - issued)
    }
}

async fn request(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap().into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.into()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_command_gets_a_token_of_an_administrator() {
    let run = Run::new().await;
    let output = Command::new("sh").args(["-c", &first_command(&run.url)]).output().unwrap();
    let (claims, lifetime) = run.issued(&String::from_utf8(output.stdout).unwrap());
    let sub = claims["sub"].as_str().unwrap();
    assert!(sub.starts_with("dev-") && sub.len() == 20, "{sub}");
    assert_eq!(
        claims,
        json!({
            "iss": run.url,
            "sub": sub,
            "aud": "invitations",
            "email": "jane.doe@example.com",
            "email_verified": true,
            "name": "Jane Doe",
            "role": "admin",
            "account": "012345678912",
        })
    );
    assert_eq!(lifetime, 3600);
}

#[tokio::test]
async fn scripts_send_json_or_a_form() {
    let run = Run::new().await;
    let body = json!({ "email": "a@b.example", "name": "Ann", "role": "viewer", "account": "1", "sub": "ann", "lifetime": 60 });
    let (status, headers, as_json) = run.post("/token", ("content-type", "application/json; charset=utf-8"), &body.to_string()).await;
    assert_eq!((status, &headers["cache-control"]), (StatusCode::OK, &HeaderValue::from_static("no-store")), "{as_json}");
    let form = "email=a%40b.example&name=Ann&role=viewer&account=1&sub=ann&lifetime=60";
    let (status, _, as_form) = run.post("/token", FORM, form).await;
    assert_eq!(status, StatusCode::OK, "{as_form}");
    let expected = json!({
        "iss": run.url, "sub": "ann", "aud": "invitations", "email": "a@b.example", "email_verified": true, "name": "Ann", "role": "viewer",
        "account": "1",
    });
    assert_eq!(run.issued(&as_json), (expected.clone(), 60));
    assert_eq!(run.issued(&as_form), (expected, 60));
}

#[tokio::test]
async fn an_invitee_has_no_account_and_a_lasting_subject() {
    let run = Run::new().await;
    let (_, _, first) = run.post("/token", FORM, "email=Ann@b.example&name=&role=&account=").await;
    let (_, _, second) = run.post("/token", FORM, "email=ann@B.example").await;
    let ((first, _), (second, _)) = (run.issued(&first), run.issued(&second));
    assert_eq!(first.as_object().unwrap().keys().collect::<Vec<_>>(), ["aud", "email", "email_verified", "iss", "sub"]);
    assert_eq!(first["sub"], second["sub"]);
    assert!(!first["sub"].as_str().unwrap().contains("ann"), "{first}");
    let (_, _, other) = run.post("/token", FORM, "email=ben@b.example").await;
    assert_ne!(run.issued(&other).0["sub"], first["sub"]);
}

#[tokio::test]
async fn an_impossible_request_gets_the_error_of_oauth() {
    let run = Run::new().await;
    for (body, reason) in [
        ("name=Ann", "missing field `email`"),
        ("email=", "email must not be empty."),
        ("email=a@b.example&rolle=admin", "unknown field `rolle`"),
        ("email=a@b.example&lifetime=0", "lifetime must be 1 to 2592000 seconds, not 0."),
        ("email=a@b.example&lifetime=2592001", "lifetime must be 1 to 2592000 seconds, not 2592001."),
        ("email=a@b.example&lifetime=long", "lifetime: invalid digit"),
    ] {
        let (status, _, error) = run.post("/token", FORM, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {error}");
        let error: Value = serde_json::from_str(&error).unwrap();
        assert_eq!(error["error"], "invalid_request");
        assert!(error["error_description"].as_str().unwrap().contains(reason), "{body}: {error}");

        let (status, _, page) = run.post("/", FORM, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {page}");
        assert!(page.contains("role=\"alert\"") && page.contains("Someone else"), "the form is shown again: {page}");
    }
    let (status, _, error) = run.post("/token", ("content-type", "application/json"), "{").await;
    assert!(status == StatusCode::BAD_REQUEST && error.contains("invalid_request"), "{error}");
}

/// The token in the response to a form, verified by the functions' own rules and the documents that they read.
async fn accepted(run: &Run, form: &str) -> VerifiedToken {
    let issuers: Issuers = issuers(&run.url).parse().unwrap();
    let issuer = issuers.find(&run.url).unwrap();
    let discovery = request(Method::GET, &issuer.discovery_url(), &[], "").await.2;
    let key_set = issuer.key_set_url(discovery.as_bytes()).unwrap();
    let keys = KeySet::parse(request(Method::GET, key_set.as_str(), &[], "").await.2.as_bytes()).unwrap();
    let response: Value = serde_json::from_str(&run.post("/token", FORM, form).await.2).unwrap();
    let token = BearerToken::parse(response["access_token"].as_str().unwrap(), &issuers).unwrap();
    token.verify(keys.find(token.key_id()).unwrap(), Timestamp::now()).unwrap()
}

#[tokio::test]
async fn the_functions_accept_the_tokens() {
    let run = Run::new().await;
    let (roles, urns) = (Roles::default(), Urns::new("cloudone".into(), "us-east-1".into()));
    for (host, role) in ROLES {
        let token = accepted(&run, &format!("email=jane.doe@example.com&name=Jane+Doe&role={host}&account={ACCOUNT}")).await;
        let Some(AccountClaim::Id(account)) = token.account() else { panic!("no account: {token:?}") };
        let principal = token.principal(account.clone(), &roles, &urns).unwrap();
        assert_eq!((principal.account().as_str(), principal.role_id().as_str()), (ACCOUNT, role));
        let user = token.user();
        assert_eq!(user.name().map(ToString::to_string).as_deref(), Some("Jane Doe"));
        assert_eq!(user.email().map(Email::as_entered), Some("jane.doe@example.com"));
    }
    let invitee = accepted(&run, "email=new.colleague@example.com").await;
    assert_eq!(invitee.account(), None);
    assert_eq!(invitee.user().email().map(Email::as_entered), Some("new.colleague@example.com"));
}

/// The texts of the page that a click selects, with the only character references that they contain.
fn to_copy(page: &str) -> Vec<String> {
    let copy = page.split("<pre class=\"copy\">").skip(1).filter_map(|rest| rest.split_once("</pre>"));
    copy.map(|(text, _)| text.replace("&#x2f;", "/").replace("&#x27;", "'")).collect()
}

#[tokio::test]
async fn each_person_of_the_page_can_sign_in() {
    let run = Run::new().await;
    let (status, headers, page) = request(Method::GET, &run.url, &[], "").await;
    assert_eq!((status, &headers["content-type"]), (StatusCode::OK, &HeaderValue::from_static("text/html; charset=utf-8")));
    let forms: Vec<_> = page.split("<form ").skip(1).collect();
    let mut roles = Vec::new();
    // The last one is for someone else.
    for form in &forms[..forms.len() - 1] {
        let fields = form.split("<input type=\"hidden\" name=\"").skip(1).map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            format!("{name}={}", rest.split_once('"').unwrap().0.replace(' ', "+"))
        });
        let (status, _, page) = run.post("/", FORM, &fields.collect::<Vec<_>>().join("&")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let [token, command] = &to_copy(&page)[..] else { panic!("no token and command: {page}") };
        let claims = run.claims(token);
        let path = if claims["account"].is_null() { "/invitations/mine" } else { "/invitations" };
        assert_eq!(*command, format!("curl -s {API}{path} -H 'Authorization: Bearer {token}'"));
        roles.push((claims["role"].clone(), claims["account"].clone()));
    }
    assert_eq!(roles, [(json!("admin"), json!(ACCOUNT)), (json!("viewer"), json!(ACCOUNT)), (Value::Null, Value::Null)]);
}

#[tokio::test]
async fn the_page_escapes_everything_and_runs_no_script() {
    let run = Run::new().await;
    let encoded: String = EVIL.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (_, form_headers, form) = request(Method::GET, &run.url, &[], "").await;
    let (_, token_headers, token) = run.post("/", FORM, &format!("email={encoded}&name={encoded}&role={encoded}&account={encoded}")).await;
    let (_, error_headers, error) = run.post("/", FORM, &format!("{encoded}=x")).await;
    for page in [&token, &error] {
        assert!(page.contains("&lt;script&gt;alert("), "{page}");
    }
    for (headers, page) in [(form_headers, form), (token_headers, token), (error_headers, error)] {
        assert!(!page.contains("<script") && !page.contains(" style="), "{page}");
        assert!(page.contains("asks for no password"), "{page}");
        let policy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        assert_eq!(headers["content-security-policy"], policy);
        assert_eq!(
            (&headers["cache-control"], &headers["referrer-policy"]),
            (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn requests_with_another_host_get_nothing() {
    let run = Run::new().await;
    for (method, path) in [(Method::GET, "/"), (Method::POST, "/"), (Method::POST, "/token"), (Method::GET, "/jwks.json")] {
        let headers = [("host", "evil.example"), FORM];
        let (status, _, body) = request(method, &format!("{}{path}", run.url), &headers, "email=a@b.example").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {body}");
    }
}
