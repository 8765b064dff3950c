//! The connection between a courier and the services: keeps the send log, and lets the courier crash at any request. Beyond it are the
//! faults of [`support::faults`].

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::{config::SharedHttpClient, error::ConnectorError};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde_json::Value;

use super::send_log::{Context, Entry, send_of_request};
use support::{
    faults::{input, operation, process},
    random::Random,
};

/// The service at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Table,
    Ses,
    EventBridge,
}

/// When a process crashes: at which request, counting all or only those to one service, and before or after its execution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crash {
    requests_left: usize,
    service: Option<Service>,
    after: bool,
}

impl Crash {
    pub(super) fn draw(random: &mut Random) -> Self {
        let (service, max) =
            *random.pick(&[(None, 30), (Some(Service::Table), 30), (Some(Service::Ses), 5), (Some(Service::EventBridge), 5)]);
        Self { requests_left: 1 + random.below(max), service, after: random.chance(1, 2) }
    }
}

/// The liveness of one process.
#[derive(Debug)]
pub(super) struct Liveness {
    context: Arc<Context>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    invocation: u64,
    crash: Option<Crash>,
}

/// The subject of a request, for the send log.
enum Subject {
    Email(Entry),
    Write(String),
    Other(String),
    Nothing,
}

impl Liveness {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context, state: Mutex::new(State { invocation: 0, crash: None }) }
    }

    /// Starts an invocation, which may end with a crash.
    pub(super) fn start_invocation(&self, crash: Option<Crash>) {
        let mut state = self.state();
        state.invocation = self.context.next_invocation();
        state.crash = crash;
    }

    /// The connection from this process to a service.
    pub(super) fn wire(self: &Arc<Self>, service: Service, http_client: SharedHttpClient) -> SharedHttpClient {
        let liveness = Arc::clone(self);
        http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
            let inner = http_client.http_connector(settings, components);
            SharedHttpConnector::new(Wire { inner, service, liveness: Arc::clone(&liveness) })
        })
    }

    async fn crash(&self) -> Infallible {
        let invocation = self.state().invocation;
        self.context.send_log().crashed(invocation);
        process::die().await;
        unreachable!("a crash is drawn only for a process that can be killed")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request. Returns its invocation, and the crash if it happens now.
    fn next(&self, service: Service) -> (u64, Option<Crash>) {
        let mut state = self.state();
        let mut crashes = None;
        if let Some(crash) = state.crash.as_mut().filter(|crash| crash.service.is_none_or(|only| only == service)) {
            crash.requests_left = crash.requests_left.saturating_sub(1);
            crashes = (crash.requests_left == 0).then_some(*crash);
        }
        (state.invocation, crashes)
    }
}

#[derive(Debug)]
struct Wire {
    inner: SharedHttpConnector,
    service: Service,
    liveness: Arc<Liveness>,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = Self { inner: self.inner.clone(), service: self.service, liveness: Arc::clone(&self.liveness) };
        HttpConnectorFuture::new(async move { wire.send(request).await })
    }
}

impl Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let (invocation, crashes) = self.liveness.next(self.service);
        if crashes.is_some_and(|crash| !crash.after) {
            match self.liveness.crash().await {}
        }
        let subject = self.subject(invocation, &request);
        let reply = self.inner.call(request).await;
        if crashes.is_some() {
            match self.liveness.crash().await {}
        }
        self.observe(invocation, subject, reply).await
    }

    fn subject(&self, invocation: u64, request: &HttpRequest) -> Subject {
        let body = input(request);
        match self.service {
            Service::Ses => send_of_request(&body)
                .map_or(Subject::Nothing, |it| Subject::Email(self.liveness.context.send_log().request(invocation, it))),
            Service::Table => match body["Key"]["sk"]["S"].as_str().and_then(|key| key.strip_prefix("I#")) {
                Some(id) if operation(request) == "UpdateItem" => Subject::Write(id.to_owned()),
                Some(id) => Subject::Other(id.to_owned()),
                None => Subject::Nothing,
            },
            Service::EventBridge => Subject::Nothing,
        }
    }

    /// Records in the send log what the courier learns from the reply.
    async fn observe(
        &self,
        invocation: u64,
        subject: Subject,
        reply: Result<HttpResponse, ConnectorError>,
    ) -> Result<HttpResponse, ConnectorError> {
        let send_log = || self.liveness.context.send_log();
        let success = reply.as_ref().is_ok_and(|response| response.status().is_success());
        match subject {
            Subject::Email(entry) => {
                let response = reply?;
                let status = response.status();
                let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| ConnectorError::io(error.into()))?;
                let body = body.into_bytes();
                let reply: Value = serde_json::from_slice(&body).unwrap_or_default();
                send_log().ses_replied(entry, reply["MessageId"].as_str().filter(|_| success).map(str::to_owned));
                return Ok(HttpResponse::new(status, SdkBody::from(body)));
            }
            Subject::Write(id) => send_log().table_replied(invocation, &id, success),
            Subject::Other(id) if !success => send_log().table_replied(invocation, &id, false),
            Subject::Other(_) | Subject::Nothing => {}
        }
        reply
    }
}
