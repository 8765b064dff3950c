//! The body of `SendEmail`, and SES's rules for it.

use std::{collections::BTreeMap, time::SystemTime};

use serde::Deserialize;

use super::SentEmail;

/// The fields that the service uses. An unknown field is an error: ignoring it would hide a mistake.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: Content,
    #[serde(default)]
    email_tags: Vec<Pair>,
    configuration_set_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Simple {
    subject: Text,
    body: Parts,
    #[serde(default)]
    headers: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parts {
    text: Option<Text>,
    html: Option<Text>,
}

/// Without a character set SES sends 7-bit text.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Text {
    data: String,
    charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pair {
    name: String,
    value: String,
}

/// SES's limits for an email.
const MAX_RECIPIENTS: usize = 50;
const MAX_HEADERS: usize = 15;
const MAX_HEADER_NAME: usize = 126;
const MAX_HEADER_VALUE: usize = 870;

/// Reads the email. The error is a sentence for the response.
pub(super) fn read(body: &[u8], message_id: String, time: SystemTime) -> Result<SentEmail, String> {
    let sent: SendEmail = serde_json::from_slice(body).map_err(|e| format!("The request is invalid: {e}."))?;
    let to = sent.destination.to_addresses;
    if to.is_empty() || to.len() > MAX_RECIPIENTS {
        return Err(format!("An email must have 1 to {MAX_RECIPIENTS} recipients."));
    }
    [&sent.from_email_address].into_iter().chain(&to).chain(&sent.reply_to_addresses).try_for_each(|a| check_address(a))?;

    let Simple { subject, body, headers } = sent.content.simple;
    let subject = subject.read()?;
    if subject.is_empty() || subject.contains(['\r', '\n']) {
        return Err("The subject must be one line of text.".into());
    }
    let part = |part: Option<Text>| part.map(Text::read).transpose();
    let (text, html) = (part(body.text)?, part(body.html)?);
    if text.is_none() && html.is_none() {
        return Err("An email must have a text or an HTML part.".into());
    }
    if headers.len() > MAX_HEADERS {
        return Err(format!("An email must have at most {MAX_HEADERS} additional headers."));
    }
    headers.iter().try_for_each(check_header)?;
    sent.email_tags.iter().try_for_each(check_tag)?;
    let tags: BTreeMap<_, _> = sent.email_tags.iter().map(|t| (t.name.clone(), t.value.clone())).collect();
    if tags.len() < sent.email_tags.len() {
        return Err("A tag appears twice.".into());
    }
    Ok(SentEmail {
        message_id,
        time,
        from: sent.from_email_address,
        to,
        reply_to: sent.reply_to_addresses,
        subject,
        text,
        html,
        headers: headers.into_iter().map(|h| (h.name, h.value)).collect(),
        tags,
        configuration_set: sent.configuration_set_name,
    })
}

impl Text {
    fn read(self) -> Result<String, String> {
        match self.charset.as_deref() {
            Some("UTF-8") => Ok(self.data),
            None if self.data.is_ascii() => Ok(self.data),
            None => Err("Text that is not ASCII must name its character set.".into()),
            Some(other) => Err(format!("This inbox only supports the character set UTF-8, not {other}.")),
        }
    }
}

/// SES requires ASCII addresses: domains as Punycode, names as encoded words.
fn check_address(address: &str) -> Result<(), String> {
    let printable = address.chars().all(|c| matches!(c, ' '..='~'));
    // "Name <local@domain>" or the address alone.
    let plain = match address.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>'),
        None => Some(address),
    };
    let parts = plain.and_then(|plain| plain.rsplit_once('@'));
    match parts {
        Some((local, domain)) if printable && !local.is_empty() && !domain.is_empty() && !plain.unwrap_or_default().contains(' ') => Ok(()),
        _ => Err(format!("Illegal address: {address}")),
    }
}

fn check_header(header: &Pair) -> Result<(), String> {
    let name = (1..=MAX_HEADER_NAME).contains(&header.name.len()) && header.name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let value = (1..=MAX_HEADER_VALUE).contains(&header.value.len()) && header.value.bytes().all(|b| matches!(b, b' '..=b'~'));
    if name && value { Ok(()) } else { Err(format!("Illegal header: {}", header.name)) }
}

/// The characters that SES allows in names and values of tags.
fn check_tag(tag: &Pair) -> Result<(), String> {
    let allowed = |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if allowed(&tag.name) && allowed(&tag.value) { Ok(()) } else { Err(format!("Illegal tag: {} with the value {}", tag.name, tag.value)) }
}
