//! A stand-in for Amazon SES: an [`Inbox`] that takes mails by the API `SendEmail` and sends none.
//!
//! It refuses what SES refuses, as far as SES documents it, and whatever it does not know: a mail that it takes is whole.

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

/// The one path of the API that is served.
const PATH: &str = "/v2/email/outbound-emails";

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What SES would name it in its feedback.
    pub message_id: String,
    /// When it was taken.
    pub time: SystemTime,
    /// The sender as the mail says it, such as `Example <invitations@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Where answers go, if not to the sender.
    pub reply_to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// Headers that were asked for besides, in order.
    pub headers: Vec<(String, String)>,
    /// The tags that SES repeats in its feedback.
    pub tags: BTreeMap<String, String>,
    /// The configuration set.
    pub configuration_set: Option<String>,
}

/// What becomes of a mail that nothing is wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It is taken.
    Accept,
    /// It is not taken, and this is said, such as 429 and `TooManyRequestsException`.
    Error {
        /// The HTTP status.
        status: u16,
        /// The name of the exception.
        code: &'static str,
    },
    /// It is not taken, because SES does not know its sender as verified.
    SenderNotVerified,
    /// It is not taken, because so many were taken in the last 24 hours.
    QuotaUsedUp,
    /// It is taken, but the connection closes before anything is said.
    AcceptAndDrop,
    /// It is not taken, and nothing is ever said.
    Hang,
}

/// The stand-in. Its endpoint goes into `AWS_ENDPOINT_URL_SESV2`. A script sees each valid email.
pub type Inbox = StandIn<Ses>;

impl Inbox {
    /// The emails that were accepted, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.records()
    }
}

/// Amazon SES.
#[derive(Debug)]
pub enum Ses {}

impl Service for Ses {
    const NAME: &'static str = "inbox";
    type Record = Mail;
    type Call = Mail;
    type Behaviour = Behaviour;
    const DEFAULT: Behaviour = Behaviour::Accept;

    fn reply(state: &mut State<Self>, parts: &Parts, body: &Bytes) -> Reply {
        reply(state, parts, body)
    }
}

fn reply(state: &mut State<Ses>, parts: &Parts, body: &Bytes) -> Reply {
    if parts.method != Method::POST || parts.uri.path() != PATH {
        return Reply::error(404, "UnknownOperationException", "This inbox only knows SendEmail.");
    }
    let id = format!("{}-000000", Uuid::now_v7());
    let mail = match request::read(body, id, SystemTime::now()) {
        Ok(mail) => mail,
        Err(reason) => return Reply::error(400, "BadRequestException", &reason),
    };
    let (taken, reply) = match (state.script)(&mail) {
        Behaviour::Accept => (true, Reply::Json(200, json!({ "MessageId": mail.message_id }), None)),
        Behaviour::SenderNotVerified => {
            let said = format!("Email address is not verified. The following identities failed the check in region CA-1: {}", mail.from);
            (false, Reply::error(400, "MessageRejected", &said))
        }
        Behaviour::QuotaUsedUp => (false, Reply::error(429, "TooManyRequestsException", "Daily message quota exceeded.")),
        Behaviour::AcceptAndDrop => (true, Reply::Close),
        Behaviour::Error { status, code } => (false, Reply::error(status, code, "The inbox was told to answer so.")),
        Behaviour::Hang => (false, Reply::Hang),
    };
    if taken {
        state.records.push(mail);
    }
    reply
}

#[cfg(test)]
mod tests;
