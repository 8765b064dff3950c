use std::{
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use local::{events::Bus, ses::Inbox};
use serde_json::{Value, json};

use super::{
    open,
    show::{in_new_tabs, links, readable},
};

mod proxy;
mod tabs;

/// An inbox with one email, a bus with one event, and the URL of their pages. Their content must not be executed.
struct Run {
    inbox: Arc<Inbox>,
    _bus: Arc<Bus>,
    url: String,
}

const EVIL: &str = "<script>alert('\"&')</script>";
const API: &str = "http://127.0.0.1:9000";
const ISSUER: &str = "http://127.0.0.1:9200";

impl Run {
    async fn new() -> Self {
        Self::in_front_of(API).await
    }

    async fn in_front_of(api: &str) -> Self {
        let (inbox, bus) = (Arc::new(Inbox::on_free_port().unwrap()), Arc::new(Bus::on_free_port().unwrap()));
        let text = |text: &str| json!({ "Data": text, "Charset": "UTF-8" });
        let parts = json!({ "Text": text(&format!("{EVIL} see http://127.0.0.1:9000/accept#token.")), "Html": text("<p>Hello</p>") });
        let email = json!({
            "FromEmailAddress": "Example <invitations@example.com>",
            "Destination": { "ToAddresses": ["a@b.example"] },
            "Content": { "Simple": { "Subject": text(EVIL), "Body": parts, "Headers": [{ "Name": "X-Evil", "Value": EVIL }] } },
            "EmailTags": [{ "Name": "sending", "Value": "1" }],
        });
        let sent = request("POST", &format!("{}/v2/email/outbound-emails", inbox.endpoint()), &[], email.to_string()).await;
        assert_eq!(sent.0, StatusCode::OK, "{}", sent.2);
        let entry =
            json!({ "Source": "invitations", "DetailType": EVIL, "Detail": json!({ "evil": EVIL }).to_string(), "EventBusName": "local" });
        let target = [("x-amz-target", "AWSEvents.PutEvents")];
        let put = request("POST", bus.endpoint(), &target, json!({ "Entries": [entry] }).to_string()).await;
        assert_eq!(put.0, StatusCode::OK, "{}", put.2);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = open(listener, inbox.clone(), bus.clone(), api, ISSUER).map_err(|e| e.to_string()).unwrap();
        Self { inbox, _bus: bus, url }
    }

    fn email(&self) -> String {
        format!("/emails/{}", self.inbox.emails()[0].message_id)
    }

    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        request("GET", &format!("{}{path}", self.url), &[], String::new()).await
    }
}

async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: String) -> (StatusCode, HeaderMap, String) {
    let request = headers.iter().fold(Request::builder().method(method).uri(url), |request, (name, value)| request.header(*name, *value));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request.body(Body::from(body)).unwrap()).await.unwrap().into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn pages_escape_content() {
    let run = Run::new().await;
    for path in ["/", "/emails", &run.email(), "/events"] {
        let (status, headers, page) = run.get(path).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "text/html; charset=utf-8"), "{page}");
        assert!(page.contains("&lt;script&gt;alert("), "{page}");
        assert!(!page.contains("<script>") && !page.contains("alert('"), "{page}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; ") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn a_page_shows_the_parts_and_the_link_of_an_email() {
    let run = Run::new().await;
    let (_, _, page) = run.get(&run.email()).await;
    assert!(page.contains("<a href=\"http:&#x2f;&#x2f;127.0.0.1:9000&#x2f;accept#token\" target=\"_blank\""), "{page}");
    assert!(
        page.contains(&format!("<iframe title=\"HTML part of the email\" src=\"{}/html\" sandbox=\"allow-popups ", run.email())),
        "{page}"
    );
    assert!(page.contains("<dt>Tag sending</dt><dd>1</dd>"), "{page}");

    let (_, headers, html) = run.get(&format!("{}/html", run.email())).await;
    assert_eq!(html, "<base target=\"_blank\"><p>Hello</p>");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none';") && policy.contains("sandbox allow-popups ") && !policy.contains("script"),
        "{policy}"
    );

    assert_eq!(run.get("/emails/none").await.0, StatusCode::NOT_FOUND);
    assert_eq!(run.get("/emails/none/html").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn scripts_get_json() {
    let run = Run::new().await;
    let emails: Value = serde_json::from_str(&run.get("/emails.json").await.2).unwrap();
    let email = &emails[0];
    assert_eq!((&email["subject"], &email["to"], &email["html"]), (&json!(EVIL), &json!(["a@b.example"]), &json!("<p>Hello</p>")));
    assert_eq!((&email["tags"], &email["id"]), (&json!({ "sending": "1" }), &json!(run.inbox.emails()[0].message_id)));
    let events: Value = serde_json::from_str(&run.get("/events.json").await.2).unwrap();
    assert_eq!(
        (&events[0]["detail-type"], &events[0]["detail"], &events[0]["bus"]),
        (&json!(EVIL), &json!({ "evil": EVIL }), &json!("local"))
    );
    for (path, newest) in [("/emails.json", &email["id"]), ("/events.json", &events[0]["id"])] {
        assert_eq!(run.get(&format!("{path}?after={}", newest.as_str().unwrap())).await.2, "[]");
        assert_ne!(run.get(&format!("{path}?after=nothing")).await.2, "[]");
    }
}

#[tokio::test]
async fn requests_with_another_host_are_rejected() {
    let run = Run::new().await;
    for path in ["/", "/emails", "/emails.json", "/events.json", "/api", "/proxy/invitations", &run.email(), "/nothing"] {
        let (status, _, body) = request("GET", &format!("{}{path}", run.url), &[("host", "evil.example")], String::new()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {body}");
    }
    assert_eq!(request("GET", &format!("{}/", run.url), &[("host", "localhost:9100")], String::new()).await.0, StatusCode::OK);
}

#[test]
fn urls_in_a_text_become_links() {
    let found = |text| links(text).iter().map(|piece| serde_json::to_value(piece).unwrap()).collect::<Vec<_>>();
    let piece = |text: &str, link: bool| json!({ "text": text, "link": link });
    assert_eq!(found("none"), [piece("none", false)]);
    assert_eq!(found("(see http://a.example/b#c)."), [piece("(see ", false), piece("http://a.example/b#c", true), piece(").", false)]);
    assert_eq!(found("https://a\nhttp://b"), ["", "https://a", "\n", "http://b", ""].map(|text| piece(text, text.starts_with("http"))));
    assert_eq!(found("javascript:alert(1)"), [piece("javascript:alert(1)", false)]);
}

#[test]
fn encoded_words_are_shown_decoded() {
    assert_eq!(readable("=?UTF-8?B?TcO8bGxlcg==?= =?UTF-8?B?ICYgU29u?= <a@b.example>"), "Müller & Son <a@b.example>");
    for plain in ["a@b.example", "\"Two words\" <a@b.example>", "=?UTF-8?B?!?= <a@b.example>"] {
        assert_eq!(readable(plain), plain);
    }
}

#[test]
fn the_links_of_an_email_open_outside_the_frame() {
    const BASE: &str = "<base target=\"_blank\">";
    for (before, after) in [
        ("<!DOCTYPE html><html><HEAD>", "<title>x</title></head>"),
        ("<!doctype html><html lang=\"en\">", "<body>x</body>"),
        ("<!doctype html>", "<p>x</p>"),
        ("", "<p>x</p>"),
    ] {
        assert_eq!(in_new_tabs(&format!("{before}{after}")), format!("{before}{BASE}{after}"));
    }
}
