//! The authorization code flow over HTTP, as a browser and a client make it.

use super::*;

const REDIRECT: &str = "http://127.0.0.1:9100/callback?tab=1";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const PERSON: &str = "email=jane.doe%40example.com&name=Jane+Doe&role=admin&account=012345678912";

type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// A valid authorization request.
fn valid() -> Pairs<'static> {
    vec![
        ("response_type", "code"),
        ("client_id", "console"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid profile"),
        ("state", "a&b=ü"),
        ("nonce", "n1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// The pairs with another value of `name`, or without it.
fn changed<'a>(mut pairs: Pairs<'a>, name: &str, value: Option<&'a str>) -> Pairs<'a> {
    match value {
        Some(value) => pairs.iter_mut().filter(|(found, _)| *found == name).for_each(|pair| pair.1 = value),
        None => pairs.retain(|(found, _)| *found != name),
    }
    pairs
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let quoted = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect::<Vec<_>>().join("&")
}

/// The parameters that a redirect adds to the client's URL.
fn added(location: &str) -> Vec<(String, String)> {
    let query = location.strip_prefix(REDIRECT).unwrap_or_else(|| panic!("not to the client: {location}"));
    let query = axum::http::Uri::try_from(format!("/?{}", query.strip_prefix('&').unwrap())).unwrap();
    Query::try_from_uri(&query).map(|Query(pairs)| pairs).unwrap()
}

fn one<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

impl Run {
    async fn authorize(&self, method: Method, pairs: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        request(method, &format!("{}/authorize?{}", self.url, encoded(pairs)), &[FORM], PERSON).await
    }

    /// The code for a valid request.
    async fn code(&self) -> String {
        let (status, headers, body) = self.authorize(Method::POST, &valid()).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{body}");
        one(&added(headers["location"].to_str().unwrap()), "code").unwrap().to_owned()
    }

    async fn redeem(&self, pairs: &[(&str, &str)]) -> (StatusCode, Value) {
        let (status, headers, body) = self.post("/token", FORM, &encoded(pairs)).await;
        assert_eq!(headers["cache-control"], "no-store");
        (status, serde_json::from_str(&body).unwrap())
    }
}

fn redemption(code: &str) -> Pairs<'_> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("client_id", "console"),
        ("code_verifier", VERIFIER),
    ]
}

#[tokio::test]
async fn a_person_is_picked_and_the_client_gets_the_token() {
    let run = Run::new().await;
    let (status, headers, page) = run.authorize(Method::GET, &valid()).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Sign in to http:&#x2f;&#x2f;127.0.0.1:9100<") && page.contains("Jane Doe"), "{page}");
    let policy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self' http://127.0.0.1:9100; frame-ancestors 'none'";
    assert_eq!(headers["content-security-policy"], policy);
    // The form returns to the same request.
    let action = page.split("<form method=\"post\" action=\"").nth(1).unwrap().split('"').next().unwrap();
    let action = action.replace("&#x2f;", "/").replace("&amp;", "&");
    let (status, headers, _) = run.post(&action, FORM, PERSON).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let answer = added(headers["location"].to_str().unwrap());
    assert_eq!((one(&answer, "state"), one(&answer, "iss")), (Some("a&b=ü"), Some(run.url.as_str())));

    let (status, tokens) = run.redeem(&redemption(one(&answer, "code").unwrap())).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let (mut claims, lifetime) = run.issued(&tokens.to_string());
    assert_eq!(
        (&claims["email"], &claims["role"], &claims["account"], lifetime),
        (&json!("jane.doe@example.com"), &json!("admin"), &json!(ACCOUNT), 3600)
    );
    // The ID token has the same claims, and is for the client.
    let mut id = run.claims(tokens["id_token"].as_str().unwrap());
    for time in ["iat", "exp"] {
        id.as_object_mut().unwrap().remove(time);
    }
    claims["aud"] = json!("console");
    claims["nonce"] = json!("n1");
    assert_eq!(id, claims);

    let (_, headers, _) = run.authorize(Method::POST, &changed(valid(), "scope", None)).await;
    let (_, tokens) = run.redeem(&redemption(one(&added(headers["location"].to_str().unwrap()), "code").unwrap())).await;
    assert_eq!(tokens.get("id_token"), None, "only with the scope openid");
}

#[tokio::test]
async fn a_code_is_redeemed_once() {
    let run = Run::new().await;
    let code = run.code().await;
    assert_eq!(run.redeem(&redemption(&code)).await.0, StatusCode::OK);
    let (status, error) = run.redeem(&redemption(&code)).await;
    assert_eq!((status, &error["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_code_belongs_to_its_request() {
    let run = Run::new().await;
    let longer = format!("{VERIFIER}{VERIFIER}{VERIFIER}");
    for (name, value, error) in [
        ("code", Some("other"), "invalid_grant"),
        ("code", None, "invalid_request"),
        ("redirect_uri", Some("http://127.0.0.1:9100/callback"), "invalid_grant"),
        ("redirect_uri", None, "invalid_request"),
        ("client_id", Some("other"), "invalid_client"),
        ("client_id", None, "invalid_request"),
        ("code_verifier", Some(CHALLENGE), "invalid_grant"),
        ("code_verifier", Some("short"), "invalid_grant"),
        ("code_verifier", Some(&longer), "invalid_grant"),
        ("code_verifier", None, "invalid_request"),
        ("grant_type", Some("password"), "unsupported_grant_type"),
    ] {
        let code = run.code().await;
        let (status, body) = run.redeem(&changed(redemption(&code), name, value)).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!(error)), "{name}: {body}");
        if name != "code" && name != "grant_type" {
            let (status, body) = run.redeem(&redemption(&code)).await;
            assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")), "used up by the attempt: {name}");
        }
    }
    let code = run.code().await;
    let mut twice = redemption(&code);
    twice.push(("code", &code));
    assert_eq!(run.redeem(&twice).await.1["error"], "invalid_request");
}

#[tokio::test]
async fn an_unregistered_client_or_redirect_uri_is_never_redirected_to() {
    let run = Run::new().await;
    let mut requests = Vec::new();
    for evil in ["https://evil.example/", "http://127.0.0.1:9100@evil.example/", "http://127.0.0.1:9100/#x", "javascript:alert(1)", ""] {
        requests.push(changed(valid(), "redirect_uri", Some(evil)));
    }
    requests.push(changed(valid(), "redirect_uri", None));
    requests.push(changed(valid(), "client_id", None));
    requests.push(changed(valid(), "client_id", Some("other")));
    // Also if something else is wrong.
    requests.push(changed(changed(valid(), "redirect_uri", Some("https://evil.example/")), "response_type", Some("token")));
    for name in ["redirect_uri", "client_id"] {
        let mut twice = valid();
        twice.push((name, "https://evil.example/"));
        requests.push(twice);
    }
    for request in requests {
        for method in [Method::GET, Method::POST] {
            let (status, headers, page) = run.authorize(method, &request).await;
            assert_eq!((status, headers.get("location")), (StatusCode::BAD_REQUEST, None), "{request:?}");
            assert!(page.contains("Sign-in is not possible") && !page.contains("<form"), "{page}");
        }
    }
}

#[tokio::test]
async fn the_client_learns_of_every_other_error() {
    let run = Run::new().await;
    let repeated = |name| {
        let mut twice = valid();
        twice.push((name, "x"));
        twice
    };
    for (request, error) in [
        (changed(valid(), "response_type", Some("token")), "unsupported_response_type"),
        (changed(valid(), "response_type", None), "invalid_request"),
        (changed(valid(), "code_challenge", None), "invalid_request"),
        (changed(valid(), "code_challenge", Some("short")), "invalid_request"),
        (changed(valid(), "code_challenge_method", Some("plain")), "invalid_request"),
        (changed(valid(), "code_challenge_method", None), "invalid_request"),
        (repeated("scope"), "invalid_request"),
        ([valid(), vec![("response_mode", "fragment")]].concat(), "invalid_request"),
        ([valid(), vec![("prompt", "none")]].concat(), "login_required"),
    ] {
        for method in [Method::GET, Method::POST] {
            let (status, headers, _) = run.authorize(method, &request).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{request:?}");
            let answer = added(headers["location"].to_str().unwrap());
            assert_eq!((one(&answer, "error"), one(&answer, "state")), (Some(error), Some("a&b=ü")), "{request:?}");
            assert_eq!((one(&answer, "iss"), one(&answer, "code")), (Some(run.url.as_str()), None));
            assert!(one(&answer, "error_description").is_some_and(|text| text.ends_with('.')), "{answer:?}");
        }
    }
    let odd = changed(valid(), "response_type", Some("\"\\é\n"));
    let (_, headers, _) = run.authorize(Method::GET, &odd).await;
    let answer = added(headers["location"].to_str().unwrap());
    assert_eq!(one(&answer, "error_description"), Some("response_type must be code, not ????."), "only characters that RFC 6749 permits");
    let (_, headers, _) = run.authorize(Method::GET, &repeated("state")).await;
    let answer = added(headers["location"].to_str().unwrap());
    assert_eq!((one(&answer, "error"), one(&answer, "state")), (Some("invalid_request"), None));
}

#[tokio::test]
async fn an_impossible_person_is_asked_for_again() {
    let run = Run::new().await;
    let url = format!("{}/authorize?{}", run.url, encoded(&valid()));
    let (status, _, page) = request(Method::POST, &url, &[FORM], "email=").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("role=\"alert\">email must not be empty.") && page.contains("code_challenge="), "{page}");
}

#[tokio::test]
async fn signing_out_returns_to_the_client_only() {
    let run = Run::new().await;
    let sign_out = async |query: &str| request(Method::GET, &format!("{}/end-session{query}", run.url), &[], "").await;
    let (status, headers, _) = sign_out(&format!("?{}", encoded(&[("post_logout_redirect_uri", REDIRECT), ("state", "s")]))).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, &*format!("{REDIRECT}&state=s")));
    let (status, headers, page) = sign_out(&format!("?{}", encoded(&[("post_logout_redirect_uri", "https://evil.example/")]))).await;
    assert_eq!((status, headers.get("location")), (StatusCode::BAD_REQUEST, None), "{page}");
    let (status, _, page) = sign_out("").await;
    assert!(status == StatusCode::OK && page.contains("Signed out"), "{page}");
}

