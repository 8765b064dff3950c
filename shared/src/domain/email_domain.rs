//! Patterns of email domains: `example.com` is that domain alone, `*.example.com` every domain below it.
//!
//! Domains are compared label by label in their ASCII form, as in normalised addresses.

use std::{fmt, str::FromStr};

use super::{
    email::{NormalisedEmail, ascii_domain, idna_ascii},
    text::{Malformed, excerpt},
};

/// A domain, or all domains below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainPattern {
    /// In lower-case IDNA ASCII.
    domain: String,
    /// Whether the domains below it are meant, but not itself.
    below: bool,
}

impl DomainPattern {
    /// Whether an address is in such a domain.
    #[must_use]
    pub fn matches(&self, email: &NormalisedEmail) -> bool {
        let rest = email.domain().strip_suffix(self.domain.as_str());
        rest.is_some_and(|rest| if self.below { rest.ends_with('.') } else { rest.is_empty() })
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.domain)
    }
}

impl FromStr for DomainPattern {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (domain, below) = text.strip_prefix("*.").map_or((text, false), |domain| (domain, true));
        // No mailbox is in a domain of one label, but `*.edu` is a reasonable rule.
        // Its dots are counted in the ASCII form: IDNA knows others.
        let one_label = || idna_ascii(domain).filter(|ascii| below && !ascii.contains('.')).map(Into::into);
        let ascii = ascii_domain(domain).or_else(one_label);
        let ascii = ascii.filter(|ascii| !ascii.bytes().all(|b| b.is_ascii_digit()));
        let wrong = || Malformed(format!("'{}' must be a domain, such as example.com, or *.example.com for all below it", excerpt(text)));
        Ok(Self { domain: ascii.ok_or_else(wrong)?, below })
    }
}
