//! The settings of accounts that sending depends on, remembered for a while like the keys of callers.

use std::{fmt, time::Duration};

use shared::{
    domain::{AccountId, settings::AccountSettings},
    store::{Store, StoreError},
};

use super::cache::Cache;

/// How long settings are remembered: a change applies everywhere after this time.
const CACHE_TTL: Duration = Duration::from_secs(30);

/// Reads settings, at most once in 30 seconds for each account.
pub struct CachedSettings {
    store: Store,
    settings: Cache<AccountId, AccountSettings>,
}

impl CachedSettings {
    /// Reads from `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, settings: Cache::new() }
    }

    /// What the account has set of them; the others are missing.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn of(&self, account: &AccountId) -> Result<AccountSettings, StoreError> {
        let now = self.store.now();
        if let Some((settings, _)) = self.settings.get(account, now, |_| CACHE_TTL) {
            return Ok(settings);
        }
        let settings = self.store.rules(account).await?;
        // The age counts from before the read.
        self.settings.insert(account.clone(), settings.clone(), now);
        Ok(settings)
    }
}

impl fmt::Debug for CachedSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedSettings").finish_non_exhaustive()
    }
}
