//! Which domains an account invites.

use std::{fmt, str::FromStr};

use crate::domain::{
    email::NormalisedEmail,
    email_domain::DomainPattern,
    json::Json,
    rejected::Rejected,
    text::{Malformed, excerpt},
};

/// The largest number of patterns in each list.
const MAX_PATTERNS: usize = 50;

/// The domains that an account invites: those that a pattern allows, if there is one, except those that a pattern denies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainPolicy {
    allow: Vec<DomainPattern>,
    deny: Vec<DomainPattern>,
}

/// The part of a policy that rejects an address. Its patterns stay with the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainRule {
    /// No pattern allows it.
    NotAllowed,
    /// A pattern denies it.
    Denied,
}

impl DomainPolicy {
    /// Checks that the account invites an address.
    ///
    /// # Errors
    /// [`Rejected::DomainNotAllowed`].
    pub fn check(&self, email: &NormalisedEmail) -> Result<(), Rejected> {
        let listed = |patterns: &[DomainPattern]| patterns.iter().any(|pattern| pattern.matches(email));
        if listed(&self.deny) {
            Err(Rejected::DomainNotAllowed(DomainRule::Denied))
        } else if self.allow.is_empty() || listed(&self.allow) {
            Ok(())
        } else {
            Err(Rejected::DomainNotAllowed(DomainRule::NotAllowed))
        }
    }

    /// Whether every address is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// The allowed domains; empty if all are.
    #[must_use]
    pub fn allow(&self) -> Vec<String> {
        self.allow.iter().map(ToString::to_string).collect()
    }

    /// The denied domains.
    #[must_use]
    pub fn deny(&self) -> Vec<String> {
        self.deny.iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<&Json> for DomainPolicy {
    type Error = Malformed;

    /// `{"allow": ["example.com", "*.example.com"], "deny": []}`; both are optional.
    fn try_from(json: &Json) -> Result<Self, Malformed> {
        let Json::Object(members) = json else {
            return Err(Malformed("must be an object such as {\"allow\": [\"example.com\", \"*.example.com\"], \"deny\": []}".to_owned()));
        };
        if let Some((name, _)) = members.iter().find(|(name, _)| !["allow", "deny"].contains(&name.as_str())) {
            return Err(Malformed(format!("unknown field '{}'; accepted: allow, deny", excerpt(name))));
        }
        Ok(Self { allow: patterns(json, "allow")?, deny: patterns(json, "deny")? })
    }
}

fn patterns(policy: &Json, name: &str) -> Result<Vec<DomainPattern>, Malformed> {
    let wrong = || Malformed(format!("{name} must be an array of at most {MAX_PATTERNS} strings"));
    let values = match policy.get(name) {
        None => return Ok(Vec::new()),
        Some(Json::Array(values)) if values.len() <= MAX_PATTERNS => values,
        Some(_) => return Err(wrong()),
    };
    values.iter().map(|value| value.as_text().ok_or_else(wrong)?.parse()).collect()
}

impl FromStr for DomainPolicy {
    type Err = Malformed;

    /// The JSON of [`fmt::Display`].
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::try_from(&Json::parse(text.as_bytes())?)
    }
}

impl fmt::Display for DomainPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", serde_json::json!({ "allow": self.allow(), "deny": self.deny() }))
    }
}