#[tokio::test]
async fn the_discovery_document_names_the_endpoints() {
    let run = Run::new().await;
    let document: Value =
        serde_json::from_str(&request(Method::GET, &format!("{}/.well-known/openid-configuration", run.url), &[], "").await.2).unwrap();
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    for (name, status) in [("authorization_endpoint", 400), ("token_endpoint", 405), ("end_session_endpoint", 200)] {
        let found = request(Method::GET, document[name].as_str().unwrap(), &[], "").await;
        assert_eq!(found.0, status, "{name}");
    }
}

#[tokio::test]
async fn only_pages_on_this_machine_may_read_and_get_tokens() {
    let run = Run::new().await;
    let paths = [(Method::GET, "/.well-known/openid-configuration"), (Method::GET, "/jwks.json"), (Method::POST, "/token")];
    for (origin, allowed) in [
        ("http://127.0.0.1:9100", true),
        ("http://localhost:3000", true),
        ("https://evil.example", false),
        ("http://127.0.0.1.evil.example", false),
        ("http://127.0.0.1:9100/path", false),
        ("null", false),
    ] {
        let expected = allowed.then(|| HeaderValue::from_static(origin));
        for (method, path) in paths.clone() {
            let url = format!("{}{path}", run.url);
            let (_, headers, _) = request(method, &url, &[("origin", origin), FORM], PERSON).await;
            assert_eq!(headers.get("access-control-allow-origin"), expected.as_ref(), "{origin} {path}");
            assert_eq!(headers["vary"], "Origin");
            let preflight = [("origin", origin), ("access-control-request-method", "POST")];
            let (status, headers, _) = request(Method::OPTIONS, &url, &preflight, "").await;
            assert_eq!(
                (status, headers.get("access-control-allow-origin")),
                (StatusCode::NO_CONTENT, expected.as_ref()),
                "{origin} {path}"
            );
            assert_eq!(headers.contains_key("access-control-allow-headers"), allowed);
        }
        for path in ["/", "/authorize"] {
            let (_, headers, _) = request(Method::GET, &format!("{}{path}", run.url), &[("origin", origin)], "").await;
            assert_eq!(headers.get("access-control-allow-origin"), None, "no script may pick a person: {path}");
        }
    }
}
