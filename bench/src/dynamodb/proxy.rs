//! A TLS proxy that forwards requests to the engine and counts them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    http::request::Parts,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use local::server::{Server, connection, free_port};
use serde_json::{Map, Value};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{Capacity, Counts};
use crate::{Problem, problem};

/// A running proxy. Dropping it closes its port.
#[derive(Debug)]
pub struct TlsProxy {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    engine: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    counts: Mutex<Counts>,
    capacity: AtomicBool,
}

impl TlsProxy {
    pub(super) async fn start(engine: &str, config: Arc<ServerConfig>) -> Result<Self, Problem> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let state = Arc::new(State {
            engine: engine.parse().map_err(|error| problem!("'{engine}' is not an address: {error}"))?,
            client: Client::builder(TokioExecutor::new()).build(connector),
            counts: Mutex::default(),
            capacity: AtomicBool::new(false),
        });
        let (acceptor, shared) = (TlsAcceptor::from(config), Arc::clone(&state));
        let serve = move |stream| {
            let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
            async move {
                state.counts().connections += 1;
                // A client that does not trust the certificate reports the error itself.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                state.counts().handshakes += 1;
                connection(stream, async |request| Ok(answer(&state, request).await)).await;
            }
        };
        let server = free_port().and_then(|port| Server::on_runtime(port, serve));
        Ok(Self { server: server.map_err(|error| problem!("no port of loopback can be served: {error}"))?, state })
    }

    /// `https://localhost:PORT`
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.server.address().port())
    }

    pub(super) fn count_capacity(&self, on: bool) {
        self.state.capacity.store(on, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        self.state.counts().clone()
    }

    pub(super) fn reset_counts(&self) {
        *self.state.counts() = Counts::default();
    }
}

impl State {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Problem> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| problem!("the request broke off: {error}"))?.to_bytes();
        let operation = operation(&parts);
        *self.counts().requests.entry(operation.clone()).or_default() += 1;
        let counting = self.capacity.load(Ordering::Relaxed);
        let body = if counting { requesting_capacity(&body)? } else { body };
        let sent = Instant::now();
        let response = self.send(parts, body).await?;
        self.counts().engine += sent.elapsed();
        if counting {
            let text: Value = serde_json::from_slice(response.body()).unwrap_or_default();
            let mut counts = self.counts();
            counts.capacity = counts.capacity.plus(Capacity::of(&operation, &text));
        }
        Ok(response.map(Full::new))
    }

    async fn send(&self, parts: Parts, body: Bytes) -> Result<Response<Bytes>, Problem> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{}{}", self.engine.to_string().trim_end_matches('/'), path);
        let mut request = Request::builder().method(parts.method).uri(uri);
        for (name, value) in parts.headers.iter().filter(|(name, _)| ![CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING].contains(name))
        {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| problem!("the request cannot be forwarded: {error}"))?;
        let no_answer = |error: &dyn std::error::Error| problem!("the engine does not answer: {error}");
        let response = self.client.request(request).await.map_err(|error| no_answer(&error))?;
        let (mut parts, body) = response.into_parts();
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            parts.headers.remove(name);
        }
        let body = body.collect().await.map_err(|error| no_answer(&error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    state.forward(request).await.unwrap_or_else(|problem| {
        let mut response = Response::new(Full::new(Bytes::from(problem.to_string())));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

/// `GetItem` for `DynamoDB_20120810.GetItem`.
fn operation(parts: &Parts) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or("none");
    target.rsplit('.').next().unwrap_or(target).to_owned()
}

fn requesting_capacity(body: &Bytes) -> Result<Bytes, Problem> {
    let mut fields: Map<String, Value> = serde_json::from_slice(body).map_err(|error| problem!("the request is not JSON: {error}"))?;
    fields.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
    serde_json::to_vec(&fields).map(Bytes::from).map_err(|error| problem!("the request cannot be written: {error}"))
}
