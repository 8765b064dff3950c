//! Mails and events as the pages and scripts see them.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use local::{events::Event, ses::Mail};
use serde::Serialize;
use serde_json::{Value, json};

pub(super) fn mail(mail: &Mail) -> Value {
    let headers: Vec<_> = mail.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "id": mail.message_id,
        "time": time(mail.time),
        "from": readable(&mail.from),
        "to": mail.to,
        "replyTo": mail.reply_to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "headers": headers,
        "tags": mail.tags,
        "configurationSet": mail.configuration_set,
    })
}

/// A mailbox with its encoded words (RFC 2047) decoded, of the one kind that the service makes.
pub(super) fn readable(mailbox: &str) -> String {
    let decode = |word: &str| String::from_utf8(STANDARD.decode(word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")?).ok()?).ok();
    let mut text = String::new();
    let mut after_encoded = false;
    for word in mailbox.split(' ') {
        let decoded = decode(word);
        // The space between two encoded words is none.
        let joined = after_encoded && decoded.is_some();
        if !joined && !text.is_empty() {
            text.push(' ');
        }
        after_encoded = decoded.is_some();
        text.push_str(decoded.as_deref().unwrap_or(word));
    }
    text
}

/// In the names of EventBridge.
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

/// A piece of a text, which may be the address of a page.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece<'a> {
    text: &'a str,
    link: bool,
}

/// The text cut where addresses of pages begin and end.
pub(super) fn links(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = ["https://", "http://"].into_iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, address) = rest.split_at(start);
        let end = address.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(address.len());
        // A full stop or a bracket behind an address belongs to the sentence.
        let (link, after) = address.split_at(address[..end].trim_end_matches(['.', ',', ')', ';']).len());
        pieces.extend([Piece { text: before, link: false }, Piece { text: link, link: true }]);
        rest = after;
    }
    pieces.push(Piece { text: rest, link: false });
    pieces
}

/// The HTML of a mail with links that leave the frame. The element goes to the beginning of the head: before the document it
/// would change how browsers lay that out.
pub(super) fn in_new_tabs(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    // ASCII, so that places are the same in both.
    let lower = html.to_ascii_lowercase();
    let behind = |tag: &str| {
        let start = lower.find(tag)?;
        Some(start + lower[start..].find('>')? + 1)
    };
    let place = behind("<head>").or_else(|| behind("<head ")).or_else(|| behind("<html")).or_else(|| behind("<!doctype")).unwrap_or(0);
    let (before, after) = html.split_at(place);
    format!("{before}{BASE}{after}")
}
