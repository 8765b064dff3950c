//! A stand-in for Amazon EventBridge: a [`Bus`] that takes events by the API `PutEvents` and keeps them.

mod request;

use std::time::SystemTime;

use axum::{body::Bytes, http::request::Parts};
use serde_json::{Value, json};

use crate::stand_in::{Reply, Service, StandIn, State};

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

    fn reply(state: &mut State<Self>, parts: &Parts, body: &Bytes) -> Reply {
        reply(state, parts, body)
    }
}

fn reply(state: &mut State<EventBridge>, parts: &Parts, body: &Bytes) -> Reply {
    if parts.headers.get("x-amz-target").is_none_or(|target| target != TARGET) {
        return Reply::error(400, "UnknownOperationException", "This bus only knows PutEvents.");
    }
    let entries = match request::read(body, SystemTime::now()) {
        Ok(entries) => entries,
        Err(reason) => return Reply::error(400, "ValidationException", &reason),
    };
    let events: Vec<_> = entries.iter().filter_map(|entry| entry.as_ref().ok().cloned()).collect();
    let failing = match (state.script)(&events) {
        Behaviour::Accept => None,
        Behaviour::Fail { entries, code } => Some((entries, code)),
        Behaviour::Error { status, code } => return Reply::error(status, code, "The bus was told to answer so."),
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
        .map(|(place, entry)| {
            let told = failing.as_ref().filter(|(places, _)| places.contains(&place));
            let entry = match told {
                Some((_, code)) => Err((*code, "The bus was told to answer so.".to_owned())),
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

#[cfg(test)]
mod tests;
