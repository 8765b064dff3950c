//! Lambda's runtime API for one sandbox: what a function asks for its next event and gives its answer to.

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
/// What a function may be told about its own name.
const ARN: &str = "arn:aws:lambda:us-east-1:012345678912:function:bench";
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

/// The runtime API of one sandbox, on a port of its own.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Server,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// The function that waits for an event.
    waiting: Option<Waiting>,
    invocations: u64,
    patience: Duration,
}

/// An answered invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// From handing the event over to having read the response.
    pub took: Duration,
    /// What the function answered.
    pub response: String,
}

/// The function asks for an event, and will get it here.
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

/// What comes from the function.
#[derive(Debug)]
enum Arrival {
    Waiting(Waiting),
    Answer { id: String, at: Instant, result: Result<Bytes, String> },
    InitError(String),
}

impl RuntimeApi {
    /// Serves the API. An invocation that takes longer than `patience` has failed; that is also the deadline a function is told.
    ///
    /// # Errors
    /// When no port can be served.
    pub async fn start(patience: Duration) -> Result<Self, Problem> {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let serve = move |stream| {
            let sender = sender.clone();
            async move { connection(stream, async |request| Ok(answer(request, &sender).await)).await }
        };
        let server = free_port().and_then(|port| Server::on_runtime(port, serve));
        let server = server.map_err(|error| problem!("no port of loopback can be served: {error}"))?;
        Ok(Self { server, arrivals, waiting: None, invocations: 0, patience })
    }

    /// What to set `AWS_LAMBDA_RUNTIME_API` to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Waits until the function asks for an event, and says when it did. At once when it is waiting already.
    ///
    /// # Errors
    /// When it says that it cannot start, or says nothing for so long.
    pub async fn ready(&mut self, patience: Duration) -> Result<Instant, Problem> {
        timeout(patience, self.next_waiting()).await.map_err(|_| problem!("the function asked for no event within {patience:?}"))?
    }

    /// Hands an event to the function, once it waits for one, and waits for the answer.
    ///
    /// # Errors
    /// What the function reports instead of an answer; or that there is no answer in time.
    pub async fn invoke(&mut self, event: &str) -> Result<Invocation, Problem> {
        let patience = self.patience;
        timeout(patience, self.exchange(event)).await.map_err(|_| problem!("no answer within {patience:?}"))?
    }

    async fn exchange(&mut self, event: &str) -> Result<Invocation, Problem> {
        let body = Bytes::copy_from_slice(event.as_bytes());
        self.next_waiting().await?;
        let Some(waiting) = self.waiting.take() else { return Err(problem!("the function went away")) };
        self.invocations += 1;
        let id = format!("8476a536-e9f4-11e8-9739-{:012}", self.invocations);
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.patience;
        let handed_over = Instant::now();
        waiting.event.send(Event { id: id.clone(), deadline, body }).map_err(|_| problem!("the function went away"))?;
        loop {
            match self.arrivals.recv().await {
                Some(Arrival::Answer { id: of, at, result }) if of == id => {
                    let response = result.map_err(|error| problem!("the function failed: {error}"))?;
                    let response = String::from_utf8(response.into()).map_err(|error| problem!("the answer is not UTF-8: {error}"))?;
                    return Ok(Invocation { took: at - handed_over, response });
                }
                Some(Arrival::Answer { id: of, .. }) => return Err(problem!("an answer to {of}, which nobody asked")),
                // A runtime may ask for the next event on another connection before its answer has been read here.
                Some(Arrival::Waiting(waiting)) => self.waiting = Some(waiting),
                Some(Arrival::InitError(error)) => return Err(problem!("the function cannot start: {error}")),
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
            match self.arrivals.recv().await {
                Some(Arrival::Waiting(waiting)) => self.waiting = Some(waiting),
                Some(Arrival::InitError(error)) => return Err(problem!("the function cannot start: {error}")),
                Some(Arrival::Answer { id, .. }) => return Err(problem!("an answer to {id}, which nobody asked")),
                None => return Err(problem!("the runtime API has ended")),
            }
        }
    }
}

/// Answers one request of the function.
async fn answer(request: Request<Incoming>, arrivals: &mpsc::UnboundedSender<Arrival>) -> Response<Full<Bytes>> {
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let arrival = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => return next(arrivals).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            body(request).await.map(|body| Arrival::Answer { id: (*id).to_owned(), at: Instant::now(), result: Ok(body) })
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            body(request).await.map(|body| Arrival::Answer { id: (*id).to_owned(), at: Instant::now(), result: Err(text(&body)) })
        }
        (&Method::POST, ["init", "error"]) => body(request).await.map(|body| Arrival::InitError(text(&body))),
        _ => return status(StatusCode::NOT_FOUND),
    };
    match arrival {
        Some(arrival) => {
            // Nobody listens any more when the sandbox is being taken down.
            let _ = arrivals.send(arrival);
            status(StatusCode::ACCEPTED)
        }
        None => status(StatusCode::BAD_REQUEST),
    }
}

/// Waits for an event, as long as the connection lasts.
async fn next(arrivals: &mpsc::UnboundedSender<Arrival>) -> Response<Full<Bytes>> {
    let (sender, event) = oneshot::channel();
    let _ = arrivals.send(Arrival::Waiting(Waiting { since: Instant::now(), event: sender }));
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

/// The whole body, or nothing when the connection broke.
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
