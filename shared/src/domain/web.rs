//! Addresses of web pages for people.

use url::{Host, Url};

use super::text::{Malformed, excerpt};

/// The maximum length of an address.
const MAX_LENGTH: usize = 1024;

/// Parses a page's address and normalises it like a browser: `https`, or `http` on this machine; no user name, no fragment.
pub(super) fn address(text: &str) -> Result<Url, Malformed> {
    let wrong = |why: &str| Malformed(format!("'{}' is not a valid web address: {why}", excerpt(text)));
    // The parser would silently remove some of these.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(wrong("it contains whitespace, a backslash or a control character"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let loopback = match url.host() {
        // The parser accepts quotes and other characters in a host.
        Some(Host::Domain(name)) if name.bytes().any(|b| !(b.is_ascii_alphanumeric() || b"-._".contains(&b))) => {
            return Err(wrong("its host may contain only letters, digits, - and ."));
        }
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(wrong("it must start with https://, or with http:// for 127.0.0.1 and localhost"));
    }
    // The parser accepts `https:/host`, too.
    if !text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://")) {
        return Err(wrong("its host must follow ://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not contain a user name"));
    }
    if url.fragment().is_some() {
        return Err(wrong("it must not have a fragment (#)"));
    }
    if url.as_str().len() > MAX_LENGTH {
        return Err(wrong("it must not have more than 1024 characters"));
    }
    Ok(url)
}
