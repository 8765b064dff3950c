//! The address of the page for invitees, and links to it.

use std::{fmt, str::FromStr};

use super::{
    link::Token,
    text::{Malformed, excerpt},
    web,
};

/// The page's address. It comes only from the configuration, so callers of the API cannot change where links lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBase(Box<str>);

/// The link in an email: the page's address, `#` and the token. Browsers do not send the part after `#`.
///
/// It contains no character that needs escaping in HTML.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationLink(Box<str>);

impl LinkBase {
    /// The page's address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link with a token.
    #[must_use]
    pub fn link(&self, token: &Token) -> InvitationLink {
        InvitationLink(format!("{}#{}", self.0, token.reveal()).into())
    }
}

impl InvitationLink {
    /// The link. A secret, which must not be logged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InvitationLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationLink(***)")
    }
}

impl FromStr for LinkBase {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let url = web::address(text)?;
        let wrong = |why: &str| Malformed(format!("'{}' is not a valid page address: {why}", excerpt(text)));
        if url.query().is_some() {
            return Err(wrong("it must not have a query (?)"));
        }
        // Email clients might end the link at any other character.
        if !url.path().bytes().all(|b| is_unreserved(b) || b == b'/' || b == b'%') {
            return Err(wrong("its path may contain only letters, digits and - _ . ~ / %"));
        }
        Ok(Self(String::from(url).into()))
    }
}

/// The unreserved characters of RFC 3986.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
