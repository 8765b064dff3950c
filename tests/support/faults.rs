//! What can go wrong between the SDK and DynamoDB, on demand.
//!
//! Local engines never conflict, throttle or lose a reply; this does. It stands in for the SDK's HTTP connector.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{Client, error::ConnectorError};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde_json::Value;
use tokio::sync::Semaphore;

/// What happens to one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing.
    None,
    /// It never reaches DynamoDB.
    Refused,
    /// DynamoDB carries it out, and the reply is lost.
    ReplyLost,
    /// DynamoDB carries it out and answers with an internal error.
    ErrorAfterwards,
    /// An error of this type comes back at once, and nothing is carried out.
    Error(u16, &'static str),
    /// The transaction is cancelled for these reasons, and nothing is carried out.
    Cancelled(Vec<&'static str>),
    /// DynamoDB carries the transaction out and reports a conflict: so it looks when an earlier try of the same operation
    /// was carried out late.
    ConflictAfterwards,
    /// The same, and the report of the conflict waits at the gate.
    LateConflict(Gate),
    /// DynamoDB carries it out, and the last byte of its reply is missing.
    Garbled,
    /// No answer comes, ever.
    Silence,
    /// It waits at the gate, and then this happens to it.
    Held(Gate, Box<Fault>),
}

/// Where a request waits until the test lets it go on.
#[derive(Debug, Clone)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// Waits until a request has come here.
    pub async fn arrived(&self) {
        self.arrived.acquire().await.expect("a gate is never torn down").forget();
    }

    /// Lets one request go on.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.opened.acquire().await.expect("a gate is never torn down").forget();
    }
}

/// The faults to come, in order, and the requests that were made. What comes after the last fault is left alone.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Fault>,
    transactions: VecDeque<Fault>,
    /// For all requests to come.
    always: Option<Fault>,
    sometimes: Option<Sometimes>,
    /// The operation and the JSON of each.
    requests: Vec<(String, Value)>,
}

/// A sequence that only its seed decides.
#[derive(Debug)]
struct Sometimes {
    faults: Vec<Fault>,
    one_in: u64,
    state: u64,
    met: usize,
}

impl Sometimes {
    /// Only transactions are cancelled.
    fn draw(&mut self, transaction: bool) -> Option<Fault> {
        // Knuth's MMIX generator; its high bits are the random ones.
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = self.state >> 33;
        if !drawn.is_multiple_of(self.one_in) {
            return None;
        }
        let fault = self.faults[(drawn / self.one_in) as usize % self.faults.len()].clone();
        let fits = transaction || !matches!(fault, Fault::Cancelled(_) | Fault::ConflictAfterwards | Fault::LateConflict(_));
        self.met += usize::from(fits);
        fits.then_some(fault)
    }
}

impl Faults {
    /// The next requests meet these, in order.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().queue.extend(faults);
    }

    /// The next transactions meet these, in order; other requests do not.
    pub fn transactions(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().transactions.extend(faults);
    }

    /// All requests meet this from now on.
    pub fn always(&self, fault: Fault) {
        self.lock().always = Some(fault);
    }

    /// One request in `one_in` meets one of these from now on. `seed` decides which.
    pub fn sometimes(&self, seed: u64, one_in: u64, faults: Vec<Fault>) {
        self.lock().sometimes = Some(Sometimes { faults, one_in, state: seed, met: 0 });
    }

    /// How many requests have met one of those that come sometimes.
    #[must_use]
    pub fn met(&self) -> usize {
        self.lock().sometimes.as_ref().map_or(0, |sometimes| sometimes.met)
    }

    /// No more faults.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.queue.clear();
        inner.transactions.clear();
        inner.always = None;
        inner.sometimes = None;
    }

    /// How many faults are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        let inner = self.lock();
        inner.queue.len() + inner.transactions.len()
    }

    /// The operations requested since the last time this was asked, every attempt counted.
    #[must_use]
    pub fn take_operations(&self) -> Vec<String> {
        self.take_requests().into_iter().map(|(operation, _)| operation).collect()
    }

    /// The operations requested since the last time this was asked, each with its JSON, every attempt counted.
    #[must_use]
    pub fn take_requests(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.lock().requests)
    }

    /// An HTTP client that meets these faults on its way to where `client` goes.
    pub(crate) fn over(&self, client: &Client) -> SharedHttpClient {
        let inner = client.config().http_client().expect("a client has an HTTP client");
        let faults = self.clone();
        http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
            use aws_smithy_runtime_api::client::http::HttpClient;
            let inner = inner.http_connector(settings, components);
            SharedHttpConnector::new(Connector { inner, faults: faults.clone() })
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics in here")
    }

    fn meet(&self, request: &HttpRequest) -> Fault {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let input = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let transaction = operation == "TransactWriteItems";
        let mut inner = self.lock();
        inner.requests.push((operation, input));
        let next = if transaction { inner.transactions.pop_front() } else { None };
        let next = next.or_else(|| inner.queue.pop_front()).or_else(|| inner.always.clone());
        next.or_else(|| inner.sometimes.as_mut().and_then(|sometimes| sometimes.draw(transaction))).unwrap_or(Fault::None)
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fault = self.faults.meet(&request);
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            let mut fault = fault;
            while let Fault::Held(gate, then) = fault {
                gate.pass().await;
                fault = *then;
            }
            match fault {
                Fault::None | Fault::Held(..) => inner.call(request).await,
                Fault::Refused => Err(ConnectorError::io("connection refused".into())),
                Fault::ReplyLost => {
                    inner.call(request).await?;
                    Err(ConnectorError::io("connection reset".into()))
                }
                Fault::ErrorAfterwards => {
                    inner.call(request).await?;
                    Ok(error(500, "InternalServerError", ""))
                }
                Fault::Garbled => {
                    let response = inner.call(request).await?;
                    let (status, body) = (response.status(), ByteStream::new(response.into_body()));
                    let bytes = body.collect().await.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
                    Ok(HttpResponse::new(status, SdkBody::from(bytes.slice(..bytes.len() - 1))))
                }
                Fault::ConflictAfterwards => {
                    inner.call(request).await?;
                    Ok(cancelled(&["TransactionConflict"]))
                }
                Fault::LateConflict(gate) => {
                    inner.call(request).await?;
                    gate.pass().await;
                    Ok(cancelled(&["TransactionConflict"]))
                }
                Fault::Error(status, kind) => Ok(error(status, kind, "")),
                Fault::Cancelled(reasons) => Ok(cancelled(&reasons)),
                Fault::Silence => std::future::pending().await,
            }
        })
    }
}

fn cancelled(reasons: &[&str]) -> HttpResponse {
    let reasons: Vec<String> = reasons.iter().map(|code| format!("{{\"Code\":\"{code}\"}}")).collect();
    error(400, "TransactionCanceledException", &format!(",\"CancellationReasons\":[{}]", reasons.join(",")))
}

fn error(status: u16, kind: &str, more: &str) -> HttpResponse {
    let body = format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{kind}\",\"message\":\"injected\"{more}}}");
    HttpResponse::new(StatusCode::try_from(status).expect("a status code"), SdkBody::from(body))
}
