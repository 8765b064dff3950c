//! What the pages for browsers share: their headers, and how text gets into a document and its Content-Security-Policy.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::output::Reply;

/// Headers of every page. `clipboard-write` is added by [`reply`].
const HEADERS: [(&str, &str); 7] = [
    ("content-type", "text/html; charset=utf-8"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000"),
];

/// What no page may do.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), encrypted-media=(), \
                           fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), \
                           midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), \
                           publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()";

/// Whether a page may write to the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clipboard {
    /// It may not.
    Off,
    /// It may, when the person clicks.
    Write,
}

/// A page with its Content-Security-Policy.
pub(crate) fn reply(html: &str, csp: &str, clipboard: Clipboard) -> Reply {
    let clipboard = match clipboard {
        Clipboard::Off => "()",
        Clipboard::Write => "(self)",
    };
    let reply = Reply::ok(html.to_owned()).with("content-security-policy", csp.to_owned());
    let reply = reply.with("permissions-policy", format!("{PERMISSIONS}, clipboard-write={clipboard}"));
    HEADERS.iter().fold(reply, |reply, (name, value)| reply.with(name, (*value).to_owned()))
}

/// The policy's hash source for an inline style or script.
pub(crate) fn csp_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// Escapes JSON so that it can end neither the script around it nor a line of it.
pub(crate) fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Escapes text for HTML.
pub(crate) fn in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
