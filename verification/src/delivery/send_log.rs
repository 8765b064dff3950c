//! Records the couriers' requests to SES and the replies that they received, to decide whether a duplicate email was unavoidable.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use local::ses::SentEmail;
use serde_json::Value;
use shared::domain::courier::EmailKind;
use support::faults::Faults;

use super::{counts::Counts, defects::Defect};

/// Identifies an email, apart from its copies: the invitation's id, the version of its link, and whether it is a reminder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SendKey {
    pub(super) id: String,
    pub(super) version: u32,
    pub(super) kind: EmailKind,
}

/// The context that all couriers of a simulation share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) counts: Counts,
    pub(super) defects: &'static [Defect],
    /// The faults between the couriers and each service.
    pub(super) table: Faults,
    pub(super) ses: Faults,
    pub(super) event_bridge: Faults,
    invocations: AtomicU64,
    send_log: Mutex<SendLog>,
}

/// Requests to SES in order, and crashed invocations.
#[derive(Debug, Clone, Default)]
pub(super) struct SendLog {
    requests: Vec<SesRequest>,
    crashed: BTreeSet<u64>,
}

/// One request to SES.
#[derive(Debug, Clone)]
struct SesRequest {
    invocation: u64,
    send: SendKey,
    /// Whether an earlier request of this send was already recorded as accepted.
    redundant: bool,
    outcome: Outcome,
}

/// The courier's knowledge about a request.
#[derive(Debug, Clone)]
enum Outcome {
    /// No reply arrived.
    NoReply,
    /// SES rejected it.
    Rejected,
    /// SES accepted it with this message id. Then this many requests to the table about the invitation failed.
    Accepted { message: String, failed: u32 },
    /// The table then acknowledged a write.
    Recorded { message: String },
}

/// The cause of a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DuplicateCause {
    /// SES's reply to the earlier request was lost.
    ReplyLost,
    /// The courier crashed before it recorded the reply.
    Crash,
    /// The table rejected the record of the reply.
    RecordFailed,
    /// None is known.
    Unexplained,
}

/// A request to SES, by its index in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(usize);

impl Context {
    pub(super) fn new(counts: Counts, defects: &'static [Defect]) -> Self {
        let [table, ses, event_bridge] = Default::default();
        Self { counts, defects, table, ses, event_bridge, invocations: AtomicU64::new(0), send_log: Mutex::default() }
    }

    pub(super) fn next_invocation(&self) -> u64 {
        self.invocations.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn send_log(&self) -> MutexGuard<'_, SendLog> {
        self.send_log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SendLog {
    /// Records a request to SES.
    pub(super) fn request(&mut self, invocation: u64, send: SendKey) -> Entry {
        let redundant = self.requests.iter().any(|request| request.send == send && matches!(request.outcome, Outcome::Recorded { .. }));
        self.requests.push(SesRequest { invocation, send, redundant, outcome: Outcome::NoReply });
        Entry(self.requests.len() - 1)
    }

    /// Records that SES's reply reached the courier: the message id, or `None` if SES rejected the request.
    pub(super) fn ses_replied(&mut self, Entry(index): Entry, message: Option<String>) {
        self.requests[index].outcome = message.map_or(Outcome::Rejected, |message| Outcome::Accepted { message, failed: 0 });
    }

    /// Records a reply of the table to a request about an invitation: whether it acknowledged a write.
    pub(super) fn table_replied(&mut self, invocation: u64, id: &str, written: bool) {
        for request in self.requests.iter_mut().filter(|request| request.invocation == invocation && request.send.id == id) {
            let outcome = &mut request.outcome;
            if let Outcome::Accepted { message, failed } = outcome {
                if written {
                    *outcome = Outcome::Recorded { message: std::mem::take(message) };
                } else {
                    *failed += 1;
                }
            }
        }
    }

    pub(super) fn crashed(&mut self, invocation: u64) {
        self.crashed.insert(invocation);
    }

    /// The cause of a copy after these earlier ones, of which there is at least one.
    pub(super) fn duplicate_cause(&self, send: &SendKey, earlier: &[&SentEmail], copy: &SentEmail) -> DuplicateCause {
        let requests: Vec<&SesRequest> = self.requests.iter().filter(|request| request.send == *send).collect();
        let request_of = |email: &SentEmail| requests.iter().find(|request| request.outcome.message() == Some(&email.message_id)).copied();
        let recorded = |email: &&SentEmail| request_of(email).is_some_and(|request| matches!(request.outcome, Outcome::Recorded { .. }));
        if requests.iter().any(|request| request.redundant) {
            return DuplicateCause::Unexplained;
        }
        // One of the two was not recorded. It may be the later one: a crashed courier's request can arrive late.
        let mut last_two = earlier.last().copied().into_iter().chain([copy]);
        let Some(unrecorded) = last_two.find(|email| !recorded(email)) else { return DuplicateCause::Unexplained };
        if let Some(SesRequest { invocation, outcome, .. }) = request_of(unrecorded) {
            return match outcome {
                _ if self.crashed.contains(invocation) => DuplicateCause::Crash,
                Outcome::Accepted { failed: 1.., .. } => DuplicateCause::RecordFailed,
                _ => DuplicateCause::Unexplained,
            };
        }
        // The courier does not know that SES accepted it. Each such email needs a request without a reply.
        let no_reply: Vec<_> = requests.iter().filter(|request| matches!(request.outcome, Outcome::NoReply)).collect();
        let unknown = earlier.iter().chain([&copy]).filter(|email| request_of(email).is_none()).count();
        if unknown > no_reply.len() {
            DuplicateCause::Unexplained
        } else if no_reply.iter().all(|request| self.crashed.contains(&request.invocation)) {
            DuplicateCause::Crash
        } else {
            DuplicateCause::ReplyLost
        }
    }
}

impl Outcome {
    fn message(&self) -> Option<&String> {
        match self {
            Self::NoReply | Self::Rejected => None,
            Self::Accepted { message, .. } | Self::Recorded { message } => Some(message),
        }
    }
}

/// The send of a request to SES, from its tags.
pub(super) fn send_of_request(body: &Value) -> Option<SendKey> {
    let tags = body["EmailTags"].as_array()?;
    let tag = |name: &str| tags.iter().find(|tag| tag["Name"] == name)?["Value"].as_str();
    send_key(tag)
}

/// The send of an email.
pub(super) fn send_of(email: &SentEmail) -> Option<SendKey> {
    send_key(|name| email.tags.get(name).map(String::as_str))
}

fn send_key<'a>(tag: impl Fn(&str) -> Option<&'a str>) -> Option<SendKey> {
    let kind = match tag("kind") {
        None => EmailKind::Invitation,
        Some("reminder") => EmailKind::Reminder,
        Some(_) => return None,
    };
    Some(SendKey { id: tag("invitation")?.to_owned(), version: tag("sending")?.parse().ok()?, kind })
}
