//! Emails and events in the format of the pages and the JSON.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use local::{events::Event, ses::SentEmail};
use serde::Serialize;
use serde_json::{Value, json};

pub(super) fn email(email: &SentEmail) -> Value {
    let headers: Vec<_> = email.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "id": email.message_id,
        "time": time(email.time),
        "from": readable(&email.from),
        "to": email.to,
        "replyTo": email.reply_to,
        "subject": email.subject,
        "text": email.text,
        "html": email.html,
        "headers": headers,
        "tags": email.tags,
        "configurationSet": email.configuration_set,
    })
}

/// A mailbox with its encoded words (RFC 2047) decoded, in the encoding that the service uses.
pub(super) fn readable(mailbox: &str) -> String {
    let decode = |word: &str| String::from_utf8(STANDARD.decode(word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")?).ok()?).ok();
    let mut text = String::new();
    let mut after_encoded = false;
    for word in mailbox.split(' ') {
        let decoded = decode(word);
        // A space between two encoded words is not part of the text.
        let joined = after_encoded && decoded.is_some();
        if !joined && !text.is_empty() {
            text.push(' ');
        }
        after_encoded = decoded.is_some();
        text.push_str(decoded.as_deref().unwrap_or(word));
    }
    text
}

/// By the field names of EventBridge.
pub(super) fn event(event: &Event) -> Value {
    json!({
        "id": event.id,
        "bus": event.bus,
        "source": event.source,
        "detail-type": event.detail_type,
        "time": time(event.time),
        "resources": event.resources,
        "detail": event.detail,
    })
}

fn time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A part of a text, which may be a URL.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece<'a> {
    text: &'a str,
    link: bool,
}

/// The text, split where URLs begin and end.
pub(super) fn links(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = ["https://", "http://"].into_iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, address) = rest.split_at(start);
        let end = address.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(address.len());
        // A full stop or a bracket after a URL belongs to the sentence.
        let (link, after) = address.split_at(address[..end].trim_end_matches(['.', ',', ')', ';']).len());
        pieces.extend([Piece { text: before, link: false }, Piece { text: link, link: true }]);
        rest = after;
    }
    pieces.push(Piece { text: rest, link: false });
    pieces
}

/// The HTML of an email, with links that open outside the frame. The element is inserted at the start of the head: in front of
/// the document it would change the layout.
pub(super) fn in_new_tabs(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    // Only ASCII letters change, so positions are the same in both.
    let lower = html.to_ascii_lowercase();
    let after = |tag: &str| {
        let start = lower.find(tag)?;
        Some(start + lower[start..].find('>')? + 1)
    };
    let position = after("<head>").or_else(|| after("<head ")).or_else(|| after("<html")).or_else(|| after("<!doctype")).unwrap_or(0);
    let (before, after) = html.split_at(position);
    format!("{before}{BASE}{after}")
}
