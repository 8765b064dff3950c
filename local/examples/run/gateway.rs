//! What stands before the functions in place of API Gateway.
//!
//! `cargo lambda watch` makes the events and has the routes. But it stops for good when about a hundred requests wait for one
//! function, ends a function whose caller sends a header of the Lambda Runtime API, and answers 500 itself to a body or a
//! header that is not UTF-8. The gateway keeps all that from it, so that the API on this machine can be called as roughly as the
//! one on AWS. What no route takes it answers as API Gateway does.

use std::{net::TcpListener, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        StatusCode, Uri,
        header::{CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE},
        uri::{Authority, Scheme},
    },
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{sync::Semaphore, time::timeout};

use crate::words::{Problem, complain, problem};

/// Requests that `cargo lambda watch` has at once. The others wait here.
const AT_ONCE: usize = 50;

/// How long a function may take that is invoked directly: as long as the template lets the longest of those that run by themselves.
/// No gateway is in the way of these on AWS.
const LONGEST_INVOCATION: Duration = Duration::from_secs(120);
/// A request that waits for longer was lost with a function that was killed, and is in nobody's queue.
const LOST: Duration = Duration::from_secs(150);

/// API Gateway's limits.
const LONGEST: Duration = Duration::from_secs(30);
const LARGEST: usize = 10 * 1024 * 1024;

#[derive(Clone)]
struct Gateway {
    behind: Authority,
    client: Client<HttpConnector, Body>,
    slots: Arc<Semaphore>,
}

/// Serves `front` by passing every request on to `cargo lambda watch` on the port `behind`.
pub(crate) fn open(front: TcpListener, behind: u16) -> Result<(), Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("the API's port cannot be served: {e}");
    front.set_nonblocking(true).map_err(|e| failed(&e))?;
    let front = tokio::net::TcpListener::from_std(front).map_err(|e| failed(&e))?;
    let gateway = Gateway {
        behind: Authority::try_from(format!("127.0.0.1:{behind}")).map_err(|e| failed(&e))?,
        client: Client::builder(TokioExecutor::new()).build_http(),
        slots: Arc::new(Semaphore::new(AT_ONCE)),
    };
    let app = Router::new().fallback(pass_on).with_state(gateway);
    tokio::spawn(async { axum::serve(front, app).await });
    Ok(())
}

async fn pass_on(State(gateway): State<Gateway>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return stored_or(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    // Functions without a route are invoked by path, which makes keys: not for a web page that has its own name resolve to here.
    let invocation = parts.uri.path().starts_with("/2015-03-31/");
    if invocation && !is_loopback(&parts.headers) {
        return stored_or(StatusCode::FORBIDDEN, "Forbidden");
    }
    let mut uri = parts.uri.clone().into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(gateway.behind.clone());
    parts.uri = match Uri::from_parts(uri) {
        Ok(uri) => uri,
        Err(_) => return stored_or(StatusCode::BAD_REQUEST, "Bad Request"),
    };
    clean(&mut parts.headers, &body);

    let route = format!("{} {}", parts.method, parts.uri.path());
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own: when the caller goes away the request still waits behind, so it has to keep its slot here.
    let answer = tokio::spawn(async move {
        let _slot = gateway.slots.acquire_owned().await;
        timeout(LOST, gateway.client.request(request)).await
    });
    let longest = if invocation { LONGEST_INVOCATION } else { LONGEST };
    match timeout(longest, answer).await {
        Ok(Ok(Ok(Ok(response)))) => {
            let (mut parts, body) = response.into_parts();
            if parts.status == StatusCode::NOT_FOUND && !parts.headers.contains_key("x-request-id") {
                return stored_or(StatusCode::NOT_FOUND, "Not Found");
            }
            parts.headers.remove(CONNECTION);
            parts.headers.remove(TRANSFER_ENCODING);
            Response::from_parts(parts, Body::new(body))
        }
        Ok(_) => stored_or(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Err(_) => {
            complain!(
                "No answer to {route} in {longest:?}. If its function ended by itself (see above), save a source file: that starts it again."
            );
            stored_or(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}

/// Whether the caller names this machine as such.
pub(crate) fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    matches!(host.rsplit_once(':').map_or(host, |(name, _)| name), "127.0.0.1" | "localhost")
}

/// Takes out what belongs to the connection, and what would be taken for a header of the Lambda Runtime API. Other bytes than
/// UTF-8 in a header are read as Latin-1, so that the function can judge them. Several lines of one header become one, as API
/// Gateway has it; `cargo lambda watch` would drop all but one.
fn clean(headers: &mut HeaderMap, body: &Bytes) {
    let runtime: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("lambda-runtime-")).cloned().collect();
    for name in runtime.iter().chain(&[CONNECTION, EXPECT, TRANSFER_ENCODING, UPGRADE]) {
        headers.remove(name);
    }
    for value in headers.values_mut().filter(|value| str::from_utf8(value.as_bytes()).is_err()) {
        let latin: String = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        *value = HeaderValue::try_from(latin).unwrap_or(HeaderValue::from_static("?"));
    }
    let repeated: Vec<_> = headers.keys().filter(|name| headers.get_all(*name).iter().nth(1).is_some()).cloned().collect();
    for name in repeated {
        let lines: Vec<_> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
            headers.insert(name, joined);
        }
    }
    if str::from_utf8(body).is_err() {
        headers.insert(CONTENT_TYPE, as_bytes(headers.get(CONTENT_TYPE)));
    }
}

/// The same content type spelled so that `cargo lambda watch` takes the body for bytes, and encodes it in base64 as API
/// Gateway does: it looks for `text/` and `application/json` in lower case.
fn as_bytes(content_type: Option<&HeaderValue>) -> HeaderValue {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    HeaderValue::try_from(text.to_ascii_uppercase()).unwrap_or(HeaderValue::from_static("APPLICATION/JSON"))
}

/// An answer in the shape that API Gateway gives its own errors.
fn stored_or(status: StatusCode, message: &'static str) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{{\"message\":\"{message}\"}}")).into_response()
}
