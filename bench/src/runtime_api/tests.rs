use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::*;

/// Sends a request as a runtime would. Returns status, request ID and body of the response.
async fn send(address: SocketAddr, method: Method, path: &str, body: &'static str) -> (StatusCode, Option<String>, String) {
    let request = Request::builder().method(method).uri(format!("http://{address}{PREFIX}{path}"));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let id = parts.headers.get("lambda-runtime-aws-request-id").map(|id| id.to_str().unwrap().to_owned());
    (parts.status, id, text(&body.collect().await.unwrap().to_bytes()))
}

/// A function that handles one event and posts `answer` to `kind`.
async fn function(address: SocketAddr, kind: &str, answer: &'static str) -> String {
    let (_, id, event) = send(address, Method::GET, "invocation/next", "").await;
    send(address, Method::POST, &format!("invocation/{}/{kind}", id.unwrap()), answer).await;
    event
}

async fn api() -> RuntimeApi {
    RuntimeApi::start(Duration::from_secs(10)).await.unwrap()
}

#[tokio::test]
async fn an_event_is_delivered_and_answered() {
    let mut api = api().await;
    let function = tokio::spawn(function(api.address(), "response", "the answer"));
    api.ready(Duration::from_secs(10)).await.unwrap();
    let invocation = api.invoke("the event").await.unwrap();
    assert_eq!(invocation.response, "the answer");
    assert_eq!(function.await.unwrap(), "the event");
}

#[tokio::test]
async fn time_before_the_function_requests_an_event_does_not_count() {
    let mut api = api().await;
    let address = api.address();
    let function = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        function(address, "response", "{}").await
    };
    let (invocation, _) = tokio::join!(api.invoke("{}"), function);
    assert!(invocation.unwrap().took < Duration::from_millis(300));
}

#[tokio::test]
async fn a_reported_error_fails_the_invocation() {
    let mut api = api().await;
    let address = api.address();
    let (invocation, _) = tokio::join!(api.invoke("{}"), function(address, "error", "it broke"));
    assert_eq!(invocation.unwrap_err().0, "the function failed: it broke");
}

#[tokio::test]
async fn a_reported_init_error_fails_the_start() {
    let mut api = api().await;
    let address = api.address();
    let (ready, _) = tokio::join!(api.ready(Duration::from_secs(10)), send(address, Method::POST, "init/error", "no table"));
    assert_eq!(ready.unwrap_err().0, "the function cannot start: no table");
}

#[tokio::test]
async fn a_missing_response_is_an_error() {
    let mut api = RuntimeApi::start(Duration::from_millis(100)).await.unwrap();
    assert!(api.ready(Duration::from_millis(100)).await.is_err());
    let _waits = tokio::spawn(send(api.address(), Method::GET, "invocation/next", ""));
    assert_eq!(api.invoke("{}").await.unwrap_err().0, "no response within 100ms");
}
