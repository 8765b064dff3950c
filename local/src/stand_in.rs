//! The common part of the stand-ins for AWS services: each records what it accepts and responds by a scripted behaviour,
//! including failures that a web framework does not offer.

use std::{
    fmt,
    future::pending,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderName, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::iam::{Call, Guard};
use crate::server::{NoResponse, Server, accept, connection, free_port};

/// AWS accepts no larger request.
const MAX_REQUEST: usize = 40 * 1024 * 1024;

/// The header that names an error in AWS's REST protocols.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// A service that a stand-in emulates.
pub trait Service: Sized + 'static {
    /// The stand-in's name, for its thread.
    const NAME: &'static str;
    /// The recorded type.
    type Record: Clone + Send;
    /// The input of a script.
    type Call: ?Sized + 'static;
    /// The output of a script.
    type Behaviour: Send;
    /// The behaviour of a stand-in without a script.
    const DEFAULT: Self::Behaviour;
    /// The HTTP status of a refusal.
    const REFUSED: u16;

    /// Answers one request.
    #[doc(hidden)]
    fn reply(state: &mut State<Self>, parts: &Parts, body: &Bytes) -> Reply;
}

type Script<S> = Box<dyn FnMut(&<S as Service>::Call) -> <S as Service>::Behaviour + Send>;

/// A running stand-in. Dropping it stops it.
pub struct StandIn<S: Service> {
    server: Server,
    state: Arc<Mutex<State<S>>>,
}

/// The records of a stand-in, and the script for the next call.
pub struct State<S: Service> {
    pub(crate) records: Vec<S::Record>,
    pub(crate) script: Script<S>,
    guard: Option<Guard>,
}

impl<S: Service> StandIn<S> {
    /// Starts a stand-in on a free port of loopback. It accepts every valid request.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn on_free_port() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State { records: Vec::new(), script: Box::new(|_| S::DEFAULT), guard: None }));
        let shared = Arc::clone(&state);
        let server = Server::on_thread(S::NAME, free_port()?, |listener, stopped| async move {
            tokio::select! {
                never = accept(listener, |stream| serve::<S>(stream, Arc::clone(&shared))) => match never {},
                _ = stopped => {}
            }
        })?;
        Ok(Self { server, state })
    }

    /// The URL for the client's `AWS_ENDPOINT_URL_…`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// From now on `script` decides on each valid call, before anything of it is recorded.
    pub fn answer_with(&self, script: impl FnMut(&S::Call) -> S::Behaviour + Send + 'static) {
        lock(&self.state).script = Box::new(script);
    }

    /// From now on it refuses what `guard` does not allow. Without one it accepts every access key.
    pub fn guard_by(&self, guard: Guard) {
        lock(&self.state).guard = Some(guard);
    }

    /// The records, oldest first.
    pub(crate) fn records(&self) -> Vec<S::Record> {
        lock(&self.state).records.clone()
    }

    /// Forgets the records, and returns them: for runs that would fill the memory with them.
    #[must_use]
    pub fn take(&self) -> Vec<S::Record> {
        std::mem::take(&mut lock(&self.state).records)
    }
}

impl<S: Service> fmt::Debug for StandIn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(S::NAME).field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

/// A test's script that panicked while the lock was held has left the records whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reply to a request.
pub enum Reply {
    /// This status and JSON, and the code of an error.
    Json(u16, Value, Option<&'static str>),
    /// The connection is closed without a response.
    Close,
    /// The connection stays open without a response.
    Hang,
}

impl Reply {
    pub(crate) fn error(status: u16, code: &'static str, message: &str) -> Self {
        Self::Json(status, json!({ "__type": code, "message": message }), Some(code))
    }
}

async fn serve<S: Service>(stream: TcpStream, state: Arc<Mutex<State<S>>>) {
    let respond = async |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), MAX_REQUEST).await.map_err(|_| NoResponse)?;
        let guard = lock(&state).guard.clone();
        let reply = match guard.map_or(Ok(()), |guard| guard.check(&Call::of(&parts, &body))) {
            Ok(()) => S::reply(&mut lock(&state), &parts, &body),
            Err(refusal) => Reply::error(S::REFUSED, refusal.code, &refusal.message),
        };
        match reply {
            Reply::Json(status, body, code) => Ok(response(status, &body, code)),
            Reply::Close => Err(NoResponse),
            Reply::Hang => pending().await,
        }
    };
    connection(stream, respond).await;
}

fn response(status: u16, body: &Value, code: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(code) = code {
        response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code));
    }
    response
}
