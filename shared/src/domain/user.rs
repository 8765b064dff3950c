//! People whom the token of an issuer identifies.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    account::AccountId,
    email::Email,
    settings::DisplayName,
    text::{Malformed, excerpt},
    urn::Urns,
};

/// An issuer's name in the configuration: 1 to 16 characters from a-z, 0-9 and -.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerName(Box<str>);

impl IssuerName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IssuerName {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let valid = (1..=16).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(Malformed(format!("'{}' is not a name of an issuer: it must have 1 to 16 characters from a-z, 0-9 and -", excerpt(text))))
        }
    }
}

/// The characters of a subject that a URN cannot contain (RFC 8141), and those that could be mistaken for its separators.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An issuer's id of a person, as it stands in URNs: percent-encoded, 1 to 128 characters. Different ids have different encodings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(Box<str>);

impl Subject {
    /// The longest subject. It is in every index entry of an invitation.
    const MAX_LENGTH: usize = 128;

    /// The encoded id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = Malformed;

    fn from_str(sub: &str) -> Result<Self, Malformed> {
        // Checked first: encoding makes it longer.
        let encoded = if sub.len() <= Self::MAX_LENGTH { utf8_percent_encode(sub, ENCODED).to_string() } else { String::new() };
        if (1..=Self::MAX_LENGTH).contains(&encoded.len()) {
            Ok(Self(encoded.into()))
        } else {
            Err(Malformed("a subject must have 1 to 128 characters when it is percent-encoded".to_owned()))
        }
    }
}

/// A person. It has no public constructor: only a verified token yields one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    issuer: IssuerName,
    subject: Subject,
    name: Option<DisplayName>,
    email: Option<Email>,
}

impl User {
    /// Only for code that has verified a token. `email` is an address that the issuer has verified.
    pub(super) fn new(issuer: IssuerName, subject: Subject, name: Option<DisplayName>, email: Option<Email>) -> Self {
        Self { issuer, subject, name, email }
    }

    /// The issuer of the token.
    #[must_use]
    pub fn issuer(&self) -> &IssuerName {
        &self.issuer
    }

    /// The person's name, if the token has one that invitees may see.
    #[must_use]
    pub fn name(&self) -> Option<&DisplayName> {
        self.name.as_ref()
    }

    /// The person's email address, if the issuer has verified it.
    #[must_use]
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }

    /// The person's URN in an account: `urn:{namespace}:identity:{region}:{account}:user/{issuer}:{subject}`. Equal ids of two issuers are
    /// two people.
    #[must_use]
    pub fn urn(&self, urns: &Urns, account: &AccountId) -> String {
        urns.user(Some(account), &self.issuer, &self.subject)
    }

    /// The person's URN without an account.
    #[must_use]
    pub fn urn_anywhere(&self, urns: &Urns) -> String {
        urns.user(None, &self.issuer, &self.subject)
    }
}
