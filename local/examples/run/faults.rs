//! What can go wrong between a function and DynamoDB, which the embedded engine never does by itself. It stands between the two
//! when `FAULTS` says so. Nothing is ever changed on the way: whatever happens here can happen on AWS.

use std::{
    net::{Ipv4Addr, TcpListener},
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
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::words::{Problem, problem};

/// DynamoDB takes no larger request.
const LARGEST: usize = 16 * 1024 * 1024;
/// How late a late request arrives at most: before the functions stop waiting.
const LATEST_MS: u64 = 500;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It never arrives, and the connection is closed.
    Lost,
    /// It is carried out, and the connection is closed before its reply.
    ReplyLost,
    /// An internal error comes back, and nothing is carried out.
    Error,
    /// It is carried out, and an internal error comes back.
    ErrorAfterwards,
    /// Nothing is carried out: too much at once, or, for a transaction, a conflict with another one.
    Refused,
    /// It takes a while to arrive.
    Late,
}

/// All of them, equally likely, by their names.
const ALL: [(Fault, &str); 6] = [
    (Fault::Lost, "lost"),
    (Fault::ReplyLost, "replyLost"),
    (Fault::Error, "error"),
    (Fault::ErrorAfterwards, "errorAfterwards"),
    (Fault::Refused, "refused"),
    (Fault::Late, "late"),
];

/// The way to the engine, with its faults.
pub(crate) struct Faults {
    endpoint: String,
    engine: Authority,
    client: Client<HttpConnector, Body>,
    percent: u32,
    begun: AtomicBool,
    requests: AtomicU64,
    /// In the order of [`ALL`].
    met: [AtomicU64; ALL.len()],
}

impl Faults {
    /// Opens the way to the engine, such as `http://127.0.0.1:8000`, on a free port of loopback. No fault happens yet.
    pub(crate) fn open(engine: &str, percent: u32) -> Result<Arc<Self>, Problem> {
        let failed = |e: &dyn std::fmt::Display| problem!("the way to the engine cannot be opened: {e}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| failed(&e))?;
        listener.set_nonblocking(true).map_err(|e| failed(&e))?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|e| failed(&e))?;
        let faults = Arc::new(Self {
            endpoint: format!("http://{}", listener.local_addr().map_err(|e| failed(&e))?),
            engine: Authority::try_from(engine.trim_start_matches("http://")).map_err(|e| failed(&e))?,
            client: Client::builder(TokioExecutor::new()).build_http(),
            percent,
            begun: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            met: Default::default(),
        });
        tokio::spawn(serve(listener, Arc::clone(&faults)));
        Ok(faults)
    }

    /// Where the functions find DynamoDB. A GET there shows what was met so far.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From now on they happen.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    fn draw(&self) -> Option<Fault> {
        if !self.begun.load(Ordering::Relaxed) {
            return None;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let number = getrandom::u64().ok()?;
        if number % 100 >= self.percent.into() {
            return None;
        }
        let which = usize::try_from(number / 100 % ALL.len() as u64).ok()?;
        self.met.get(which)?.fetch_add(1, Ordering::Relaxed);
        ALL.get(which).map(|(fault, _)| *fault)
    }

    /// How many requests there were since they began, and how many met each of them.
    fn counts(&self) -> Value {
        let met = ALL.iter().zip(&self.met).map(|((_, name), met)| ((*name).to_owned(), met.load(Ordering::Relaxed).into()));
        json!({ "requests": self.requests.load(Ordering::Relaxed), "met": met.collect::<serde_json::Map<_, _>>() })
    }

    /// What the function gets for its request, or nothing but a closed connection.
    async fn pass_on(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::GET {
            return Ok(answer(StatusCode::OK, &self.counts()));
        }
        let body = to_bytes(Body::new(body), LARGEST).await.map_err(|_| Cut)?;
        let fault = self.draw();
        match fault {
            Some(Fault::Lost) => return Err(Cut),
            Some(Fault::Error) => return Ok(internal_error()),
            Some(Fault::Refused) => return Ok(refusal(&body)),
            Some(Fault::Late) => sleep(Duration::from_millis(getrandom::u64().unwrap_or_default() % LATEST_MS)).await,
            Some(Fault::ReplyLost | Fault::ErrorAfterwards) | None => {}
        }
        let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.engine.clone()).path_and_query(path);
        parts.uri = uri.build().map_err(|_| Cut)?;
        let reply = self.client.request(Request::from_parts(parts, Body::from(body))).await.map_err(|_| Cut)?;
        match fault {
            Some(Fault::ReplyLost) => Err(Cut),
            Some(Fault::ErrorAfterwards) => Ok(internal_error()),
            _ => Ok(reply.map(Body::new)),
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, faults: Arc<Faults>) {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Out of file descriptors, mostly: others will be closed.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = connection.set_nodelay(true);
        let faults = Arc::clone(&faults);
        tokio::spawn(async move {
            // A task of its own for each request: what is on its way arrives, even when the function is killed meanwhile.
            let service = service_fn(|request| {
                let passing = tokio::spawn(Arc::clone(&faults).pass_on(request));
                async { passing.await.unwrap_or(Err(Cut)) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

fn internal_error() -> Response<Body> {
    let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "An injected fault." });
    answer(StatusCode::INTERNAL_SERVER_ERROR, &body)
}

fn refusal(request: &Bytes) -> Response<Body> {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let body = match request.get("TransactItems").and_then(Value::as_array) {
        None => json!({ "__type": "com.amazon.coral.availability#ThrottlingException", "message": "An injected fault." }),
        Some(items) => {
            let codes = (0..items.len()).map(|place| if place == 0 { "TransactionConflict" } else { "None" });
            let reasons: Vec<_> = codes.map(|code| json!({ "Code": code })).collect();
            json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "Transaction cancelled: an injected fault.",
                "CancellationReasons": reasons,
            })
        }
    };
    answer(StatusCode::BAD_REQUEST, &body)
}

/// Why a connection is closed: there is to be no reply. An error of the service makes hyper close it.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no reply")
    }
}

impl std::error::Error for Cut {}

#[cfg(test)]
mod tests;
