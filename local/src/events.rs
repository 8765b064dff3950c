//! A stand-in for Amazon EventBridge: a [`Bus`] that takes events by the API `PutEvents` and keeps them.

mod request;

use std::{
    fmt, io,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use axum::{body::Bytes, http::request::Parts};
use serde_json::{Value, json};

use crate::{
    server::{Server, free_port},
    stand_in::{self, Reply, lock},
};

/// The one call that is served, as the header `x-amz-target` names it.
const TARGET: &str = "AWSEvents.PutEvents";

/// An event that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What the bus named it in its answer.
    pub id: String,
    /// The bus, by name or ARN. EventBridge has one named `default`.
    pub bus: String,
    /// Who sent it.
    pub source: String,
    /// Its kind.
    pub detail_type: String,
    /// Its body.
    pub detail: Value,
    /// The resources that it names.
    pub resources: Vec<String>,
    /// When it happened as it says itself, or else when it was taken.
    pub time: SystemTime,
}

/// What becomes of a call that nothing is wrong with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Its events are taken.
    Accept,
    /// Those at these places of the call, counted from 0, are not taken, for this reason, such as `ThrottlingException`. The others are.
    Fail {
        /// The places.
        entries: Vec<usize>,
        /// The name of the reason.
        code: &'static str,
    },
    /// None is taken, and this is said, such as 400 and `ThrottlingException`.
    Error {
        /// The HTTP status.
        status: u16,
        /// The name of the exception.
        code: &'static str,
    },
    /// They are taken, but the connection closes before anything is said.
    AcceptAndDrop,
    /// None is taken, and nothing is ever said.
    Hang,
}

/// Decides on one call.
type Decide = Box<dyn FnMut(&[Event]) -> Behaviour + Send>;

/// A running stand-in. Dropping it stops it.
pub struct Bus {
    server: Server,
    inner: Arc<Mutex<Inner>>,
}

/// The events, and who decides on the next call.
struct Inner {
    events: Vec<Event>,
    answer: Decide,
}

impl Bus {
    /// Starts a bus that answers on `listener` and accepts every event.
    ///
    /// # Errors
    /// When the listener cannot be served.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        let inner = Arc::new(Mutex::new(Inner { events: Vec::new(), answer: Box::new(|_| Behaviour::Accept) }));
        let shared = Arc::clone(&inner);
        let server = stand_in::start("bus", listener, move |parts, body| reply(&mut lock(&shared), parts, body))?;
        Ok(Self { server, inner })
    }

    /// Starts a bus on a free port of loopback.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn on_free_port() -> io::Result<Self> {
        Self::start(free_port()?)
    }

    /// The URL to give to a client as `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// The events that were taken, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.inner).events.clone()
    }

    /// From now on `answer` decides on each call. It sees those of its events that nothing is wrong with, before they are taken.
    pub fn answer_with(&self, answer: impl FnMut(&[Event]) -> Behaviour + Send + 'static) {
        lock(&self.inner).answer = Box::new(answer);
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

fn reply(inner: &mut Inner, parts: &Parts, body: &Bytes) -> Reply {
    if parts.headers.get("x-amz-target").is_none_or(|target| target != TARGET) {
        return Reply::error(400, "UnknownOperationException", "This bus only knows PutEvents.");
    }
    let entries = match request::read(body, SystemTime::now()) {
        Ok(entries) => entries,
        Err(reason) => return Reply::error(400, "ValidationException", &reason),
    };
    let events: Vec<_> = entries.iter().filter_map(|entry| entry.as_ref().ok().cloned()).collect();
    let failing = match (inner.answer)(&events) {
        Behaviour::Accept => None,
        Behaviour::Fail { entries, code } => Some((entries, code)),
        Behaviour::Error { status, code } => return Reply::error(status, code, "The bus was told to answer so."),
        Behaviour::AcceptAndDrop => {
            inner.events.extend(events);
            return Reply::Cut;
        }
        Behaviour::Hang => return Reply::Hang,
    };
    let mut failed = 0;
    let results: Vec<Value> = entries
        .into_iter()
        .enumerate()
        .map(|(place, entry)| {
            let told = failing.as_ref().filter(|(places, _)| places.contains(&place));
            let entry = match told {
                Some((_, code)) => Err((*code, "The bus was told to answer so.".to_owned())),
                None => entry,
            };
            match entry {
                Ok(event) => {
                    let id = event.id.clone();
                    inner.events.push(event);
                    json!({ "EventId": id })
                }
                Err((code, message)) => {
                    failed += 1;
                    json!({ "ErrorCode": code, "ErrorMessage": message })
                }
            }
        })
        .collect();
    Reply::Json(200, json!({ "FailedEntryCount": failed, "Entries": results }), None)
}

#[cfg(test)]
mod tests;
