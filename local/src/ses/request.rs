//! The body of `SendEmail`, and what SES asks of it.

use std::{collections::BTreeMap, time::SystemTime};

use serde::Deserialize;

use super::Mail;

/// What the service sends of `SendEmail`. A field that is not listed is refused, and not forgotten in silence.
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

/// Without a character set SES sends 7 bits, so that other text has to name one.
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

/// SES takes no mail to more recipients.
const MOST_RECIPIENTS: usize = 50;
/// SES takes no more headers beside its own, none with a longer name and none with a longer value.
const MOST_HEADERS: usize = 15;
const LONGEST_HEADER_NAME: usize = 126;
const LONGEST_HEADER_VALUE: usize = 870;

/// Reads the mail, or says in a sentence what is wrong with it.
pub(super) fn read(body: &[u8], message_id: String, time: SystemTime) -> Result<Mail, String> {
    let sent: SendEmail = serde_json::from_slice(body).map_err(|e| format!("The request is not understood: {e}."))?;
    let to = sent.destination.to_addresses;
    if to.is_empty() || to.len() > MOST_RECIPIENTS {
        return Err(format!("A mail has 1 to {MOST_RECIPIENTS} recipients."));
    }
    [&sent.from_email_address].into_iter().chain(&to).chain(&sent.reply_to_addresses).try_for_each(|a| check_address(a))?;

    let Simple { subject, body, headers } = sent.content.simple;
    let subject = subject.read()?;
    if subject.is_empty() || subject.contains(['\r', '\n']) {
        return Err("The subject is one line of text.".into());
    }
    let part = |part: Option<Text>| part.map(Text::read).transpose();
    let (text, html) = (part(body.text)?, part(body.html)?);
    if text.is_none() && html.is_none() {
        return Err("A mail has a text or an HTML part.".into());
    }
    if headers.len() > MOST_HEADERS {
        return Err(format!("A mail has at most {MOST_HEADERS} headers of one's own."));
    }
    headers.iter().try_for_each(check_header)?;
    sent.email_tags.iter().try_for_each(check_tag)?;
    let tags: BTreeMap<_, _> = sent.email_tags.iter().map(|t| (t.name.clone(), t.value.clone())).collect();
    if tags.len() < sent.email_tags.len() {
        return Err("A tag is there twice.".into());
    }
    Ok(Mail {
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
            None => Err("Text that is not ASCII needs its character set named.".into()),
            Some(other) => Err(format!("This inbox knows the character set UTF-8, not {other}.")),
        }
    }
}

/// SES wants addresses in ASCII: domains as Punycode, names as encoded words.
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
    let name = (1..=LONGEST_HEADER_NAME).contains(&header.name.len()) && header.name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let value = (1..=LONGEST_HEADER_VALUE).contains(&header.value.len()) && header.value.bytes().all(|b| matches!(b, b' '..=b'~'));
    if name && value { Ok(()) } else { Err(format!("Illegal header: {}", header.name)) }
}

/// What SES allows in names and values of tags.
fn check_tag(tag: &Pair) -> Result<(), String> {
    let allowed = |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if allowed(&tag.name) && allowed(&tag.value) { Ok(()) } else { Err(format!("Illegal tag: {} with the value {}", tag.name, tag.value)) }
}
