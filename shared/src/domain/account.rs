//! Account ids: exactly twelve decimal digits. External ids: the names that the host application knows accounts by.

use std::{fmt, str::FromStr};

use super::text::{Malformed, excerpt, random_bytes};

/// An account id. The account of a caller comes from a verified credential, never from a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Box<str>);

impl AccountId {
    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A random id, each as likely as any other.
    #[must_use]
    pub fn random() -> Self {
        // The bias of the remainder is one in eighteen million.
        Self(format!("{:012}", u64::from_be_bytes(random_bytes()) % 1_000_000_000_000).into())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed(format!("'{}' is not an account id: it must have exactly 12 decimal digits", excerpt(text))))
        }
    }
}

/// An account's external id. It is compared byte by byte, so letter case matters. A space is not allowed, because ids that differ in
/// spaces look alike. Twelve digits are not allowed, so no text is both an account id and an external id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(Box<str>);

impl ExternalId {
    /// The id as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ExternalId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let rule = if text.parse::<AccountId>().is_ok() {
            "twelve digits are an account id"
        } else if !(1..=128).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            "it must have 1 to 128 printable ASCII characters and no spaces"
        } else {
            return Ok(Self(text.into()));
        };
        Err(Malformed(format!("'{}' is not an external id: {rule}", excerpt(text))))
    }
}
