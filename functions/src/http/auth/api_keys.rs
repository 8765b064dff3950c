//! API keys.
//!
//! Key records are cached for 30 seconds, so a disabled key keeps working in a warm function for at most that long. The absence of
//! a key is cached for 5 seconds, and so is a record without the secret that is presented: the key may have been rotated since.

use std::time::Duration;

use shared::{
    domain::{
        AccountId, Principal, Roles, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyId, ApiKeyRecord},
    },
    store::{Store, StoreError},
};

use crate::http::cache::Cache;

/// How long a key's record is cached.
const CACHE_TTL: Duration = Duration::from_secs(30);
/// How long the absence of a key, or of a secret, is cached.
const NEGATIVE_CACHE_TTL: Duration = Duration::from_secs(5);

/// Verifies API keys.
pub(super) struct ApiKeys {
    store: Store,
    records: Cache<(AccountId, ApiKeyId), Option<ApiKeyRecord>>,
}

impl ApiKeys {
    pub(super) fn new(store: Store) -> Self {
        Self { store, records: Cache::new() }
    }

    /// The caller that a key authenticates, or why it does not.
    pub(super) async fn verify(
        &self,
        key: &str,
        now: Timestamp,
        roles: &Roles,
        urns: &Urns,
    ) -> Result<Result<Principal, &'static str>, StoreError> {
        let Ok(key) = key.parse::<ApiKey>() else { return Ok(Err("the API key is incomplete or mistyped")) };
        let record = self.record(&key, now).await?;
        let principal = record.as_ref().and_then(|record| record.verify(&key, now, roles, urns));
        if principal.is_some() && record.is_some_and(|record| record.knows_as_previous(&key, now)) {
            tracing::info!(account = key.account().as_str(), id = key.id().as_str(), "previous secret used");
        }
        // One sentence for all cases: a caller without a valid key must not learn which keys exist.
        Ok(principal.ok_or("the API key is unknown, disabled or expired"))
    }

    async fn record(&self, key: &ApiKey, now: Timestamp) -> Result<Option<ApiKeyRecord>, StoreError> {
        let id = (key.account().clone(), key.id().clone());
        let knows = |record: &ApiKeyRecord| record.knows(key, now);
        let ttl = |record: &Option<_>| if record.as_ref().is_some_and(knows) { CACHE_TTL } else { NEGATIVE_CACHE_TTL };
        if let Some((record, _)) = self.records.get(&id, now, ttl) {
            return Ok(record);
        }
        let record = self.store.find_api_key(key.account(), key.id()).await?;
        // The age counts from before the read, so that a key disabled during the read is not cached for longer.
        self.records.insert(id, record.clone(), now);
        Ok(record)
    }
}
