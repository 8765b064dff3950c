use std::sync::Mutex;

use axum::{
    Router,
    extract::{Request as Received, State},
    http::HeaderValue,
    response::{IntoResponse, Response},
};

use super::*;

type Requests = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

/// An API that keeps what it receives, and its URL.
async fn api() -> (Requests, String) {
    let requests = Requests::default();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(requests.clone());
    tokio::spawn(async { axum::serve(listener, app).await });
    (requests, url)
}

async fn answer(State(requests): State<Requests>, request: Received) -> Response {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().into()).unwrap();
    let large = parts.uri.path() == "/large";
    requests.lock().unwrap().push((format!("{} {}", parts.method, parts.uri), parts.headers, body));
    let body = if large { "x".repeat(11 * 1024 * 1024) } else { "{}".to_owned() };
    (StatusCode::CREATED, [("etag", "\"1\""), ("x-request-id", "r1"), ("content-type", "application/json")], body).into_response()
}

#[tokio::test]
async fn requests_are_forwarded_to_the_api() {
    let (requests, api) = api().await;
    let run = Run::in_front_of(&api).await;
    let headers = [
        ("authorization", "ApiKey ik"),
        ("content-type", "application/json"),
        ("idempotency-key", "k1"),
        ("if-match", "\"0\""),
        ("cookie", "a=b"),
        ("origin", &run.url),
        ("sec-fetch-site", "same-origin"),
    ];
    let url = format!("{}/proxy/invitations/a%2Fb?state=invited&x=%20", run.url);
    let (status, answered, body) = request("POST", &url, &headers, "{\"email\": 1}".into()).await;
    assert_eq!((status, body.as_str()), (StatusCode::CREATED, "{}"));
    for (name, value) in [("etag", "\"1\""), ("x-request-id", "r1"), ("content-type", "application/json"), ("cache-control", "no-store")] {
        assert_eq!(answered[name], value, "{name}");
    }
    let received = requests.lock().unwrap();
    let [(target, received, body)] = &received[..] else { panic!("not one: {received:?}") };
    assert_eq!((target.as_str(), body.as_str()), ("POST /invitations/a%2Fb?state=invited&x=%20", "{\"email\": 1}"));
    assert_eq!(received["host"], api.trim_start_matches("http://"));
    for (name, value) in &headers[..4] {
        assert_eq!(received[*name], value, "{name}");
    }
    assert!(!received.contains_key("cookie") && !received.contains_key("origin"), "{received:?}");
}

#[tokio::test]
async fn pages_of_other_origins_do_not_reach_the_api() {
    let (requests, api) = api().await;
    let run = Run::in_front_of(&api).await;
    let call = async |headers: &[(&str, &str)]| request("GET", &format!("{}/proxy/invitations", run.url), headers, String::new()).await;
    for headers in [
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        // Another port of this machine.
        [("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:3000")],
        [("origin", "http://127.0.0.1:3000"), ("accept", "*/*")],
        [("origin", "null"), ("accept", "*/*")],
        [("sec-fetch-site", "cross-site"), ("origin", run.url.as_str())],
    ] {
        let (status, answered, body) = call(&headers).await;
        assert_eq!((status, body.as_str()), (StatusCode::FORBIDDEN, "{\"message\":\"Forbidden\"}"), "{headers:?}");
        assert!(!answered.contains_key("access-control-allow-origin"));
    }
    assert_eq!(requests.lock().unwrap().len(), 0);
    assert_eq!(call(&[]).await.0, StatusCode::CREATED, "a program");
    assert_eq!(call(&[("origin", &run.url)]).await.0, StatusCode::CREATED, "an older browser");
}

#[tokio::test]
async fn direct_invocations_and_large_bodies_are_not_forwarded() {
    let (requests, api) = api().await;
    let run = Run::in_front_of(&api).await;
    let post = async |path: &str, body: String| request("POST", &format!("{}/proxy{path}", run.url), &[], body).await.0;
    assert_eq!(post("/2015-03-31/functions/manage-api-keys/invocations", "{}".into()).await, StatusCode::NOT_FOUND);
    assert_eq!(post("/invitations", "x".repeat(10 * 1024 * 1024 + 1)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(requests.lock().unwrap().len(), 0);
    assert_eq!(post("/large", String::new()).await, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_api_that_is_down_is_a_bad_gateway() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let run = Run::in_front_of(&format!("http://{closed}")).await;
    let (status, headers, body) = run.get("/proxy/invitations").await;
    assert_eq!((status, body.as_str()), (StatusCode::BAD_GATEWAY, "{\"message\":\"Bad Gateway\"}"));
    assert_eq!(headers["content-type"], HeaderValue::from_static("application/json"));
}
