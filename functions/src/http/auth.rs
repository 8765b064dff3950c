//! Credential to principal: the one way to an account's data.
//!
//! A record is remembered for at most 30 seconds, so that is how long a disabled key can live on in a warm function; that
//! there is none, for 5.

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

/// How long a key's record is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(30);
/// How long it is remembered that there is no such key.
const ABSENCE_REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// How many records are remembered; when there are more, all are forgotten.
const REMEMBERED_AT_MOST: usize = 1000;

/// What a 401 asks for.
pub const CHALLENGE: &str = "ApiKey realm=\"invitations\"";

/// Turns credentials into principals.
pub struct Authenticator {
    store: Store,
    roles: Roles,
    urns: Urns,
    remembered: Mutex<HashMap<(AccountId, ApiKeyId), Remembered>>,
}

#[derive(Clone)]
struct Remembered {
    record: Option<ApiKeyRecord>,
    at: Timestamp,
}

impl Authenticator {
    /// Looks keys up in `store`.
    #[must_use]
    pub fn new(store: Store, roles: Roles, urns: Urns) -> Self {
        Self { store, roles, urns, remembered: Mutex::default() }
    }

    /// The caller of a request, who has `permission`.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`], [`ApiError::Forbidden`], or the store's.
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
        // One sentence for all: who has no key must not learn which keys exist.
        self.record(&key, now)
            .await?
            .and_then(|record| record.verify(&key, now, &self.roles, &self.urns))
            .ok_or(ApiError::Unauthorized("the API key is unknown, disabled or expired"))
    }

    async fn record(&self, key: &ApiKey, now: Timestamp) -> Result<Option<ApiKeyRecord>, StoreError> {
        let place = (key.account().clone(), key.id().clone());
        if let Some(remembered) = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(&place).filter(|it| it.is_fresh(now)) {
            return Ok(remembered.record.clone());
        }
        let record = self.store.find_api_key(key.account(), key.id()).await?;
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_AT_MOST {
            remembered.clear();
        }
        // The age counts from before the read: a key disabled during it must not live longer for that.
        remembered.insert(place, Remembered { record: record.clone(), at: now });
        Ok(record)
    }
}

impl Remembered {
    /// A clock that was set back makes it stale, not immortal.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let allowed = if self.record.is_some() { REMEMBERED_FOR } else { ABSENCE_REMEMBERED_FOR };
        now >= self.at && now.since(self.at) < allowed
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
