//! HTTP events: API Gateway's payload format 2.0, which function URLs and local emulators send, too.
//!
//! This module does not use the conversion of `lambda_http`, which panics on bad base64, unusual Host headers and control
//! characters in the query, and builds a path that is not needed: ids come from `pathParameters`, the query from the raw string,
//! and the Host header is never read.

use std::{borrow::Cow, collections::HashMap, fmt, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use shared::domain::{AccountId, InvitationId, lifecycle::InviteeDecision};

use crate::http::{error::ApiError, invalid::Invalid};

/// The parts of a request that endpoints use.
#[derive(Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The relevant headers.
    pub headers: Headers,
    /// The raw query string.
    pub query: String,
    /// Path parameters, which may be percent-encoded.
    pub path: HashMap<String, String>,
    /// The decoded body, or why it could not be decoded.
    pub body: Result<Vec<u8>, Invalid>,
    /// The gateway's id of this request.
    pub id: Option<String>,
    /// The address of the page that links open, as the gateway's stage is configured. Not part of what the caller sends.
    pub link_base: Option<String>,
    /// The caller, once authenticated; for the log.
    pub caller: OnceLock<Caller>,
    /// What the request does to an invitation, once it is known to be valid; for the log.
    pub change: OnceLock<Change>,
    /// What the request has done; for the log, and for metrics that are counted in it. A repeated request does nothing.
    pub effect: OnceLock<Effect>,
}

/// What a request has done.
#[derive(Debug, Clone, Copy)]
pub enum Effect {
    /// It has created this many invitations.
    Created(usize),
    /// It has accepted or declined an invitation.
    Decided(InviteeDecision),
}

/// The change of an invitation as the log shows it.
#[derive(Debug)]
pub struct Change {
    /// The invitation, which may not exist.
    pub invitation: InvitationId,
    /// The name of the action.
    pub action: &'static str,
}

/// The caller as the log shows it.
#[derive(Debug)]
pub struct Caller {
    /// The account whose invitations the request is about; `None` if it is about those of all accounts.
    pub account: Option<AccountId>,
    /// The caller's URN.
    pub urn: String,
}

/// The relevant headers; all others are ignored.
#[derive(Debug, Default)]
pub struct Headers {
    /// `Authorization`.
    pub authorization: Option<Secret>,
    /// `Api-Version`.
    pub api_version: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Idempotency-Key`; several header lines arrive joined by commas.
    pub idempotency_key: Option<String>,
    /// `If-Match`; several header lines arrive joined by commas.
    pub if_match: Option<String>,
    /// `If-None-Match`; several header lines arrive joined by commas.
    pub if_none_match: Option<String>,
}

/// A header value that must not be logged.
#[derive(Default)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Request {
    /// Parses the JSON of an event, whose body may have this many bytes after decoding base64.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if it is not an HTTP event of format 2.0.
    pub fn parse(event: &str, max_body: usize) -> Result<Self, ApiError> {
        let event: Event<'_> = serde_json::from_str(event)
            .map_err(|_| Invalid::new("invalid-event", "the event is not an HTTP request in API Gateway's payload format 2.0"))?;
        let body = event.body.unwrap_or_default();
        Ok(Self {
            method: event.context.http.method.into_owned(),
            headers: event.headers.unwrap_or_default(),
            query: event.query.unwrap_or_default().into_owned(),
            path: event.path.unwrap_or_default(),
            body: decode(&body, event.base64.unwrap_or_default(), max_body),
            id: event.context.id.filter(|id| is_header_safe(id)).map(Cow::into_owned),
            link_base: event.stage.and_then(|stage| stage.link_base).map(Cow::into_owned),
            caller: OnceLock::new(),
            change: OnceLock::new(),
            effect: OnceLock::new(),
        })
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "rawQueryString")]
    query: Option<Cow<'a, str>>,
    headers: Option<Headers>,
    #[serde(rename = "pathParameters")]
    path: Option<HashMap<String, String>>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    #[serde(rename = "isBase64Encoded")]
    base64: Option<bool>,
    #[serde(borrow, rename = "requestContext")]
    context: EventContext<'a>,
    #[serde(borrow, rename = "stageVariables")]
    stage: Option<StageVariables<'a>>,
}

#[derive(Deserialize)]
struct StageVariables<'a> {
    #[serde(borrow, rename = "linkBaseUrl")]
    link_base: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct EventContext<'a> {
    #[serde(borrow)]
    http: EventHttp<'a>,
    #[serde(borrow, rename = "requestId")]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct EventHttp<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, Cow<'de, str>>()? {
            let header = match &*name.to_ascii_lowercase() {
                "authorization" => &mut headers.authorization.get_or_insert_default().0,
                "api-version" => headers.api_version.get_or_insert_default(),
                "content-type" => headers.content_type.get_or_insert_default(),
                "idempotency-key" => headers.idempotency_key.get_or_insert_default(),
                "if-match" => headers.if_match.get_or_insert_default(),
                "if-none-match" => headers.if_none_match.get_or_insert_default(),
                _ => continue,
            };
            if !header.is_empty() {
                header.push_str(", ");
            }
            header.push_str(&value);
        }
        Ok(headers)
    }
}

fn decode(body: &str, base64: bool, max: usize) -> Result<Vec<u8>, Invalid> {
    // Base64 encodes three bytes in four characters, so a longer text is too large in any case and need not be decoded.
    let too_large = || Invalid::new("body-too-large", format!("the body must not be larger than {} KiB", max / 1024));
    if body.len() > max * 4 / 3 + 4 {
        return Err(too_large());
    }
    let bytes = if base64 {
        STANDARD.decode(body).map_err(|_| Invalid::new("invalid-event", "isBase64Encoded is true, but the body is not valid base64"))?
    } else {
        body.as_bytes().to_vec()
    };
    if bytes.len() > max { Err(too_large()) } else { Ok(bytes) }
}

fn is_header_safe(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}
