use std::net::{Ipv4Addr, TcpListener};

use axum::{Router, body::Body, http::HeaderName};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::{super::open, *};

const TEMPLATE: &str = include_str!("../../../../../template.yaml");
const PAGE: &str = "http://127.0.0.1:9300";
const WEBSITE: &str = "https://app.example.com";

fn origins(value: &str) -> Origins {
    Origins::parse(Some(value)).unwrap()
}

/// The URL of a gateway in front of functions that answer everything.
async fn gateway(origins: Origins) -> String {
    let functions = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let upstream = functions.local_addr().unwrap().port();
    let answer = || async { ([("x-request-id", "1")], "answered") };
    tokio::spawn(async move { axum::serve(functions, Router::new().fallback(answer)).await });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    open(listener, upstream, Cors::read(origins, TEMPLATE).unwrap()).unwrap();
    url
}

async fn send(method: Method, url: &str, headers: &[(HeaderName, &str)]) -> Response<Body> {
    let request = Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    let client = Client::builder(TokioExecutor::new()).build_http();
    client.request(request.body(Body::empty()).unwrap()).await.unwrap().map(Body::new)
}

async fn preflight(url: &str, origin: &str) -> Response<Body> {
    send(Method::OPTIONS, &format!("{url}/invitations"), &[(ORIGIN, origin), (ACCESS_CONTROL_REQUEST_METHOD, "POST")]).await
}

fn header(response: &Response<Body>, name: HeaderName) -> Option<&str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The origin that may read the response.
fn allowed(response: &Response<Body>) -> Option<&str> {
    header(response, ACCESS_CONTROL_ALLOW_ORIGIN)
}

#[tokio::test]
async fn a_preflight_is_answered_with_the_configuration_of_the_template() {
    let response = preflight(&gateway(Origins::Loopback).await, PAGE).await;
    assert_eq!((response.status(), allowed(&response)), (StatusCode::NO_CONTENT, Some(PAGE)));
    let expected = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET,POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization,content-type,api-version,idempotency-key,if-match,if-none-match"),
        (ACCESS_CONTROL_MAX_AGE, "3600"),
        (VARY, "Origin"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&response, name), Some(value));
    }
}

#[tokio::test]
async fn a_response_is_shared_with_the_headers_that_the_template_exposes() {
    let url = gateway(Origins::Loopback).await;
    let response = send(Method::GET, &format!("{url}/invitations"), &[(ORIGIN, PAGE)]).await;
    assert_eq!((response.status(), allowed(&response)), (StatusCode::OK, Some(PAGE)));
    let exposed = "x-request-id,etag,location,retry-after,www-authenticate,idempotent-replayed";
    assert_eq!(header(&response, ACCESS_CONTROL_EXPOSE_HEADERS), Some(exposed));
    assert_eq!(header(&response, VARY), Some("Origin"));

    let response = send(Method::GET, &format!("{url}/invitations"), &[]).await;
    assert_eq!((allowed(&response), header(&response, VARY)), (None, Some("Origin")));
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_call() {
    let near = ["http://127.0.0.1", "http://localhost", PAGE, "http://localhost:5173"];
    let far = [WEBSITE, "http://127.0.0.1.example.com", "http://localhost.example.com:80", "https://127.0.0.1", "null", "http://[::1]:80"];
    for (setting, allow_near, allow_far) in [(Origins::Loopback, true, false), (origins(""), false, false), (origins("*"), true, true)] {
        let url = gateway(setting.clone()).await;
        for (origin, expected) in near.map(|origin| (origin, allow_near)).into_iter().chain(far.map(|origin| (origin, allow_far))) {
            for response in [preflight(&url, origin).await, send(Method::GET, &url, &[(ORIGIN, origin)]).await] {
                let named = if setting == Origins::Any { "*" } else { origin };
                assert_eq!(allowed(&response), expected.then_some(named), "{setting:?}, {origin}");
            }
        }
    }
    let url = gateway(origins("https://app.example.com,http://127.0.0.1:9300")).await;
    for (origin, expected) in [(WEBSITE, true), (PAGE, true), ("http://app.example.com", false), ("http://127.0.0.1:9301", false)] {
        assert_eq!(allowed(&preflight(&url, origin).await), expected.then_some(origin), "{origin}");
    }
}

#[tokio::test]
async fn without_origins_a_preflight_is_an_ordinary_request() {
    let response = preflight(&gateway(origins("")).await, PAGE).await;
    assert_eq!((response.status(), header(&response, VARY)), (StatusCode::OK, None));
}

#[tokio::test]
async fn no_page_can_invoke_a_function_directly() {
    for setting in [Origins::Loopback, Origins::Any] {
        let url = format!("{}/2015-03-31/functions/manage-api-keys/invocations", gateway(setting).await);
        for origin in [PAGE, WEBSITE, "null"] {
            let response = send(Method::POST, &url, &[(ORIGIN, origin)]).await;
            assert_eq!((response.status(), allowed(&response)), (StatusCode::FORBIDDEN, None), "{origin}");
        }
        assert_eq!(send(Method::POST, &url, &[]).await.status(), StatusCode::OK);
    }
}

#[test]
fn the_setting_has_the_syntax_of_the_parameter() {
    let template: Value = serde_yaml_ng::from_str(TEMPLATE).unwrap();
    let pattern = template["Parameters"]["CorsOrigins"]["AllowedPattern"].as_str();
    assert_eq!(pattern, Some(r"^$|^\*$|^https?://[^/*,\s]+(,https?://[^/*,\s]+)*$"), "`Origins::parse` implements this pattern");

    assert_eq!(Origins::parse(None).unwrap(), Origins::Loopback);
    assert_eq!(origins("https://a.example,http://b:1"), Origins::Listed(vec!["https://a.example".into(), "http://b:1".into()]));
    for wrong in
        ["a.example", "https://", "https://a/", "https://a,", ",https://a", "https://a, https://b", "https://*.a", "*,https://a", " "]
    {
        let problem = Origins::parse(Some(wrong)).unwrap_err().to_string();
        assert!(problem.starts_with(&format!("CORS_ORIGINS is '{wrong}', but must be empty, *, or origins")), "{problem}");
    }
}

#[test]
fn a_template_without_the_configuration_is_an_error() {
    for template in ["{}", "Resources: { InvitationsApi: { Properties: { CorsConfiguration: [x, { MaxAge: 1 }] } } }"] {
        assert!(Cors::read(Origins::Any, template).is_err_and(|problem| problem.0.contains("CorsConfiguration")), "{template}");
    }
}
