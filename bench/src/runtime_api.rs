//! Lambda's runtime API for one sandbox, from which a function gets events and to which it posts responses.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use local::server::{Server, connection, free_port};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{Problem, problem};

const PREFIX: &str = "/2018-06-01/runtime/";
/// The ARN that functions see.
const ARN: &str = "arn:aws:lambda:us-east-1:012345678912:function:bench";
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

/// The runtime API of one sandbox, on a port of its own.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Server,
    calls: mpsc::UnboundedReceiver<Call>,
    /// The function's pending request for an event.
    waiting: Option<Waiting>,
    invocations: u64,
    time_limit: Duration,
}

/// A completed invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// From the delivery of the event to the end of the response.
    pub took: Duration,
    /// The function's response.
    pub response: String,
}

/// The function's request for an event, and the channel for it.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    event: oneshot::Sender<Event>,
}

#[derive(Debug)]
struct Event {
    id: String,
    deadline: Duration,
    body: Bytes,
}

/// A call by the function.
#[derive(Debug)]
enum Call {
    Waiting(Waiting),
    Response { id: String, at: Instant, result: Result<Bytes, String> },
    InitError(String),
}

impl RuntimeApi {
    /// Starts the API. An invocation fails after `time_limit`, which is also the deadline that the function gets.
    ///
    /// # Errors
    /// When no port is available.
    pub async fn start(time_limit: Duration) -> Result<Self, Problem> {
        let (sender, calls) = mpsc::unbounded_channel();
        let serve = move |stream| {
            let sender = sender.clone();
            async move { connection(stream, async |request| Ok(answer(request, &sender).await)).await }
        };
        let server = free_port().and_then(|port| Server::on_runtime(port, serve));
        let server = server.map_err(|error| problem!("no port of loopback can be served: {error}"))?;
        Ok(Self { server, calls, waiting: None, invocations: 0, time_limit })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until the function has requested an event, and returns when it did.
    ///
    /// # Errors
    /// When it reports that it cannot start, or the time limit passes.
    pub async fn ready(&mut self, time_limit: Duration) -> Result<Instant, Problem> {
        timeout(time_limit, self.next_waiting()).await.map_err(|_| problem!("the function requested no event within {time_limit:?}"))?
    }

    /// Delivers an event to the function, once it has requested one, and waits for the response.
    ///
    /// # Errors
    /// When the function reports an error, or the time limit passes.
    pub async fn invoke(&mut self, event: &str) -> Result<Invocation, Problem> {
        let time_limit = self.time_limit;
        timeout(time_limit, self.exchange(event)).await.map_err(|_| problem!("no response within {time_limit:?}"))?
    }

    async fn exchange(&mut self, event: &str) -> Result<Invocation, Problem> {
        let body = Bytes::copy_from_slice(event.as_bytes());
        self.next_waiting().await?;
        let Some(waiting) = self.waiting.take() else { return Err(problem!("the function closed its connection")) };
        self.invocations += 1;
        let id = format!("8476a536-e9f4-11e8-9739-{:012}", self.invocations);
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.time_limit;
        let delivered = Instant::now();
        waiting.event.send(Event { id: id.clone(), deadline, body }).map_err(|_| problem!("the function closed its connection"))?;
        loop {
            match self.calls.recv().await {
                Some(Call::Response { id: of, at, result }) if of == id => {
                    let response = result.map_err(|error| problem!("the function failed: {error}"))?;
                    let response = String::from_utf8(response.into()).map_err(|error| problem!("the response is not UTF-8: {error}"))?;
                    return Ok(Invocation { took: at - delivered, response });
                }
                Some(Call::Response { id: of, .. }) => return Err(problem!("a response to the unknown request {of}")),
                // A runtime may request the next event on another connection before its response has been read here.
                Some(Call::Waiting(waiting)) => self.waiting = Some(waiting),
                Some(Call::InitError(error)) => return Err(problem!("the function cannot start: {error}")),
                None => return Err(problem!("the runtime API has ended")),
            }
        }
    }

    async fn next_waiting(&mut self) -> Result<Instant, Problem> {
        loop {
            if let Some(waiting) = self.waiting.take_if(|waiting| !waiting.event.is_closed()) {
                let since = waiting.since;
                self.waiting = Some(waiting);
                return Ok(since);
            }
            match self.calls.recv().await {
                Some(Call::Waiting(waiting)) => self.waiting = Some(waiting),
                Some(Call::InitError(error)) => return Err(problem!("the function cannot start: {error}")),
                Some(Call::Response { id, .. }) => return Err(problem!("a response to the unknown request {id}")),
                None => return Err(problem!("the runtime API has ended")),
            }
        }
    }
}

/// Answers one request of the function.
async fn answer(request: Request<Incoming>, calls: &mpsc::UnboundedSender<Call>) -> Response<Full<Bytes>> {
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let call = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => return next(calls).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            body(request).await.map(|body| Call::Response { id: (*id).to_owned(), at: Instant::now(), result: Ok(body) })
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            body(request).await.map(|body| Call::Response { id: (*id).to_owned(), at: Instant::now(), result: Err(text(&body)) })
        }
        (&Method::POST, ["init", "error"]) => body(request).await.map(|body| Call::InitError(text(&body))),
        _ => return status(StatusCode::NOT_FOUND),
    };
    match call {
        Some(call) => {
            // The receiver is gone when the sandbox is being stopped.
            let _ = calls.send(call);
            status(StatusCode::ACCEPTED)
        }
        None => status(StatusCode::BAD_REQUEST),
    }
}

/// Waits for an event while the connection is open.
async fn next(calls: &mpsc::UnboundedSender<Call>) -> Response<Full<Bytes>> {
    let (sender, event) = oneshot::channel();
    let _ = calls.send(Call::Waiting(Waiting { since: Instant::now(), event: sender }));
    let Ok(event) = event.await else { return status(StatusCode::GONE) };
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", event.id)
        .header("lambda-runtime-deadline-ms", event.deadline.as_millis().to_string())
        .header("lambda-runtime-invoked-function-arn", ARN)
        .header("lambda-runtime-trace-id", TRACE)
        .body(Full::new(event.body));
    response.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The whole body, or none if the connection broke.
async fn body(request: Request<Incoming>) -> Option<Bytes> {
    Some(request.into_body().collect().await.ok()?.to_bytes())
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
