//! A stand-in for Amazon SES: an [`Inbox`] that accepts emails by the API `SendEmail` and sends none.
//!
//! It rejects everything that SES documents as invalid, and every unknown field, so that a recorded email is complete.

pub mod feedback;
mod request;

use std::{collections::BTreeMap, time::SystemTime};

use axum::{
    body::Bytes,
    http::{Method, request::Parts},
};
use serde_json::json;
use uuid::Uuid;

use crate::stand_in::{Reply, Service, StandIn, State};

/// The path of the only supported operation.
const PATH: &str = "/v2/email/outbound-emails";

/// An accepted email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentEmail {
    /// The ID that feedback refers to.
    pub message_id: String,
    /// When it was accepted.
    pub time: SystemTime,
    /// The sender, such as `Example <invitations@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The addresses for replies, if not the sender's.
    pub reply_to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// Additional headers, in order.
    pub headers: Vec<(String, String)>,
    /// The tags, which SES repeats in its feedback.
    pub tags: BTreeMap<String, String>,
    /// The configuration set.
    pub configuration_set: Option<String>,
}

/// The response to a valid email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Accept it.
    Accept,
    /// Reject it, for example with 429 and `TooManyRequestsException`.
    Error {
        /// The HTTP status.
        status: u16,
        /// The name of the exception.
        code: &'static str,
    },
    /// Reject it: its sender is not verified.
    SenderNotVerified,
    /// Reject it: the quota of 24 hours is used up.
    QuotaUsedUp,
    /// Accept it, and close the connection without a response.
    AcceptAndDrop,
    /// Accept nothing and never respond.
    Hang,
}

/// The stand-in. Its endpoint goes into `AWS_ENDPOINT_URL_SESV2`. A script sees each valid email.
pub type Inbox = StandIn<Ses>;

impl Inbox {
    /// The emails that were accepted, oldest first.
    #[must_use]
    pub fn emails(&self) -> Vec<SentEmail> {
        self.records()
    }
}

/// Amazon SES.
#[derive(Debug)]
pub enum Ses {}

impl Service for Ses {
    const NAME: &'static str = "inbox";
    type Record = SentEmail;
    type Call = SentEmail;
    type Behaviour = Behaviour;
    const DEFAULT: Behaviour = Behaviour::Accept;
    const REFUSED: u16 = 403;

    fn reply(state: &mut State<Self>, parts: &Parts, body: &Bytes) -> Reply {
        if parts.method != Method::POST || parts.uri.path() != PATH {
            return Reply::error(404, "UnknownOperationException", "This inbox only supports SendEmail.");
        }
        let id = format!("{}-000000", Uuid::now_v7());
        let email = match request::read(body, id, SystemTime::now()) {
            Ok(email) => email,
            Err(reason) => return Reply::error(400, "BadRequestException", &reason),
        };
        let (accepted, reply) = match (state.script)(&email) {
            Behaviour::Accept => (true, Reply::Json(200, json!({ "MessageId": email.message_id }), None)),
            Behaviour::SenderNotVerified => {
                let message =
                    format!("Email address is not verified. The following identities failed the check in region CA-1: {}", email.from);
                (false, Reply::error(400, "MessageRejected", &message))
            }
            Behaviour::QuotaUsedUp => (false, Reply::error(429, "TooManyRequestsException", "Daily message quota exceeded.")),
            Behaviour::AcceptAndDrop => (true, Reply::Close),
            Behaviour::Error { status, code } => (false, Reply::error(status, code, "Scripted error.")),
            Behaviour::Hang => (false, Reply::Hang),
        };
        if accepted {
            state.records.push(email);
        }
        reply
    }
}

#[cfg(test)]
mod tests;
