//! Bearer tokens.
//!
//! The keys of issuers come from the table, where `refresh-issuers` writes them. They are cached for five minutes. A token with an unknown
//! key has them read again, at most once in 30 seconds, so that forged tokens cause no load. Nothing is fetched from the issuer, and nothing
//! is written.
//!
//! A verified token is remembered by its SHA-256 until it expires or the keys of its issuer change.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use shared::{
    domain::{
        AccountId, ExternalId, Timestamp,
        bearer::{BearerToken, TokenProblem, VerifiedToken},
        issuer::{Issuer, Issuers},
        user::IssuerName,
    },
    store::{Store, StoreError, StoredKeys},
};

use crate::http::cache::Cache;
use crate::http::error::{ApiError, Challenge};

/// How long an issuer's keys are cached.
const KEYS_TTL: Duration = Duration::from_secs(300);
/// How old cached keys must be to be read again for an unknown key.
const REREAD_AFTER: Duration = Duration::from_secs(30);
/// How long keys are valid after they were last the ones that the issuer publishes: a day, and the hour for which a refresh that finds
/// nothing new writes nothing.
const VALID_FOR: Duration = Duration::from_secs(25 * 3600);
/// How long the account of an external id is cached. It never changes.
const ACCOUNT_TTL: Duration = Duration::MAX;
/// How long it is cached that no account has an external id.
const NO_ACCOUNT_TTL: Duration = Duration::from_secs(5);

/// Verifies bearer tokens.
pub(super) struct BearerTokens {
    store: Store,
    issuers: Issuers,
    keys: Cache<IssuerName, Option<Arc<StoredKeys>>>,
    verified: Cache<[u8; 32], Arc<VerifiedToken>>,
    accounts: Cache<ExternalId, Option<AccountId>>,
}

impl BearerTokens {
    pub(super) fn new(store: Store, issuers: Issuers) -> Self {
        Self { store, issuers, keys: Cache::new(), verified: Cache::new(), accounts: Cache::new() }
    }

    /// Verifies a token.
    pub(super) async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, ApiError> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(verified) = self.remembered(&hash, now).await? {
            return Ok(verified);
        }
        let token = BearerToken::parse(token, &self.issuers)?;
        let verified =
            Arc::new(token.verify(self.keys_with(&token, now).await?.keys.find(token.key_id()).ok_or(TokenProblem::UnknownKey)?, now)?);
        self.verified.insert(hash, verified.clone(), now);
        Ok(verified)
    }

    /// The token, if it was verified before and its issuer's keys have not changed since.
    async fn remembered(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Arc<VerifiedToken>>, ApiError> {
        let find = || self.verified.get(hash, now, |_| Duration::MAX).map(|(token, _)| token);
        let Some(token) = find() else { return Ok(None) };
        if now >= token.expiry() {
            return Err(TokenProblem::Expired.into());
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == token.issuer());
        self.keys(issuer.ok_or(TokenProblem::UnknownIssuer)?, now).await?;
        // Reading the keys may have made it forgotten.
        Ok(find())
    }

    /// The keys of the issuer, read again if they do not include the token's.
    async fn keys_with(&self, token: &BearerToken<'_>, now: Timestamp) -> Result<Arc<StoredKeys>, ApiError> {
        let keys = self.keys(token.issuer(), now).await?;
        let may_reread = || self.keys.get(token.issuer().name(), now, |_| REREAD_AFTER).is_none();
        if keys.keys.find(token.key_id()).is_none() && may_reread() { self.read(token.issuer(), now).await } else { Ok(keys) }
    }

    async fn keys(&self, issuer: &Issuer, now: Timestamp) -> Result<Arc<StoredKeys>, ApiError> {
        let ttl = |keys: &Option<_>| if keys.is_some() { KEYS_TTL } else { REREAD_AFTER };
        match self.keys.get(issuer.name(), now, ttl) {
            Some((keys, _)) => valid(keys, issuer, now),
            None => self.read(issuer, now).await,
        }
    }

    async fn read(&self, issuer: &Issuer, now: Timestamp) -> Result<Arc<StoredKeys>, ApiError> {
        let (keys, unreadable) = match self.store.issuer_keys(issuer).await {
            Ok(keys) => (keys.map(Arc::new), None),
            // Remembered like missing keys, so that forged tokens do not cause a read each.
            Err(error @ StoreError::Corrupt { .. }) => (None, Some(error)),
            Err(error) => return Err(error.into()),
        };
        let before = self.keys.last(issuer.name()).flatten();
        if before.is_some_and(|before| keys.as_ref().is_none_or(|keys| keys.keys != before.keys)) {
            self.verified.retain(|token| token.issuer() != issuer.name());
        }
        self.keys.insert(issuer.name().clone(), keys.clone(), now);
        match unreadable {
            Some(error) => Err(error.into()),
            None => valid(keys, issuer, now),
        }
    }

    /// The account with an external id, if there is one.
    pub(super) async fn account_of(&self, id: &ExternalId, now: Timestamp) -> Result<Option<AccountId>, StoreError> {
        let ttl = |account: &Option<_>| if account.is_some() { ACCOUNT_TTL } else { NO_ACCOUNT_TTL };
        if let Some((account, _)) = self.accounts.get(id, now, ttl) {
            return Ok(account);
        }
        let account = self.store.account_of(id).await?;
        self.accounts.insert(id.clone(), account.clone(), now);
        Ok(account)
    }
}

/// The keys, if they are not too old.
fn valid(keys: Option<Arc<StoredKeys>>, issuer: &Issuer, now: Timestamp) -> Result<Arc<StoredKeys>, ApiError> {
    let unavailable = |why: &str| StoreError::Unavailable { cause: format!("the keys of the issuer {} {why}", issuer.name()) };
    let keys = keys.ok_or_else(|| unavailable("have not been fetched yet"))?;
    if now.since(keys.refreshed) < VALID_FOR { Ok(keys) } else { Err(unavailable("could not be refreshed for a day").into()) }
}

impl From<TokenProblem> for ApiError {
    fn from(problem: TokenProblem) -> Self {
        Self::Unauthorized(problem.as_str(), Challenge::InvalidToken)
    }
}
