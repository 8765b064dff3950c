//! Uniform resource names.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::{
    account::AccountId,
    id::InvitationId,
    text::{Malformed, excerpt},
    user::{IssuerName, Subject},
};

/// Builds URNs: `urn:{namespace}:identity:{region}:{account}:{kind}/{id}`.
#[derive(Debug, Clone)]
pub struct Urns {
    namespace: String,
    region: String,
}

impl Urns {
    /// Uses the configured namespace and region.
    #[must_use]
    pub fn new(namespace: String, region: String) -> Self {
        Self { namespace, region }
    }

    /// The URN of an invitation.
    #[must_use]
    pub fn invitation(&self, account: &AccountId, id: InvitationId) -> String {
        self.urn(account.as_str(), "invitation", &id.to_string())
    }

    /// The URN of an API key.
    #[must_use]
    pub fn api_key(&self, account: &AccountId, id: &str) -> String {
        self.urn(account.as_str(), "apikey", id)
    }

    /// The URN of a person, in an account or in none.
    #[must_use]
    pub(super) fn user(&self, account: Option<&AccountId>, issuer: &IssuerName, subject: &Subject) -> String {
        self.urn(account.map_or("", AccountId::as_str), "user", &[issuer.as_str(), ":", subject.as_str()].concat())
    }

    fn urn(&self, account: &str, kind: &str, id: &str) -> String {
        // Not `format!`, because a list contains two of them per row.
        ["urn:", &self.namespace, ":identity:", &self.region, ":", account, ":", kind, "/", id].concat()
    }
}

/// The URN of a principal, as `invitedBy` shows it: `urn:{namespace}:identity:{region}:{account}:{kind}/{id}`. The namespace and the
/// region can be those of an earlier configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalUrn {
    text: String,
    account: AccountId,
}

impl PrincipalUrn {
    /// The URN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account that the principal acts for.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }
}

impl FromStr for PrincipalUrn {
    type Err = Malformed;

    /// Accepts every percent-encoding of a person's subject. The URN has the encoding of [`Subject`], in which responses show it.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse(text).ok_or_else(|| {
            let form = "urn:{namespace}:identity:{region}:{account}:{kind}/{id}";
            Malformed(format!("'{}' is not a URN like invitedBy in responses: {form}, percent-encoded", excerpt(text)))
        })
    }
}

fn parse(text: &str) -> Option<PrincipalUrn> {
    let mut parts = text.splitn(6, ':');
    let (urn, namespace, service, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let account = parts.next()?.parse().ok()?;
    let (kind, id) = parts.next()?.split_once('/')?;
    let id = match kind {
        "user" => {
            let (issuer, subject) = id.split_once(':')?;
            format!("{}:{}", issuer.parse::<IssuerName>().ok()?, decoded(subject)?.parse::<Subject>().ok()?.as_str())
        }
        _ => id.to_owned(),
    };
    let named = [namespace, region, kind, &id].into_iter().all(|part| !part.is_empty());
    (urn == "urn" && service == "identity" && named && text.bytes().all(is_urn_character))
        .then(|| PrincipalUrn { text: format!("urn:{namespace}:identity:{region}:{account}:{kind}/{id}"), account })
}

/// A subject without its percent-encoding; `None` if a percent sign does not begin an escape, or the result is not UTF-8.
fn decoded(subject: &str) -> Option<String> {
    let escapes = subject.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    let text = percent_decode_str(subject).decode_utf8().ok()?;
    escapes.then(|| text.into_owned())
}

/// The characters of RFC 8141.
fn is_urn_character(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#""<>[\]^`{|}?#"#.contains(&byte)
}
