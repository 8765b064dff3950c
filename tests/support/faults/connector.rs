//! The HTTP connector that injects the faults.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
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

use super::{Fault, Faults, process, wire::Wire};

/// The HTTP client of `client` with `faults`.
pub(super) fn over(faults: &Faults, client: &Client) -> SharedHttpClient {
    let inner = client.config().http_client().expect("a client has an HTTP client");
    let faults = faults.clone();
    http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
        use aws_smithy_runtime_api::client::http::HttpClient;
        let inner = inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, faults: faults.clone() })
    })
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fault = self.faults.fault_of(&request);
        let downstream = Downstream::new(self.inner.clone(), &self.faults);
        let transaction = operation(&request) == "TransactWriteItems";
        HttpConnectorFuture::new(async move {
            let reply = apply(fault, downstream, request, transaction).await;
            if transaction && reply.as_ref().is_ok_and(|reply| reply.status().is_success()) {
                process::note(|process| process.acknowledged += 1);
            }
            reply
        })
    }
}

/// Sends a request with its fault.
async fn apply(fault: Fault, downstream: Downstream, request: HttpRequest, transaction: bool) -> Result<HttpResponse, ConnectorError> {
    let mut fault = fault;
    while let Fault::Held(barrier, then) = fault {
        barrier.pass().await;
        fault = *then;
    }
    match fault {
        Fault::None | Fault::Held(..) => send(downstream, request, transaction).await,
        Fault::ConnectionRefused => Err(ConnectorError::io("connection refused".into())),
        Fault::TimedOut => Err(ConnectorError::timeout("no reply in time".into())),
        Fault::ReplyLost => {
            send(downstream, request, transaction).await?;
            Err(ConnectorError::io("connection reset".into()))
        }
        Fault::ErrorAfterwards => {
            send(downstream, request, transaction).await?;
            Ok(error(500, "InternalServerError", ""))
        }
        Fault::TruncatedReply => {
            let (status, bytes) = read(send(downstream, request, transaction).await?).await?;
            Ok(HttpResponse::new(status, SdkBody::from(&bytes[..bytes.len() - 1])))
        }
        Fault::ConflictAfterwards => {
            send(downstream, request, transaction).await?;
            Ok(cancelled(&["TransactionConflict"]))
        }
        Fault::LateConflict(barrier) => {
            send(downstream, request, transaction).await?;
            barrier.pass().await;
            Ok(cancelled(&["TransactionConflict"]))
        }
        Fault::Error(status, kind) => Ok(error(status, kind, "")),
        Fault::Cancelled(reasons) => Ok(cancelled(&reasons)),
        Fault::Dropped(reply) => Ok(HttpResponse::new(StatusCode::try_from(200).expect("a status code"), SdkBody::from(reply))),
        Fault::NoReply => std::future::pending().await,
        Fault::Late(pause) => {
            tokio::time::sleep(pause).await;
            send(downstream, request, transaction).await
        }
        Fault::Duplicated(pause) => {
            let again = request.try_clone().expect("the body is in memory");
            let reply = send(downstream.clone(), request, transaction).await;
            // DynamoDB detects only the copy of a committed transaction. The copy of a refused one would be a new request.
            if reply.as_ref().is_ok_and(|reply| reply.status().is_success()) {
                downstream.send_without_reply(again, pause);
            }
            reply
        }
        Fault::Crash => {
            send(downstream, request, transaction).await?;
            process::die().await;
            Err(ConnectorError::io("connection reset".into()))
        }
    }
}

/// Sends a request, and counts a transaction that committed.
async fn send(downstream: Downstream, request: HttpRequest, transaction: bool) -> Result<HttpResponse, ConnectorError> {
    let reply = downstream.send(request).await;
    if transaction && reply.as_ref().is_ok_and(|reply| reply.status().is_success()) {
        process::note(|process| process.committed += 1);
    }
    reply
}

/// The connection to DynamoDB. A request once sent is executed, even if its caller is gone.
#[derive(Clone)]
struct Downstream {
    inner: SharedHttpConnector,
    wire: Option<Arc<dyn Wire>>,
    in_flight: Arc<AtomicUsize>,
}

impl Downstream {
    fn new(inner: SharedHttpConnector, faults: &Faults) -> Self {
        let known = faults.lock();
        Self { inner, wire: known.wire.clone(), in_flight: Arc::clone(&known.in_flight) }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let guard = InFlight::begin(&self.in_flight);
        let sent = tokio::spawn(async move {
            let reply = match &self.wire {
                None => self.inner.call(request).await,
                Some(wire) => through(wire.as_ref(), &self.inner, request).await,
            };
            drop(guard);
            reply
        });
        sent.await.map_err(|error| ConnectorError::other(error.into(), None))?
    }

    /// Sends it after a pause and drops the reply.
    fn send_without_reply(self, request: HttpRequest, pause: std::time::Duration) {
        let guard = InFlight::begin(&self.in_flight);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let _ = self.send(request).await;
            drop(guard);
        });
    }
}

/// Counts a request while it is in flight.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn begin(in_flight: &Arc<AtomicUsize>) -> Self {
        in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(in_flight))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Sends a request as the wire changes it.
async fn through(wire: &dyn Wire, inner: &SharedHttpConnector, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let operation = operation(&request);
    let mut input = input(&request);
    let also = wire.request(&operation, &mut input);
    let second = also.map(|(other, input)| with(&request, other, &input));
    let (status, bytes) = read(inner.call(with(&request, &operation, &input)).await?).await?;
    if let Some(second) = second.filter(|_| status.is_success()) {
        inner.call(second).await?;
    }
    let mut output: Value = serde_json::from_slice(&bytes).expect("DynamoDB returns JSON");
    wire.reply(&operation, &mut output);
    Ok(HttpResponse::new(status, SdkBody::from(output.to_string())))
}

/// The same request with another operation and body.
fn with(request: &HttpRequest, operation: &str, input: &Value) -> HttpRequest {
    let mut changed = request.try_clone().expect("the body is in memory");
    let body = input.to_string();
    changed.headers_mut().insert("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    changed.headers_mut().insert("content-length", body.len().to_string());
    *changed.body_mut() = SdkBody::from(body);
    changed
}

/// The operation of a request.
#[must_use]
pub fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The body of a request.
#[must_use]
pub fn input(request: &HttpRequest) -> Value {
    request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
}

async fn read(response: HttpResponse) -> Result<(StatusCode, Vec<u8>), ConnectorError> {
    let (status, body) = (response.status(), ByteStream::new(response.into_body()));
    let bytes = body.collect().await.map_err(|error| ConnectorError::io(error.into()))?;
    Ok((status, bytes.to_vec()))
}

fn cancelled(reasons: &[&str]) -> HttpResponse {
    let reasons: Vec<String> = reasons.iter().map(|code| format!("{{\"Code\":\"{code}\"}}")).collect();
    error(400, "TransactionCanceledException", &format!(",\"CancellationReasons\":[{}]", reasons.join(",")))
}

fn error(status: u16, kind: &str, more: &str) -> HttpResponse {
    let body = format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{kind}\",\"message\":\"injected\"{more}}}");
    HttpResponse::new(StatusCode::try_from(status).expect("a status code"), SdkBody::from(body))
}
