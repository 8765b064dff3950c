//! HTTP calls to the service.

use std::{net::Ipv4Addr, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, Response, StatusCode},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::output::{Problem, problem};

/// The limit for `cargo lambda watch` to start listening.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The limit for a response, longer than that of the gateway.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(125);

/// Sends a request, with an optional API key, and reads the whole response.
pub(crate) async fn call(method: Method, url: &str, key: Option<&str>, body: String) -> Result<Response<String>, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("{url} does not answer: {e}");
    let mut request = Request::builder().method(method).uri(url);
    if let Some(key) = key {
        request = request.header("authorization", format!("ApiKey {key}"));
    }
    let request = request.body(Body::from(body)).map_err(|e| failed(&e))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = timeout(RESPONSE_TIMEOUT, client.request(request)).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.map_err(|e| failed(&e))?;
    Ok(Response::from_parts(parts, String::from_utf8_lossy(&body).into_owned()))
}

/// Waits until `cargo lambda watch` listens on `port` and a function answers on each route. Responses of functions, errors
/// included, have an `x-request-id`; those of the emulator do not. Returns the routes that return 500: every request does so if
/// a setting of the function is invalid.
pub(crate) async fn wait_for_routes(url: &str, port: u16, routes: &[(String, String)]) -> Result<Vec<String>, Problem> {
    let listens = async {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(START_TIMEOUT, listens).await.map_err(|_| problem!("`cargo lambda watch` does not listen after {START_TIMEOUT:?}"))?;
    let mut broken = Vec::new();
    for (method, path) in routes {
        let path = path.replace("{id}", &"0".repeat(32)).replace("{file}", "texts.json");
        let method = Method::from_bytes(method.as_bytes()).map_err(|e| problem!("template.yaml: {method}: {e}"))?;
        let answer = call(method.clone(), &format!("{url}{path}"), None, String::new()).await?;
        if !answer.headers().contains_key("x-request-id") {
            return Err(problem!("no function answers {method} {path}, but {}: {}", answer.status(), answer.body()));
        }
        if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
            broken.push(format!("{method} {path}"));
        }
    }
    Ok(broken)
}
