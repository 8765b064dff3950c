//! The DynamoDB endpoint on `DYNAMODB_PORT`. It asks IAM about each request, and refuses requests of browsers: the engine behind it
//! would answer the pages of all websites.

use std::{net::TcpListener, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    http::{
        HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
        header::{CONTENT_TYPE, HOST, ORIGIN},
        uri::{Authority, PathAndQuery, Scheme},
    },
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use local::{
    iam::{Call, Guard},
    server::{NoResponse, Server, connection},
};
use serde_json::json;

use crate::{
    loopback::is_loopback_authority,
    output::{Problem, problem},
};

/// DynamoDB accepts no larger request.
const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// A running endpoint. Dropping it closes its port.
pub(crate) struct TableEndpoint {
    server: Server,
}

struct Endpoint {
    engine: Authority,
    client: Client<HttpConnector, Body>,
    guard: Guard,
}

impl TableEndpoint {
    /// Forwards what `guard` allows from `listener` to the engine at `engine`, such as `http://127.0.0.1:8000`.
    pub(crate) fn start(listener: TcpListener, engine: &str, guard: Guard) -> Result<Self, Problem> {
        let failed = |e: &dyn std::fmt::Display| problem!("the endpoint of the table does not start: {e}");
        let endpoint = Arc::new(Endpoint {
            engine: Authority::try_from(engine.trim_start_matches("http://")).map_err(|e| failed(&e))?,
            client: Client::builder(TokioExecutor::new()).build_http(),
            guard,
        });
        let serve = move |stream| {
            let endpoint = Arc::clone(&endpoint);
            // Each request is a task of its own, so that it still arrives if its function is killed meanwhile.
            let respond = move |request| {
                let response = tokio::spawn(Arc::clone(&endpoint).respond(request));
                async { response.await.unwrap_or(Err(NoResponse)) }
            };
            connection(stream, respond)
        };
        Ok(Self { server: Server::on_runtime(listener, serve).map_err(|e| failed(&e))? })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        self.server.endpoint()
    }
}

impl Endpoint {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, NoResponse> {
        let (mut parts, body) = request.into_parts();
        if is_of_a_browser(&parts.headers) {
            return Ok(refusal(StatusCode::FORBIDDEN, "AccessDeniedException", "Browsers must not send requests to the local table."));
        }
        let body = to_bytes(Body::new(body), MAX_REQUEST).await.map_err(|_| NoResponse)?;
        if let Err(refused) = self.guard.check(&Call::of(&parts, &body)) {
            return Ok(refusal(StatusCode::BAD_REQUEST, refused.code, &refused.message));
        }
        let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.engine.clone()).path_and_query(path);
        parts.uri = uri.build().map_err(|_| NoResponse)?;
        let reply = self.client.request(Request::from_parts(parts, Body::from(body))).await.map_err(|_| NoResponse)?;
        Ok(reply.map(Body::new))
    }
}

/// Whether a page may have sent it: of another origin, or of a name that its owner lets lead to this machine.
fn is_of_a_browser(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    headers.contains_key(ORIGIN) || !host.is_some_and(is_loopback_authority)
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = json!({ "__type": format!("com.amazon.coral.service#{code}"), "message": message });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

#[cfg(test)]
mod tests;
