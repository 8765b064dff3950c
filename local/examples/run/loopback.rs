//! URLs of programs on this machine, the only ones that get anything from the issuer, and that may call the API by default.

use axum::http::HeaderValue;

/// Whether the value of `Origin` is that of a page on this machine, on any port.
pub(crate) fn is_loopback_origin(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(LoopbackUrl::parse);
    url.is_some_and(|url| url.origin() == url.as_str())
}

/// A URL of a program on this machine. It is kept as it came, because OAuth compares redirect URIs as strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoopbackUrl(String);

impl LoopbackUrl {
    /// Accepts `http://127.0.0.1` and `http://localhost`, with any port and path (RFC 8252), and no fragment.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // A browser reads a backslash as a slash, and drops tabs and newlines.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"'<>`{|}^".contains(&byte));
        let (host, port) = authority(text)?;
        let port_is_valid = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
        (plain && is_loopback_name(host) && port_is_valid).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        let rest = &self.0[SCHEME.len()..];
        &self.0[..SCHEME.len() + rest.find(['/', '?']).unwrap_or(rest.len())]
    }

    /// The URL with further parameters in its query.
    pub(crate) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.0.clone();
        for (name, value) in parameters {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(byte.into()),
                    _ => url.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        url
    }
}

/// Whether the value of `Host` is this machine, on any port.
pub(crate) fn is_loopback_authority(authority: &str) -> bool {
    let host =
        authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(authority, |(host, _)| host);
    is_loopback_name(host) || host == "[::1]"
}

const SCHEME: &str = "http://";

/// The host and the port of a URL.
fn authority(text: &str) -> Option<(&str, Option<&str>)> {
    let authority = text.strip_prefix(SCHEME)?.split(['/', '?']).next()?;
    Some(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

fn is_loopback_name(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost")
}
