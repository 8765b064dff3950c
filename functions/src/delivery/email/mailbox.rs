//! Mailboxes as in RFC 5322: a display name and an address.

use base64::{Engine, engine::general_purpose::STANDARD};
use shared::domain::Email;

/// How many bytes of text an encoded word holds: it has at most 75 characters, twelve of them fixed, and four characters encode three
/// bytes.
const MAX_WORD_BYTES: usize = (75 - "=?UTF-8?B??=".len()) / 4 * 3;

/// The longest mailbox, in encoded bytes, that SES accepts. Undocumented, but observed.
const MAX_BYTES: usize = 320;

/// `"Name" <address>`, or `None` if that is longer than SES accepts. SES expects the name as it appears in the header: ASCII as a
/// quoted string, anything else as encoded words (RFC 2047).
#[must_use]
pub fn mailbox(name: &str, address: &Email) -> Option<String> {
    let printable = name.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let name = if printable { quoted(name) } else { encoded(name) };
    Some(format!("{name} <{}>", address.mailbox())).filter(|mailbox| mailbox.len() <= MAX_BYTES)
}

fn quoted(name: &str) -> String {
    let escaped: String = name.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!matches!(c, '"' | '\\')))).collect();
    format!("\"{escaped}\"")
}

/// Encoded words separated by spaces, which email clients drop. No character is split.
fn encoded(name: &str) -> String {
    let mut words = vec![String::new()];
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= MAX_WORD_BYTES => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect::<Vec<_>>().join(" ")
}
