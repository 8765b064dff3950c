//! A stand-in for Amazon SES: an [`Inbox`] that takes mails by the API `SendEmail` and sends none.
//!
//! It refuses what SES refuses, as far as SES documents it, and whatever it does not know: a mail that it takes is whole.

pub mod feedback;
mod request;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use axum::{
    body::Bytes,
    http::{Method, request::Parts},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    server::{Server, free_port},
    stand_in::{self, Reply, lock},
};

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

/// Decides on one mail.
type Decide = Box<dyn FnMut(&Mail) -> Behaviour + Send>;

/// A running stand-in. Dropping it stops it.
pub struct Inbox {
    server: Server,
    inner: Arc<Mutex<Inner>>,
}

/// The mails, and who decides on the next one.
struct Inner {
    mails: Vec<Mail>,
    answer: Decide,
}

impl Inbox {
    /// Starts an inbox that answers on `listener` and accepts every mail.
    ///
    /// # Errors
    /// When the listener cannot be served.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        let inner = Arc::new(Mutex::new(Inner { mails: Vec::new(), answer: Box::new(|_| Behaviour::Accept) }));
        let shared = Arc::clone(&inner);
        let server = stand_in::start("inbox", listener, move |parts, body| reply(&mut lock(&shared), parts, body))?;
        Ok(Self { server, inner })
    }

    /// Starts an inbox on a free port of loopback.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn on_free_port() -> io::Result<Self> {
        Self::start(free_port()?)
    }

    /// The URL to give to a client as `AWS_ENDPOINT_URL_SESV2`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// The mails that were taken, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.inner).mails.clone()
    }

    /// From now on `answer` decides on each mail. It sees the mail before it is taken.
    pub fn answer_with(&self, answer: impl FnMut(&Mail) -> Behaviour + Send + 'static) {
        lock(&self.inner).answer = Box::new(answer);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

fn reply(inner: &mut Inner, parts: &Parts, body: &Bytes) -> Reply {
    if parts.method != Method::POST || parts.uri.path() != PATH {
        return Reply::error(404, "UnknownOperationException", "This inbox only knows SendEmail.");
    }
    let id = format!("{}-000000", Uuid::now_v7());
    let mail = match request::read(body, id, SystemTime::now()) {
        Ok(mail) => mail,
        Err(reason) => return Reply::error(400, "BadRequestException", &reason),
    };
    let (taken, reply) = match (inner.answer)(&mail) {
        Behaviour::Accept => (true, Reply::Json(200, json!({ "MessageId": mail.message_id }), None)),
        Behaviour::SenderNotVerified => {
            let said = format!("Email address is not verified. The following identities failed the check in region CA-1: {}", mail.from);
            (false, Reply::error(400, "MessageRejected", &said))
        }
        Behaviour::QuotaUsedUp => (false, Reply::error(429, "TooManyRequestsException", "Daily message quota exceeded.")),
        Behaviour::AcceptAndDrop => (true, Reply::Cut),
        Behaviour::Error { status, code } => (false, Reply::error(status, code, "The inbox was told to answer so.")),
        Behaviour::Hang => (false, Reply::Hang),
    };
    if taken {
        inner.mails.push(mail);
    }
    reply
}

#[cfg(test)]
mod tests;
