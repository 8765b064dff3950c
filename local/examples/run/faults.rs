//! Faults between a function and DynamoDB, which the embedded engine never has. With `FAULTS` set, a proxy between the two
//! injects them. It changes no request and no response: each fault can happen on AWS.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderValue, Method, Request, Response, StatusCode, Uri,
        header::CONTENT_TYPE,
        uri::{Authority, PathAndQuery, Scheme},
    },
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use local::server::{NoResponse, Server, connection, free_port};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::output::{Problem, problem};

/// DynamoDB accepts no larger request.
const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// The longest delay of a late request, shorter than the functions' timeout.
const MAX_DELAY_MS: u64 = 500;

/// A fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It never arrives, and the connection closes.
    Lost,
    /// It is executed, and the connection closes before its response.
    ReplyLost,
    /// The response is an internal error, and nothing is executed.
    Error,
    /// It is executed, and the response is an internal error.
    ErrorAfterwards,
    /// Nothing is executed: the response is a throttle or, for a transaction, a conflict with another one.
    Rejected,
    /// It arrives late.
    Late,
}

/// All faults, equally likely, with their names.
const ALL: [(Fault, &str); 6] = [
    (Fault::Lost, "lost"),
    (Fault::ReplyLost, "replyLost"),
    (Fault::Error, "error"),
    (Fault::ErrorAfterwards, "errorAfterwards"),
    (Fault::Rejected, "rejected"),
    (Fault::Late, "late"),
];

/// A running proxy.
pub(crate) struct Faults {
    server: Server,
    proxy: Arc<Proxy>,
}

struct Proxy {
    engine: Authority,
    client: Client<HttpConnector, Body>,
    percent: u32,
    enabled: AtomicBool,
    requests: AtomicU64,
    /// How often each fault was injected, in the order of [`ALL`].
    injected: [AtomicU64; ALL.len()],
}

impl Faults {
    /// Starts a proxy to the engine, such as `http://127.0.0.1:8000`, on a free port of loopback. It injects nothing yet.
    pub(crate) fn start(engine: &str, percent: u32) -> Result<Self, Problem> {
        let failed = |e: &dyn std::fmt::Display| problem!("the fault proxy does not start: {e}");
        let proxy = Arc::new(Proxy {
            engine: Authority::try_from(engine.trim_start_matches("http://")).map_err(|e| failed(&e))?,
            client: Client::builder(TokioExecutor::new()).build_http(),
            percent,
            enabled: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            injected: Default::default(),
        });
        let shared = Arc::clone(&proxy);
        let serve = move |stream| {
            let proxy = Arc::clone(&shared);
            // Each request is a task of its own, so that it still arrives if its function is killed meanwhile.
            let respond = move |request| {
                let response = tokio::spawn(Arc::clone(&proxy).forward(request));
                async { response.await.unwrap_or(Err(NoResponse)) }
            };
            connection(stream, respond)
        };
        let server = free_port().and_then(|port| Server::on_runtime(port, serve)).map_err(|e| failed(&e))?;
        Ok(Self { server, proxy })
    }

    /// The DynamoDB endpoint for the functions. A GET returns the counts.
    pub(crate) fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Injects faults from now on.
    pub(crate) fn enable(&self) {
        self.proxy.enabled.store(true, Ordering::Relaxed);
    }
}

impl Proxy {
    fn draw(&self) -> Option<Fault> {
        if !self.enabled.load(Ordering::Relaxed) {
            return None;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let number = getrandom::u64().ok()?;
        if number % 100 >= self.percent.into() {
            return None;
        }
        let which = usize::try_from(number / 100 % ALL.len() as u64).ok()?;
        self.injected.get(which)?.fetch_add(1, Ordering::Relaxed);
        ALL.get(which).map(|(fault, _)| *fault)
    }

    /// The requests since faults were enabled, and how often each fault was injected.
    fn counts(&self) -> Value {
        let injected = ALL.iter().zip(&self.injected).map(|((_, name), count)| ((*name).to_owned(), count.load(Ordering::Relaxed).into()));
        json!({ "requests": self.requests.load(Ordering::Relaxed), "injected": injected.collect::<serde_json::Map<_, _>>() })
    }

    async fn forward(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, NoResponse> {
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::GET {
            return Ok(response(StatusCode::OK, &self.counts()));
        }
        let body = to_bytes(Body::new(body), MAX_REQUEST).await.map_err(|_| NoResponse)?;
        let fault = self.draw();
        match fault {
            Some(Fault::Lost) => return Err(NoResponse),
            Some(Fault::Error) => return Ok(internal_error()),
            Some(Fault::Rejected) => return Ok(rejection(&body)),
            Some(Fault::Late) => sleep(Duration::from_millis(getrandom::u64().unwrap_or_default() % MAX_DELAY_MS)).await,
            Some(Fault::ReplyLost | Fault::ErrorAfterwards) | None => {}
        }
        let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.engine.clone()).path_and_query(path);
        parts.uri = uri.build().map_err(|_| NoResponse)?;
        let reply = self.client.request(Request::from_parts(parts, Body::from(body))).await.map_err(|_| NoResponse)?;
        match fault {
            Some(Fault::ReplyLost) => Err(NoResponse),
            Some(Fault::ErrorAfterwards) => Ok(internal_error()),
            _ => Ok(reply.map(Body::new)),
        }
    }
}

fn response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

fn internal_error() -> Response<Body> {
    let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "An injected fault." });
    response(StatusCode::INTERNAL_SERVER_ERROR, &body)
}

fn rejection(request: &Bytes) -> Response<Body> {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let body = match request.get("TransactItems").and_then(Value::as_array) {
        None => json!({ "__type": "com.amazon.coral.availability#ThrottlingException", "message": "An injected fault." }),
        Some(items) => {
            let codes = (0..items.len()).map(|index| if index == 0 { "TransactionConflict" } else { "None" });
            let reasons: Vec<_> = codes.map(|code| json!({ "Code": code })).collect();
            json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "Transaction cancelled: an injected fault.",
                "CancellationReasons": reasons,
            })
        }
    };
    response(StatusCode::BAD_REQUEST, &body)
}

#[cfg(test)]
mod tests;
