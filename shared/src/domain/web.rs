//! Addresses of web pages that people are sent to.

use url::{Host, Url};

use super::text::{Malformed, excerpt};

/// How long an address may be.
const LONGEST: usize = 1024;

/// A page's address, in the form that browsers give it: `https`, or `http` on this machine; no user, no fragment.
pub(super) fn address(text: &str) -> Result<Url, Malformed> {
    let wrong = |why: &str| Malformed(format!("'{}' is not a valid web address: {why}", excerpt(text)));
    // The parser would drop some of these without a word.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(wrong("it contains whitespace, a backslash or a control character"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let here = match url.host() {
        // Quotes are among the characters that the parser accepts in a host.
        Some(Host::Domain(name)) if name.bytes().any(|b| !(b.is_ascii_alphanumeric() || b"-._".contains(&b))) => {
            return Err(wrong("its host may contain only letters, digits, - and ."));
        }
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        return Err(wrong("it must start with https://, or with http:// for 127.0.0.1 and localhost"));
    }
    // `https:/host` is read as if it had both slashes.
    if !text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://")) {
        return Err(wrong("its host must follow ://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not contain a user name"));
    }
    if url.fragment().is_some() {
        return Err(wrong("it must not have a fragment (#)"));
    }
    if url.as_str().len() > LONGEST {
        return Err(wrong("it must not have more than 1024 characters"));
    }
    Ok(url)
}
