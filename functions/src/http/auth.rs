//! Authentication: turns a credential into a [`Principal`], without which nothing reaches an account's data.
//!
//! Key records are cached for 30 seconds, so a disabled key keeps working in a warm function for at most that long. The absence of
//! a key is cached for 5 seconds.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use shared::{
    domain::{
        AccountId, Permission, Principal, Roles, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyId, ApiKeyRecord},
    },
    store::{Store, StoreError},
};

use crate::http::{
    error::ApiError,
    event::{Caller, Request},
};

/// How long a key's record is cached.
const CACHE_TTL: Duration = Duration::from_secs(30);
/// How long the absence of a key is cached.
const NEGATIVE_CACHE_TTL: Duration = Duration::from_secs(5);
/// How many records the cache holds; when it is full, it is cleared.
const CACHE_CAPACITY: usize = 1000;

/// The `WWW-Authenticate` header of a 401.
pub const CHALLENGE: &str = "ApiKey realm=\"invitations\"";

/// Authenticates callers and checks their permissions.
pub struct Authenticator {
    store: Store,
    roles: Roles,
    urns: Urns,
    cache: Mutex<HashMap<(AccountId, ApiKeyId), CachedRecord>>,
}

#[derive(Clone)]
struct CachedRecord {
    record: Option<ApiKeyRecord>,
    read_at: Timestamp,
}

impl Authenticator {
    /// Looks up keys in `store`.
    #[must_use]
    pub fn new(store: Store, roles: Roles, urns: Urns) -> Self {
        Self { store, roles, urns, cache: Mutex::default() }
    }

    /// Returns the caller of a request if it has `permission`.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`], [`ApiError::Forbidden`], or a store error.
    pub async fn authorize(&self, request: &Request, permission: Permission) -> Result<Principal, ApiError> {
        let who = self.authenticate(request).await?;
        request.caller.get_or_init(|| Caller { account: who.account().clone(), urn: who.urn().to_owned() });
        if who.can(permission) { Ok(who) } else { Err(ApiError::Forbidden { permission, role: who.role_id().clone() }) }
    }

    async fn authenticate(&self, request: &Request) -> Result<Principal, ApiError> {
        let header =
            request.headers.authorization.as_ref().ok_or(ApiError::Unauthorized("send the header 'Authorization: ApiKey <key>'"))?;
        let key = match header.0.trim().split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("ApiKey") => key.trim(),
            _ => return Err(ApiError::Unauthorized("the header must read 'Authorization: ApiKey <key>'")),
        };
        let key: ApiKey = key.parse().map_err(|_| ApiError::Unauthorized("the API key is incomplete or mistyped"))?;
        let now = self.store.now();
        // One sentence for all cases: a caller without a valid key must not learn which keys exist.
        self.record(&key, now)
            .await?
            .and_then(|record| record.verify(&key, now, &self.roles, &self.urns))
            .ok_or(ApiError::Unauthorized("the API key is unknown, disabled or expired"))
    }

    async fn record(&self, key: &ApiKey, now: Timestamp) -> Result<Option<ApiKeyRecord>, StoreError> {
        let cache_key = (key.account().clone(), key.id().clone());
        if let Some(cached) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&cache_key).filter(|it| it.is_fresh(now)) {
            return Ok(cached.record.clone());
        }
        let record = self.store.find_api_key(key.account(), key.id()).await?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHE_CAPACITY {
            cache.clear();
        }
        // The age counts from before the read, so that a key disabled during the read is not cached for longer.
        cache.insert(cache_key, CachedRecord { record: record.clone(), read_at: now });
        Ok(record)
    }
}

impl CachedRecord {
    /// A record from the future is stale: the clock was set back.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let ttl = if self.record.is_some() { CACHE_TTL } else { NEGATIVE_CACHE_TTL };
        now >= self.read_at && now.since(self.read_at) < ttl
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
