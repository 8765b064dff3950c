//! A proxy in front of the functions, in place of API Gateway.
//!
//! `cargo lambda watch` routes requests and builds the events. But it stops for good when about a hundred requests wait for one
//! function, ends a function whose caller sends a header of the Lambda Runtime API, and returns 500 for a body or a header that
//! is not UTF-8. The gateway prevents all of that, so that the local API is as robust as the one on AWS. It answers a request
//! without a route, and requests of pages of other origins ([`cors`]), as API Gateway does.

mod cors;

use std::{net::TcpListener, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        StatusCode, Uri,
        header::{CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderValue, ORIGIN, TRANSFER_ENCODING, UPGRADE},
        uri::{Authority, Scheme},
    },
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use local::server::listen;
use tokio::{sync::Semaphore, time::timeout};

use crate::output::{Problem, print_error, problem};
pub(crate) use cors::{Cors, Origins};

/// Concurrent requests to `cargo lambda watch`. Others wait here.
const MAX_CONCURRENT: usize = 50;

/// The limit for direct invocations: the longest timeout in the template. On AWS they bypass API Gateway.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(120);
/// A longer request was lost with a function that was killed.
const LOST_AFTER: Duration = Duration::from_secs(150);

/// Paths of `cargo lambda watch` that are no part of the API: the Lambda Runtime API of the functions, and function URLs.
const INTERNAL: [&str; 2] = ["/.rt/", "/lambda-url/"];

/// API Gateway's limits.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_BODY: usize = 10 * 1024 * 1024;

#[derive(Clone)]
struct Gateway {
    upstream: Authority,
    client: Client<HttpConnector, Body>,
    slots: Arc<Semaphore>,
}

/// Forwards every request from `listener` to `cargo lambda watch` on the port `upstream`.
pub(crate) fn open(listener: TcpListener, upstream: u16, cors: Cors) -> Result<(), Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("the API's port cannot be served: {e}");
    let (listener, _) = listen(listener).map_err(|e| failed(&e))?;
    let gateway = Gateway {
        upstream: Authority::try_from(format!("127.0.0.1:{upstream}")).map_err(|e| failed(&e))?,
        client: Client::builder(TokioExecutor::new()).build_http(),
        slots: Arc::new(Semaphore::new(MAX_CONCURRENT)),
    };
    let app = Router::new().fallback(forward).layer(from_fn_with_state(Arc::new(cors), cors::apply)).with_state(gateway);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(())
}

async fn forward(State(gateway): State<Gateway>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return error_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    // The emulator's own: there the functions get their events, with credentials and links, and answer them.
    if INTERNAL.iter().any(|prefix| parts.uri.path().starts_with(prefix)) {
        return error_response(StatusCode::NOT_FOUND, "Not Found");
    }
    // Invocation by path can create keys, so no page may use it: neither one whose host name resolves to this machine, nor one that
    // sends a request whose response it cannot read.
    let invocation = is_invocation(&parts.uri);
    if invocation && (!is_loopback(&parts.headers) || parts.headers.contains_key(ORIGIN)) {
        return error_response(StatusCode::FORBIDDEN, "Forbidden");
    }
    let mut uri = parts.uri.clone().into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(gateway.upstream.clone());
    parts.uri = match Uri::from_parts(uri) {
        Ok(uri) => uri,
        Err(_) => return error_response(StatusCode::BAD_REQUEST, "Bad Request"),
    };
    clean(&mut parts.headers, &body);

    let route = format!("{} {}", parts.method, parts.uri.path());
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own: the request still waits upstream when the caller leaves, so it must keep its slot.
    let response = tokio::spawn(async move {
        let _slot = gateway.slots.acquire_owned().await;
        timeout(LOST_AFTER, gateway.client.request(request)).await
    });
    let limit = if invocation { INVOCATION_TIMEOUT } else { TIMEOUT };
    match timeout(limit, response).await {
        Ok(Ok(Ok(Ok(response)))) => {
            let (mut parts, body) = response.into_parts();
            if parts.status == StatusCode::NOT_FOUND && !parts.headers.contains_key("x-request-id") {
                return error_response(StatusCode::NOT_FOUND, "Not Found");
            }
            parts.headers.remove(CONNECTION);
            parts.headers.remove(TRANSFER_ENCODING);
            Response::from_parts(parts, Body::new(body))
        }
        Ok(_) => error_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Err(_) => {
            print_error!(
                "No response to {route} in {limit:?}. If its function ended by itself (see above), save a source file to restart it."
            );
            error_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}

/// Whether the request is a direct invocation of a function, which on AWS is no part of the API.
fn is_invocation(uri: &Uri) -> bool {
    uri.path().starts_with("/2015-03-31/")
}

/// Whether the request's host is 127.0.0.1 or localhost.
pub(crate) fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    matches!(host.rsplit_once(':').map_or(host, |(name, _)| name), "127.0.0.1" | "localhost")
}

/// Removes headers of the connection, and those that `cargo lambda watch` would read as headers of the Lambda Runtime API.
/// Headers that are not UTF-8 are read as Latin-1, so that the function can validate them. Repeated headers are joined, as API
/// Gateway does; `cargo lambda watch` would keep only one.
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

/// The content type in upper case: then `cargo lambda watch`, which searches for lower-case `text/` and `application/json`,
/// treats the body as bytes and encodes it in base64, as API Gateway does.
fn as_bytes(content_type: Option<&HeaderValue>) -> HeaderValue {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    HeaderValue::try_from(text.to_ascii_uppercase()).unwrap_or(HeaderValue::from_static("APPLICATION/JSON"))
}

/// An error in the format of API Gateway.
fn error_response(status: StatusCode, message: &'static str) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{{\"message\":\"{message}\"}}")).into_response()
}
