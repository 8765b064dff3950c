//! The address of the page that accepts invitations, and the links that lead there.

use std::{fmt, str::FromStr};

use super::{
    link::Token,
    text::{Malformed, excerpt},
    web,
};

/// The page's address. Comes from the configuration only; nobody who calls the API can change where links lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBase(Box<str>);

/// What an invitee is sent: the page's address and the token behind `#`, which browsers keep to themselves.
///
/// It has no character that HTML would have to escape.
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
    /// The link. A secret: it must not reach a log.
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
        // Anything else might end the link where a mail client looks for its end.
        if !url.path().bytes().all(|b| is_unreserved(b) || b == b'/' || b == b'%') {
            return Err(wrong("its path may contain only letters, digits and - _ . ~ / %"));
        }
        Ok(Self(String::from(url).into()))
    }
}

/// Characters that mean nothing special in a URL, wherever they stand.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
