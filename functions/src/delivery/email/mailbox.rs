//! Mailboxes as RFC 5322 writes them: a name and an address.

use base64::{Engine, engine::general_purpose::STANDARD};
use shared::domain::Email;

/// How many bytes of text an encoded word holds: it may have 75 characters, twelve of which say that it is one, and four hold
/// three bytes.
const BYTES: usize = (75 - "=?UTF-8?B??=".len()) / 4 * 3;

/// SES takes no mailbox that has more bytes, its name as encoded as it is. Nowhere documented, but so it answers.
const LONGEST: usize = 320;

/// `"Name" <address>`, or nothing if that is longer than SES accepts. SES takes the name as it is to stand in the header: ASCII
/// as a quoted string, anything else as encoded words (RFC 2047).
#[must_use]
pub fn mailbox(name: &str, address: &Email) -> Option<String> {
    let printable = name.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let name = if printable { quoted(name) } else { encoded(name) };
    Some(format!("{name} <{}>", address.mailbox())).filter(|mailbox| mailbox.len() <= LONGEST)
}

fn quoted(name: &str) -> String {
    let escaped: String = name.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!matches!(c, '"' | '\\')))).collect();
    format!("\"{escaped}\"")
}

/// Words with blanks between them, which readers leave out. No character is cut in two.
fn encoded(name: &str) -> String {
    let mut words = vec![String::new()];
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= BYTES => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect::<Vec<_>>().join(" ")
}
