//! Uniform resource names of what this service owns.

use super::{account::AccountId, id::InvitationId};

/// Makes URNs: `urn:{namespace}:identity:{region}:{account}:{kind}/{id}`.
#[derive(Debug, Clone)]
pub struct Urns {
    namespace: String,
    region: String,
}

impl Urns {
    /// From the configured namespace and region.
    #[must_use]
    pub fn new(namespace: String, region: String) -> Self {
        Self { namespace, region }
    }

    /// An invitation's.
    #[must_use]
    pub fn invitation(&self, account: &AccountId, id: InvitationId) -> String {
        self.urn(account, "invitation", &id.to_string())
    }

    /// An API key's.
    #[must_use]
    pub fn api_key(&self, account: &AccountId, id: &str) -> String {
        self.urn(account, "apikey", id)
    }

    fn urn(&self, account: &AccountId, kind: &str, id: &str) -> String {
        format!("urn:{}:identity:{}:{account}:{kind}/{id}", self.namespace, self.region)
    }
}
