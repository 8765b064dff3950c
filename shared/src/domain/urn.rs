//! Uniform resource names.

use super::{account::AccountId, id::InvitationId};

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
        self.urn(account, "invitation", &id.to_string())
    }

    /// The URN of an API key.
    #[must_use]
    pub fn api_key(&self, account: &AccountId, id: &str) -> String {
        self.urn(account, "apikey", id)
    }

    fn urn(&self, account: &AccountId, kind: &str, id: &str) -> String {
        // Not `format!`, because a list contains two of them per row.
        ["urn:", &self.namespace, ":identity:", &self.region, ":", account.as_str(), ":", kind, "/", id].concat()
    }
}
