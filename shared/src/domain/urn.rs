//! Uniform resource names.

use super::{
    account::AccountId,
    id::InvitationId,
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
