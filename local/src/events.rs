//! A stand-in for Amazon EventBridge: a [`Bus`] that accepts events by the API `PutEvents` and records them.

mod request;

use std::time::SystemTime;

use axum::{body::Bytes, http::request::Parts};
use serde_json::{Value, json};

use crate::stand_in::{Reply, Service, StandIn, State};

/// The header `x-amz-target` of the only supported operation.
const TARGET: &str = "AWSEvents.PutEvents";

/// An accepted event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The ID in the response.
    pub id: String,
    /// The bus, by name or ARN; `default` if the entry names none.
    pub bus: String,
    /// Its source.
    pub source: String,
    /// Its detail type.
    pub detail_type: String,
    /// Its detail.
    pub detail: Value,
    /// Its resources.
    pub resources: Vec<String>,
    /// Its own time, or else the time of acceptance.
    pub time: SystemTime,
}

/// The response to a valid call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Accept its events.
    Accept,
    /// Reject some of its entries and accept the others.
    Fail {
        /// The rejected entries, counted from 0.
        entries: Vec<usize>,
        /// Their error code, such as `ThrottlingException`.
        code: &'static str,
    },
    /// Reject the call, for example with 400 and `ThrottlingException`.
    Error {
        /// The HTTP status.
        status: u16,
        /// The name of the exception.
        code: &'static str,
    },
    /// Accept its events, and close the connection without a response.
    AcceptAndDrop,
    /// Accept nothing and never respond.
    Hang,
}

/// The stand-in. Its endpoint goes into `AWS_ENDPOINT_URL_EVENTBRIDGE`. A script sees the valid events of a call.
pub type Bus = StandIn<EventBridge>;

impl Bus {
    /// The events that were accepted, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.records()
    }
}

/// Amazon EventBridge.
#[derive(Debug)]
pub enum EventBridge {}

impl Service for EventBridge {
    const NAME: &'static str = "bus";
    type Record = Event;
    type Call = [Event];
    type Behaviour = Behaviour;
    const DEFAULT: Behaviour = Behaviour::Accept;
    const REFUSED: u16 = 400;

    fn reply(state: &mut State<Self>, parts: &Parts, body: &Bytes) -> Reply {
        if parts.headers.get("x-amz-target").is_none_or(|target| target != TARGET) {
            return Reply::error(400, "UnknownOperationException", "This bus only supports PutEvents.");
        }
        let entries = match request::read(body, SystemTime::now()) {
            Ok(entries) => entries,
            Err(reason) => return Reply::error(400, "ValidationException", &reason),
        };
        let events: Vec<_> = entries.iter().filter_map(|entry| entry.as_ref().ok().cloned()).collect();
        let failing = match (state.script)(&events) {
            Behaviour::Accept => None,
            Behaviour::Fail { entries, code } => Some((entries, code)),
            Behaviour::Error { status, code } => return Reply::error(status, code, "Scripted error."),
            Behaviour::AcceptAndDrop => {
                state.records.extend(events);
                return Reply::Close;
            }
            Behaviour::Hang => return Reply::Hang,
        };
        let mut failed = 0;
        let results: Vec<Value> = entries
            .into_iter()
            .enumerate()
            .map(|(index, entry)| {
                let scripted = failing.as_ref().filter(|(indexes, _)| indexes.contains(&index));
                let entry = match scripted {
                    Some((_, code)) => Err((*code, "Scripted error.".to_owned())),
                    None => entry,
                };
                match entry {
                    Ok(event) => {
                        let id = event.id.clone();
                        state.records.push(event);
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
}

#[cfg(test)]
mod tests;
