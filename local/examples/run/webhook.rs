//! Sends every published event to a URL, if `WEBHOOK_URL` is set: in place of an EventBridge rule with an API destination as its
//! target, such as that of docs/events.md. The receiver gets the same body and headers, and an event is retried after the same
//! responses, but only for half a minute.

use std::{sync::Arc, time::Duration};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use axum::http::{Uri, uri::Scheme};
use local::events::{Behaviour, Bus, Event};
use shared::store::{TrustStore, connector};
use tokio::{
    sync::{Semaphore, mpsc::unbounded_channel},
    time::{sleep, timeout},
};

use crate::output::{Problem, print_error, problem};

/// The header with the key. Names of headers are not case-sensitive.
const KEY: &str = "x-webhook-key";
/// The headers that EventBridge sends.
const CONTENT_TYPE: &str = "application/json; charset=utf-8";
const USER_AGENT: &str = "Amazon/EventBridge/ApiDestinations";
/// How long EventBridge waits for a response.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The pauses between the attempts.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];
/// Concurrent requests, so that a burst of events does not open too many connections.
const MAX_CONCURRENT: usize = 10;

/// A receiver of events: the settings `WEBHOOK_URL` and `WEBHOOK_KEY`.
#[derive(Clone)]
pub(crate) struct Webhook {
    url: Uri,
    key: Option<String>,
}

/// Why an attempt failed.
struct Failure {
    reason: String,
    /// Whether EventBridge tries again.
    is_temporary: bool,
}

impl Failure {
    fn temporary(reason: String) -> Self {
        Self { reason, is_temporary: true }
    }
}

impl Webhook {
    /// Reads the two settings. There is no webhook if `url` is empty. An empty key is not sent.
    pub(crate) fn parse(url: &str, key: &str) -> Result<Option<Self>, Problem> {
        if url.is_empty() {
            return Ok(None);
        }
        let wrong = || {
            problem!(
                "WEBHOOK_URL is '{url}', but must be an https:// URL, or an http:// URL on this machine such as http://127.0.0.1:9999/hook"
            )
        };
        let parsed: Uri = url.parse().map_err(|_| wrong())?;
        let on_this_machine = matches!(parsed.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let has_user = parsed.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let allowed = parsed.scheme() == Some(&Scheme::HTTPS) || parsed.scheme() == Some(&Scheme::HTTP) && on_this_machine;
        if !allowed || has_user || parsed.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        // The key is a secret, so the error does not contain it.
        if key.len() > 512 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(problem!("WEBHOOK_KEY must be at most 512 printable ASCII characters without spaces"));
        }
        Ok(Some(Self { url: parsed, key: Some(key.to_owned()).filter(|key| !key.is_empty()) }))
    }

    /// The URL without its query, which may contain a secret.
    pub(crate) fn shown(&self) -> String {
        let url = &self.url;
        format!("{}://{}{}", url.scheme_str().unwrap_or_default(), url.authority().map_or("", |a| a.as_str()), url.path())
    }

    /// Sends all events that `bus` accepts from now on, in the background: nothing waits for the receiver.
    pub(crate) fn subscribe(self, bus: &Bus) -> Result<(), Problem> {
        self.subscribe_with(bus, &PAUSES)
    }

    fn subscribe_with(self, bus: &Bus, pauses: &'static [Duration]) -> Result<(), Problem> {
        let sender = Arc::new(Sender::new(self, pauses)?);
        let (accepted, mut events) = unbounded_channel::<Event>();
        bus.answer_with(move |call| {
            for event in call {
                // The receiver is gone when everything is being stopped.
                let _ = accepted.send(event.clone());
            }
            Behaviour::Accept
        });
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let sender = Arc::clone(&sender);
                // A task of its own, so that an event that is retried does not delay the others.
                tokio::spawn(async move {
                    if let Err(sentence) = sender.deliver(&event).await {
                        print_error!("{sentence}");
                    }
                });
            }
        });
        Ok(())
    }
}

/// Delivers events to a webhook.
struct Sender {
    webhook: Webhook,
    connector: Connector,
    slots: Semaphore,
    pauses: &'static [Duration],
}

impl Sender {
    fn new(webhook: Webhook, pauses: &'static [Duration]) -> Result<Self, Problem> {
        // The receiver may have a certificate of any authority. Reading those of the system is not needed without TLS.
        let trust = if webhook.url.scheme() == Some(&Scheme::HTTPS) { "native" } else { "amazon" };
        let trust: TrustStore = trust.parse().map_err(|e| problem!("the webhook cannot be used: {e}"))?;
        Ok(Self { webhook, connector: connector(&trust), slots: Semaphore::new(MAX_CONCURRENT), pauses })
    }

    /// Sends an event until it is accepted or cannot be. The error is a sentence.
    async fn deliver(&self, event: &Event) -> Result<(), String> {
        let body = event.detail.to_string();
        let mut attempts = 1;
        let mut pauses = self.pauses.iter();
        loop {
            let Err(failure) = self.post(&body).await else { return Ok(()) };
            match pauses.next() {
                Some(pause) if failure.is_temporary => sleep(*pause).await,
                _ => {
                    let (id, url) = (event.detail["id"].as_str().unwrap_or(&event.id), self.webhook.shown());
                    let tries = if attempts == 1 { "attempt" } else { "attempts" };
                    let reason = failure.reason;
                    return Err(format!("{} {id} was not delivered to {url} in {attempts} {tries}: {reason}.", event.detail_type));
                }
            }
            attempts += 1;
        }
    }

    async fn post(&self, body: &str) -> Result<(), Failure> {
        let _slot = self.slots.acquire().await;
        let response = timeout(TIME_LIMIT, self.connector.call(self.request(body)?)).await;
        match response.map(|response| response.map(|response| response.status().as_u16())) {
            Ok(Ok(200..=299)) => Ok(()),
            Ok(Ok(status)) => Err(Failure { reason: format!("status {status}"), is_temporary: status == 429 || status >= 500 }),
            Ok(Err(error)) => Err(Failure::temporary(chain(&error))),
            Err(_) => Err(Failure::temporary(format!("no response within {TIME_LIMIT:?}"))),
        }
    }

    fn request(&self, body: &str) -> Result<HttpRequest, Failure> {
        let mut request = HttpRequest::new(body.to_owned().into());
        request.set_uri(self.webhook.url.to_string()).map_err(|error| Failure::temporary(error.to_string()))?;
        request.set_method("POST").map_err(|error| Failure::temporary(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert("content-type", CONTENT_TYPE);
        headers.insert("user-agent", USER_AGENT);
        headers.insert("connection", "close");
        if let Some(key) = self.webhook.key.clone() {
            headers.insert(KEY, key);
        }
        Ok(request)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests;
