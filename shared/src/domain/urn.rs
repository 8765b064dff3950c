//! Uniform resource names.

use std::str::FromStr;

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

    fn from_str(text: &str) -> Result<Self, Malformed> {
        account_of(text).map(|account| Self { text: text.to_owned(), account }).ok_or_else(|| {
            let form = "urn:{namespace}:identity:{region}:{account}:{kind}/{id}";
            Malformed(format!("'{}' is not a URN like invitedBy in responses: {form}, percent-encoded", excerpt(text)))
        })
    }
}

/// The account in the URN of a principal; `None` for every other text, also for one with a subject that is not percent-encoded, because
/// it would equal no URN.
fn account_of(text: &str) -> Option<AccountId> {
    let mut parts = text.splitn(6, ':');
    let (urn, namespace, service, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let account = parts.next()?.parse().ok()?;
    let (kind, id) = parts.next()?.split_once('/')?;
    // The id of a person is that of an issuer and a subject.
    let named = [namespace, region, kind].into_iter().chain(id.split(':')).all(|part| !part.is_empty());
    let complete = urn == "urn" && service == "identity" && named;
    let encoded = text.bytes().all(|b| b.is_ascii_graphic() && !br#""<>[\]^`{|}?#"#.contains(&b));
    (complete && encoded).then_some(account)
}
