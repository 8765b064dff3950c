//! The connection between a courier and the services. It loses requests and replies, and the courier may crash at any request.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::{config::SharedHttpClient, error::ConnectorError};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    counts::Counter,
    defects::Defect,
    send_log::{Context, Entry, send_of_request},
};
use support::random::Random;

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
    crash: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    invocation: u64,
    crash: Option<Crash>,
    random: Random,
}

/// The fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InjectedFault {
    None,
    ConnectionRefused,
    ReplyLost,
    ErrorAfterwards,
    Throttled,
    /// It is acknowledged but not executed. No real service does that: see [`Defect`].
    Dropped,
}

/// The subject of a request, for the send log.
enum Subject {
    Email(Entry),
    Write(String),
    Other(String),
    Nothing,
}

impl Liveness {
    pub(super) fn new(context: Arc<Context>, random: Random) -> Self {
        Self { context, crash: Notify::new(), state: Mutex::new(State { invocation: 0, crash: None, random }) }
    }

    /// Starts an invocation, which may end with a crash.
    pub(super) fn start_invocation(&self, crash: Option<Crash>) {
        let mut state = self.state();
        state.invocation = self.context.next_invocation();
        state.crash = crash;
    }

    /// Waits for the crash.
    pub(super) async fn crashed(&self) {
        self.crash.notified().await;
    }

    /// The connection from this process to a service.
    pub(super) fn wire(self: &Arc<Self>, service: Service, http_client: &SharedHttpClient) -> SharedHttpClient {
        let (inner, liveness) = (http_client.clone(), Arc::clone(self));
        http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
            let inner = inner.http_connector(settings, components);
            SharedHttpConnector::new(Wire { inner, service, liveness: Arc::clone(&liveness) })
        })
    }

    async fn crash(&self) -> Infallible {
        let invocation = self.state().invocation;
        self.context.send_log().crashed(invocation);
        self.crash.notify_one();
        pending().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request. Returns its invocation, the crash if it happens now, and the injected fault.
    fn next(&self, service: Service, operation: &str) -> (u64, Option<Crash>, InjectedFault) {
        let mut state = self.state();
        let mut crashes = None;
        if let Some(crash) = state.crash.as_mut().filter(|crash| crash.service.is_none_or(|only| only == service)) {
            crash.requests_left = crash.requests_left.saturating_sub(1);
            crashes = (crash.requests_left == 0).then_some(*crash);
        }
        let fault = InjectedFault::draw(service, operation, &self.context, &mut state.random);
        let counter = match (service, fault) {
            (_, InjectedFault::None) => None,
            (Service::Table, _) => Some(Counter::TableFaults),
            (Service::Ses, _) => Some(Counter::RepliesLost),
            (Service::EventBridge, _) => Some(Counter::BusRefusals),
        };
        if let Some(counter) = counter {
            self.context.counts.add(counter, 1);
        }
        (state.invocation, crashes, fault)
    }
}

impl InjectedFault {
    fn draw(service: Service, operation: &str, context: &Context, random: &mut Random) -> Self {
        let defect = match service {
            Service::Table => Defect::TableDropsWrites,
            Service::Ses => Defect::EmailsLost,
            Service::EventBridge => Defect::EventsLost,
        };
        let drops = context.defects.contains(&defect) && (service != Service::Table || operation == "UpdateItem");
        if drops && random.chance(1, 8) {
            return Self::Dropped;
        }
        let (one_in, kinds): (_, &[Self]) = match service {
            Service::Table => (context.fault_odds(), &[Self::ConnectionRefused, Self::ReplyLost, Self::ErrorAfterwards, Self::Throttled]),
            Service::Ses => (context.fault_odds() * 3, &[Self::ReplyLost]),
            Service::EventBridge => (context.fault_odds() * 3, &[Self::ConnectionRefused, Self::ReplyLost]),
        };
        if one_in > 0 && random.chance(1, one_in) { *random.pick(kinds) } else { Self::None }
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
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let (invocation, crashes, fault) = self.liveness.next(self.service, &operation);
        if crashes.is_some_and(|crash| !crash.after) {
            match self.liveness.crash().await {}
        }
        let subject = self.subject(invocation, &operation, &request);
        let reply = self.inject(fault, request).await;
        if crashes.is_some() {
            match self.liveness.crash().await {}
        }
        self.observe(invocation, subject, reply).await
    }

    fn subject(&self, invocation: u64, operation: &str, request: &HttpRequest) -> Subject {
        let body: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        match self.service {
            Service::Ses => send_of_request(&body)
                .map_or(Subject::Nothing, |it| Subject::Email(self.liveness.context.send_log().request(invocation, it))),
            Service::Table => match body["Key"]["sk"]["S"].as_str().and_then(|key| key.strip_prefix("I#")) {
                Some(id) if operation == "UpdateItem" => Subject::Write(id.to_owned()),
                Some(id) => Subject::Other(id.to_owned()),
                None => Subject::Nothing,
            },
            Service::EventBridge => Subject::Nothing,
        }
    }

    async fn inject(&self, fault: InjectedFault, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let execute = async { self.inner.call(request).await };
        match fault {
            InjectedFault::None => execute.await,
            InjectedFault::ConnectionRefused => Err(ConnectorError::io("connection refused".into())),
            InjectedFault::ReplyLost => {
                execute.await?;
                Err(ConnectorError::timeout("no answer".into()))
            }
            InjectedFault::ErrorAfterwards => {
                execute.await?;
                Ok(response(500, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\",\"message\":\"injected\"}"))
            }
            InjectedFault::Throttled => {
                Ok(response(400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"message\":\"injected\"}"))
            }
            InjectedFault::Dropped => Ok(match self.service {
                Service::Table => response(200, "{}"),
                Service::Ses => response(200, "{\"MessageId\":\"none\"}"),
                Service::EventBridge => response(200, "{\"FailedEntryCount\":0,\"Entries\":[]}"),
            }),
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

fn response(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status code"), SdkBody::from(body))
}
