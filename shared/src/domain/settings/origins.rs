//! Where the redirects of single invitations may lead.

use std::{fmt, str::FromStr};

use super::Redirect;
use crate::domain::{
    json::Json,
    rejected::Rejected,
    text::{Malformed, excerpt},
    web,
};

/// The largest number of origins.
const MAX_ORIGINS: usize = 20;

/// The origins of pages that an invitation may lead to: scheme, host and port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedirectOrigins(Vec<String>);

impl RedirectOrigins {
    /// Checks that an invitation may lead to a page.
    ///
    /// # Errors
    /// [`Rejected::RedirectNotAllowed`].
    pub fn check(&self, redirect: &Redirect) -> Result<(), Rejected> {
        let origin = redirect.origin();
        if self.0.contains(&origin) { Ok(()) } else { Err(Rejected::RedirectNotAllowed { origin }) }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origins.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<&Json> for RedirectOrigins {
    type Error = Malformed;

    /// `["https://app.example.com"]`.
    fn try_from(json: &Json) -> Result<Self, Malformed> {
        let wrong = || Malformed(format!("must be an array of at most {MAX_ORIGINS} origins, such as https://app.example.com"));
        let Json::Array(values) = json else { return Err(wrong()) };
        if values.len() > MAX_ORIGINS {
            return Err(wrong());
        }
        values.iter().map(|value| origin(value.as_text().ok_or_else(wrong)?)).collect::<Result<_, _>>().map(Self)
    }
}

/// An address without a path.
fn origin(text: &str) -> Result<String, Malformed> {
    let url = web::address(text)?;
    if url.path() != "/" || url.query().is_some() {
        return Err(Malformed(format!("'{}' is not an origin: it must end after its host, or its port", excerpt(text))));
    }
    Ok(url.origin().ascii_serialization())
}

impl FromStr for RedirectOrigins {
    type Err = Malformed;

    /// The text of [`fmt::Display`].
    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.split(' ').map(origin).collect::<Result<_, _>>().map(Self)
    }
}

/// Separated by blanks, which no origin contains.
impl fmt::Display for RedirectOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
