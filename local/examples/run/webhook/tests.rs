use std::{
    net::TcpListener as StdListener,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use local::server::{free_port, listen};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;

const SHORT: [Duration; 3] = [Duration::from_millis(1); 3];
const LONG: [Duration; 1] = [Duration::from_secs(3600)];
const SECRET: &str = "a-secret";

/// A request that arrived.
#[derive(Clone)]
struct Received {
    method: String,
    path: String,
    headers: HeaderMap,
    body: Value,
}

/// A server that answers with each of these statuses once, then with 204. It never answers with the status 0.
#[derive(Clone)]
struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
    url: String,
}

impl Receiver {
    fn start(statuses: &[u16]) -> Self {
        let (listener, address) = listen(free_port().unwrap()).unwrap();
        let receiver = Self {
            received: Arc::default(),
            statuses: Arc::new(Mutex::new(statuses.iter().rev().copied().collect())),
            url: format!("http://{address}/hook?team=a"),
        };
        let app = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async { axum::serve(listener, app).await });
        receiver
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until this many requests have arrived.
    async fn wait_for(&self, count: usize) -> Vec<Received> {
        let began = Instant::now();
        while self.received().len() < count {
            assert!(began.elapsed() < Duration::from_secs(20), "{} of {count} requests have arrived", self.received().len());
            sleep(Duration::from_millis(5)).await;
        }
        self.received()
    }
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    let (method, path) = (parts.method.to_string(), parts.uri.to_string());
    receiver.received.lock().unwrap().push(Received { method, path, headers: parts.headers, body });
    let status = receiver.statuses.lock().unwrap().pop().unwrap_or(204);
    if status == 0 {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(status).unwrap()
}

fn webhook(url: &str, key: &str) -> Webhook {
    Webhook::parse(url, key).map_err(|problem| problem.0).unwrap().unwrap()
}

fn problem_of(url: &str, key: &str) -> Option<String> {
    Webhook::parse(url, key).err().map(|problem| problem.0)
}

fn sender(url: &str) -> Sender {
    Sender::new(webhook(url, SECRET), &SHORT).map_err(|problem| problem.0).unwrap()
}

fn detail(number: usize) -> Value {
    json!({ "id": format!("01A2-{number}"), "sequence": number, "type": "accepted", "invitation": { "roleID": "read-only" } })
}

fn event(number: usize) -> Event {
    Event {
        id: "of-the-bus".into(),
        bus: "local".into(),
        source: "invitations".into(),
        detail_type: "Invitation Accepted".into(),
        detail: detail(number),
        resources: Vec::new(),
        time: std::time::SystemTime::now(),
    }
}

/// Publishes an event, as the functions do.
async fn publish(bus: &Bus, number: usize) {
    let entry = json!({
        "Source": "invitations", "DetailType": "Invitation Accepted", "Detail": detail(number).to_string(), "EventBusName": "local",
    });
    let request = Request::post(bus.endpoint()).header("x-amz-target", "AWSEvents.PutEvents");
    let request = request.body(Body::from(json!({ "Entries": [entry] }).to_string())).unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

/// A URL on which nothing listens.
fn dead_url() -> String {
    let port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/hook")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_event_arrives_as_its_detail_with_the_headers_of_eventbridge_and_the_key() {
    let (receiver, bus) = (Receiver::start(&[]), Bus::on_free_port().unwrap());
    webhook(&receiver.url, SECRET).subscribe(&bus).map_err(|problem| problem.0).unwrap();
    publish(&bus, 1).await;
    let [request] = &receiver.wait_for(1).await[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook?team=a"));
    assert_eq!(request.body, detail(1));
    assert_eq!(request.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(request.headers["user-agent"], "Amazon/EventBridge/ApiDestinations");
    assert_eq!(request.headers["connection"], "close");
    assert_eq!(request.headers["x-webhook-key"], SECRET);
    assert_eq!(request.headers["content-length"], detail(1).to_string().len().to_string());
    assert_eq!(bus.events().len(), 1, "the list of events shows it, too");
}

#[tokio::test]
async fn without_a_key_there_is_no_header_for_it() {
    let receiver = Receiver::start(&[]);
    let sender = Sender::new(webhook(&receiver.url, ""), &SHORT).map_err(|problem| problem.0).unwrap();
    assert_eq!(sender.deliver(&event(1)).await, Ok(()));
    assert!(!receiver.received()[0].headers.contains_key("x-webhook-key"));
}

#[tokio::test]
async fn an_event_is_sent_again_until_the_receiver_accepts_it() {
    let receiver = Receiver::start(&[500, 429, 503, 201]);
    assert_eq!(sender(&receiver.url).deliver(&event(1)).await, Ok(()));
    let received = receiver.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|request| request.body == detail(1)));
}

#[tokio::test]
async fn after_the_last_attempt_a_sentence_names_the_event_the_receiver_and_the_reason() {
    let receiver = Receiver::start(&[500, 500, 500, 502]);
    let sentence = sender(&receiver.url).deliver(&event(7)).await.unwrap_err();
    let url = receiver.url.trim_end_matches("?team=a");
    assert_eq!(sentence, format!("Invitation Accepted 01A2-7 was not delivered to {url} in 4 attempts: status 502."));
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn a_response_that_eventbridge_does_not_retry_is_final() {
    for status in [302, 400, 403, 404, 422] {
        let receiver = Receiver::start(&[status]);
        let sentence = sender(&receiver.url).deliver(&event(1)).await.unwrap_err();
        assert!(sentence.ends_with(&format!(" in 1 attempt: status {status}.")), "{sentence}");
        assert_eq!(receiver.received().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_is_tried_again() {
    let sentence = sender(&dead_url()).deliver(&event(1)).await.unwrap_err();
    assert!(sentence.contains(" in 4 attempts: "), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_or_never_answers_stops_nothing() {
    for url in [dead_url(), Receiver::start(&[0; 20]).url] {
        let bus = Bus::on_free_port().unwrap();
        webhook(&url, SECRET).subscribe(&bus).map_err(|problem| problem.0).unwrap();
        let began = Instant::now();
        for number in 1..=20 {
            publish(&bus, number).await;
        }
        // Every event would wait for the ones before it for 26 seconds.
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(bus.events().len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_retried_does_not_delay_the_next_one() {
    let (receiver, bus) = (Receiver::start(&[500]), Bus::on_free_port().unwrap());
    webhook(&receiver.url, SECRET).subscribe_with(&bus, &LONG).map_err(|problem| problem.0).unwrap();
    publish(&bus, 1).await;
    receiver.wait_for(1).await;
    publish(&bus, 2).await;
    let bodies: Vec<Value> = receiver.wait_for(2).await.into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [detail(1), detail(2)]);
}

#[test]
fn a_url_is_https_or_on_this_machine() {
    for url in [
        "http://127.0.0.1:9999/hook",
        "http://localhost:9999",
        "http://[::1]:9999/a/b?c=d",
        "https://app.example.com/hooks/invitations",
        "https://10.0.0.1:8443",
    ] {
        assert_eq!(problem_of(url, ""), None, "{url}");
    }
    for url in [
        "http://app.example.com/hook",
        "http://127.0.0.1.example.com/hook",
        "http://localhost@example.com/hook",
        "https://user:password@app.example.com/hook",
        "ftp://127.0.0.1/hook",
        "127.0.0.1:9999/hook",
        "/hook",
        "https://",
        "a hook",
    ] {
        let expected = format!("WEBHOOK_URL is '{url}', but must be an https:// URL, or an http:// URL on this machine");
        let problem = problem_of(url, "").unwrap_or_else(|| panic!("{url} is accepted"));
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

#[test]
fn a_key_can_be_sent_in_a_header_and_no_error_contains_it() {
    let url = "http://127.0.0.1:9999/hook";
    assert_eq!(problem_of(url, &"k".repeat(512)), None);
    for key in ["two words", "new\nline", "schlüssel", &"k".repeat(513)] {
        let problem = problem_of(url, key).unwrap_or_else(|| panic!("{key} is accepted"));
        assert_eq!(problem, "WEBHOOK_KEY must be at most 512 printable ASCII characters without spaces");
    }
}

#[test]
fn without_a_url_there_is_no_webhook() {
    assert!(Webhook::parse("", SECRET).is_ok_and(|webhook| webhook.is_none()));
}

#[test]
fn the_documented_template_sends_the_same_header_and_body() {
    let page = include_str!("../../../../docs/events.md");
    let headers: Vec<&str> = page.lines().filter_map(|line| line.split_once("ApiKeyName: ")).map(|(_, name)| name).collect();
    let [header] = headers[..] else { panic!("the page has one such header, not {headers:?}") };
    assert_eq!(header.to_lowercase(), KEY);
    assert!(page.contains("InputPath: $.detail\n"));
}
