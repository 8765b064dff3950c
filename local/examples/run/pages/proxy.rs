//! The API under the origin of the pages, so that their scripts can call it, whatever `CORS_ORIGINS` is.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, REFERER, TRANSFER_ENCODING},
    },
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::Pages;

/// The path that stands for the API's root.
const PREFIX: &str = "/proxy";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// API Gateway's limit, for both directions.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// Longer than the gateway waits for a function.
const TIMEOUT: Duration = Duration::from_secs(35);

/// The API that requests are forwarded to.
#[derive(Clone)]
pub(super) struct Proxy {
    url: String,
    client: Client<HttpConnector, Body>,
}

impl Proxy {
    pub(super) fn to(url: &str) -> Self {
        Self { url: url.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn forward(&self, request: Request) -> Result<Response, (StatusCode, &'static str)> {
        let (mut parts, body) = request.into_parts();
        if !is_same_origin(&parts.headers) {
            return Err((StatusCode::FORBIDDEN, "Forbidden"));
        }
        let path = parts.uri.path_and_query().and_then(|path| path.as_str().strip_prefix(PREFIX)).unwrap_or_default();
        // Direct invocations are not part of the API.
        if path.starts_with("/2015-03-31/") {
            return Err((StatusCode::NOT_FOUND, "Not Found"));
        }
        parts.uri = Uri::try_from(format!("{}{path}", self.url)).map_err(|_| (StatusCode::BAD_REQUEST, "Bad Request"))?;
        for name in [HOST, COOKIE, ORIGIN, REFERER, CONNECTION, TRANSFER_ENCODING] {
            parts.headers.remove(name);
        }
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"))?;
        let response = timeout(TIMEOUT, async {
            let (mut parts, body) = self.client.request(Request::from_parts(parts, Body::from(body))).await.ok()?.into_parts();
            let body = to_bytes(Body::new(body), MAX_BODY).await.ok()?;
            parts.headers.remove(CONNECTION);
            parts.headers.remove(TRANSFER_ENCODING);
            Some(Response::from_parts(parts, Body::from(body)))
        });
        response.await.ok().flatten().ok_or((StatusCode::BAD_GATEWAY, "Bad Gateway"))
    }
}

pub(super) async fn forward(State(pages): State<Pages>, request: Request) -> Response {
    match pages.proxy.forward(request).await {
        Ok(response) => response,
        Err((status, message)) => (status, [(CONTENT_TYPE, "application/json")], format!("{{\"message\":\"{message}\"}}")).into_response(),
    }
}

/// Whether the request does not come from a page of another origin, including one of another port of this machine.
fn is_same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    // Older browsers, and programs.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    headers.get(ORIGIN).is_none_or(|origin| *origin == *format!("http://{host}"))
}
