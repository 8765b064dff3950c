//! The wire between a courier and the services: on it requests get lost, and at any of them the courier may die.

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
    counts::What,
    mutation::Mutation,
    send_log::{Context, Entry, sending_of},
};
use support::random::Random;

/// Whom a wire leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Table,
    Mails,
    Events,
}

/// Where a process dies: at its so-many-th request, or the so-many-th to one service; before that is carried out, or after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crash {
    left: usize,
    among: Option<Service>,
    after: bool,
}

impl Crash {
    pub(super) fn draw(random: &mut Random) -> Self {
        let (among, most) = *random.pick(&[(None, 30), (Some(Service::Table), 30), (Some(Service::Mails), 5), (Some(Service::Events), 5)]);
        Self { left: 1 + random.below(most), among, after: random.chance(1, 2) }
    }
}

/// The liveness of one process.
#[derive(Debug)]
pub(super) struct Liveness {
    context: Arc<Context>,
    died: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    invocation: u64,
    crash: Option<Crash>,
    random: Random,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    Refused,
    ReplyLost,
    ErrorAfterwards,
    Throttled,
    /// It is acknowledged and not carried out. No service does that: see [`Mutation`].
    Forgotten,
}

/// What a request is about, as far as the send_log is concerned.
enum About {
    Mail(Entry),
    Write(String),
    Other(String),
    Nothing,
}

impl Liveness {
    pub(super) fn new(context: Arc<Context>, random: Random) -> Self {
        Self { context, died: Notify::new(), state: Mutex::new(State { invocation: 0, crash: None, random }) }
    }

    /// Another invocation begins, which perhaps is the last.
    pub(super) fn invoked(&self, crash: Option<Crash>) {
        let mut state = self.state();
        state.invocation = self.context.next_invocation();
        state.crash = crash;
    }

    /// When it is over.
    pub(super) async fn over(&self) {
        self.died.notified().await;
    }

    /// The way from this process to a service.
    pub(super) fn wire(self: &Arc<Self>, service: Service, over: &SharedHttpClient) -> SharedHttpClient {
        let (inner, liveness) = (over.clone(), Arc::clone(self));
        http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
            let inner = inner.http_connector(settings, components);
            SharedHttpConnector::new(Wire { inner, service, liveness: Arc::clone(&liveness) })
        })
    }

    async fn die(&self) -> Infallible {
        let invocation = self.state().invocation;
        self.context.send_log().killed(invocation);
        self.died.notify_one();
        pending().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request: in which invocation it is, whether the process dies now, and what happens to it.
    fn next(&self, service: Service, operation: &str) -> (u64, Option<Crash>, Mishap) {
        let mut state = self.state();
        let mut dies = None;
        if let Some(crash) = state.crash.as_mut().filter(|crash| crash.among.is_none_or(|among| among == service)) {
            crash.left = crash.left.saturating_sub(1);
            dies = (crash.left == 0).then_some(*crash);
        }
        let mishap = Mishap::draw(service, operation, &self.context, &mut state.random);
        let what = match (service, mishap) {
            (_, Mishap::None) => None,
            (Service::Table, _) => Some(What::TableFaults),
            (Service::Mails, _) => Some(What::RepliesLost),
            (Service::Events, _) => Some(What::BusRefusals),
        };
        if let Some(what) = what {
            self.context.counts.add(what, 1);
        }
        (state.invocation, dies, mishap)
    }
}

impl Mishap {
    fn draw(service: Service, operation: &str, context: &Context, random: &mut Random) -> Self {
        let mutations = match service {
            Service::Table => Mutation::TableForgets,
            Service::Mails => Mutation::MailsVanish,
            Service::Events => Mutation::EventsVanish,
        };
        let forgets = context.mutations.contains(&mutations) && (service != Service::Table || operation == "UpdateItem");
        if forgets && random.chance(1, 8) {
            return Self::Forgotten;
        }
        let (one_in, kinds): (_, &[Self]) = match service {
            Service::Table => (context.storm(), &[Self::Refused, Self::ReplyLost, Self::ErrorAfterwards, Self::Throttled]),
            Service::Mails => (context.storm() * 3, &[Self::ReplyLost]),
            Service::Events => (context.storm() * 3, &[Self::Refused, Self::ReplyLost]),
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
        HttpConnectorFuture::new(async move { wire.carry(request).await })
    }
}

impl Wire {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let (invocation, dies, mishap) = self.liveness.next(self.service, &operation);
        if dies.is_some_and(|crash| !crash.after) {
            match self.liveness.die().await {}
        }
        let about = self.about(invocation, &operation, &request);
        let reply = self.meet(mishap, request).await;
        if dies.is_some() {
            match self.liveness.die().await {}
        }
        self.observe(invocation, about, reply).await
    }

    fn about(&self, invocation: u64, operation: &str, request: &HttpRequest) -> About {
        let body: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        match self.service {
            Service::Mails => {
                sending_of(&body).map_or(About::Nothing, |it| About::Mail(self.liveness.context.send_log().ask(invocation, it)))
            }
            Service::Table => match body["Key"]["sk"]["S"].as_str().and_then(|key| key.strip_prefix("I#")) {
                Some(id) if operation == "UpdateItem" => About::Write(id.to_owned()),
                Some(id) => About::Other(id.to_owned()),
                None => About::Nothing,
            },
            Service::Events => About::Nothing,
        }
    }

    async fn meet(&self, mishap: Mishap, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let carried_out = async { self.inner.call(request).await };
        match mishap {
            Mishap::None => carried_out.await,
            Mishap::Refused => Err(ConnectorError::io("connection refused".into())),
            Mishap::ReplyLost => {
                carried_out.await?;
                Err(ConnectorError::timeout("no answer".into()))
            }
            Mishap::ErrorAfterwards => {
                carried_out.await?;
                Ok(response(500, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\",\"message\":\"injected\"}"))
            }
            Mishap::Throttled => {
                Ok(response(400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"message\":\"injected\"}"))
            }
            Mishap::Forgotten => Ok(match self.service {
                Service::Table => response(200, "{}"),
                Service::Mails => response(200, "{\"MessageId\":\"none\"}"),
                Service::Events => response(200, "{\"FailedEntryCount\":0,\"Entries\":[]}"),
            }),
        }
    }

    /// Enters into the send_log what the courier is about to learn.
    async fn observe(
        &self,
        invocation: u64,
        about: About,
        reply: Result<HttpResponse, ConnectorError>,
    ) -> Result<HttpResponse, ConnectorError> {
        let send_log = || self.liveness.context.send_log();
        let good = reply.as_ref().is_ok_and(|response| response.status().is_success());
        match about {
            About::Mail(entry) => {
                let response = reply?;
                let status = response.status();
                let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| ConnectorError::io(error.into()))?;
                let body = body.into_bytes();
                let said: Value = serde_json::from_slice(&body).unwrap_or_default();
                send_log().answered(entry, said["MessageId"].as_str().filter(|_| good).map(str::to_owned));
                return Ok(HttpResponse::new(status, SdkBody::from(body)));
            }
            About::Write(id) => send_log().table_said(invocation, &id, good),
            About::Other(id) if !good => send_log().table_said(invocation, &id, false),
            About::Other(_) | About::Nothing => {}
        }
        reply
    }
}

fn response(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status code"), SdkBody::from(body))
}
