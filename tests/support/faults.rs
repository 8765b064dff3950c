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
use aws_smithy_types::body::SdkBody;

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
    /// No answer comes, ever.
    Silence,
}

/// The faults to come, in order, and the requests that were made. What comes after the last fault is left alone.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Fault>,
    /// For all requests to come.
    always: Option<Fault>,
    operations: Vec<String>,
}

impl Faults {
    /// The next requests meet these, in order.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().queue.extend(faults);
    }

    /// All requests meet this from now on.
    pub fn always(&self, fault: Fault) {
        self.lock().always = Some(fault);
    }

    /// No more faults.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.queue.clear();
        inner.always = None;
    }

    /// How many faults are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.lock().queue.len()
    }

    /// The operations requested since the last time this was asked, every attempt counted.
    #[must_use]
    pub fn take_operations(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().operations)
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
        let mut inner = self.lock();
        inner.operations.push(target.rsplit('.').next().unwrap_or_default().to_owned());
        let next = inner.queue.pop_front();
        next.or_else(|| inner.always.clone()).unwrap_or(Fault::None)
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
            match fault {
                Fault::None => inner.call(request).await,
                Fault::Refused => Err(ConnectorError::io("connection refused".into())),
                Fault::ReplyLost => {
                    inner.call(request).await?;
                    Err(ConnectorError::io("connection reset".into()))
                }
                Fault::ErrorAfterwards => {
                    inner.call(request).await?;
                    Ok(error(500, "InternalServerError", ""))
                }
                Fault::Error(status, kind) => Ok(error(status, kind, "")),
                Fault::Cancelled(reasons) => {
                    let reasons: Vec<String> = reasons.iter().map(|code| format!("{{\"Code\":\"{code}\"}}")).collect();
                    Ok(error(400, "TransactionCanceledException", &format!(",\"CancellationReasons\":[{}]", reasons.join(","))))
                }
                Fault::Silence => std::future::pending().await,
            }
        })
    }
}

fn error(status: u16, kind: &str, more: &str) -> HttpResponse {
    let body = format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{kind}\",\"message\":\"injected\"{more}}}");
    HttpResponse::new(StatusCode::try_from(status).expect("a status code"), SdkBody::from(body))
}
