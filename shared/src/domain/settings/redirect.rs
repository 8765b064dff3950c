//! Where the page leads after accepting.

use std::{fmt, str::FromStr};

use crate::domain::{text::Malformed, web};

/// The address of a page of the host application: `https`, or `http` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect(Box<str>);

impl Redirect {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        web::address(&self.0).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Redirect {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        web::address(text).map(|url| Self(String::from(url).into()))
    }
}
