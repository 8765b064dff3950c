//! Runs every minute and copies the public keys of each issuer into the table.
//!
//! It writes what has changed. If nothing has, it notes once an hour that the keys were still the same: they are valid for a day after
//! that, so tokens keep working while an issuer is down.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use shared::{
    config::{Config, ConfigError},
    domain::{issuer::Issuer, issuer::Issuers, key_set::KeySet},
    store::{Store, StoreError, StoredKeys},
};
use tracing::{error, info};

use crate::{
    app::{connected, variable},
    delivery::worker::Failed,
    issuers::web::Web,
};

/// The time limit of a fetch. An issuer needs two.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
/// How often it is noted that keys have not changed.
const NOTE_EVERY: Duration = Duration::from_secs(3600);

/// State of the function.
#[derive(Debug)]
pub struct Refresher {
    store: Store,
    issuers: Issuers,
    web: Web,
}

/// The result of a round.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// How many issuers have new keys.
    pub changed: usize,
    /// How many have the same as before.
    pub unchanged: usize,
}

impl Refresher {
    /// Fetches with `web`.
    #[must_use]
    pub fn new(store: Store, issuers: Issuers, web: Web) -> Self {
        Self { store, issuers, web }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub fn from_env() -> Result<Self, ConfigError> {
        let config = Config::read(&variable)?;
        let web = Web::new(&config.connection.trust, FETCH_WITHIN);
        Ok(Self::new(connected(&config), config.issuers, web))
    }

    /// Refreshes the keys of an issuer. Returns whether they have changed.
    async fn refresh(&self, issuer: &Issuer) -> Result<bool, Failed> {
        let stored = match self.store.issuer_keys(issuer).await {
            Ok(stored) => stored,
            // It is replaced.
            Err(error @ StoreError::Corrupt { .. }) => {
                error!(issuer = issuer.name().as_str(), cause = %error, "stored keys not readable");
                None
            }
            Err(error) => return Err(error.into()),
        };
        // From before the fetch, so that the keys are never taken for newer than they are.
        let now = self.store.now();
        let keys = self.fetch(issuer).await?;
        let changed = stored.as_ref().is_none_or(|stored| stored.keys != keys);
        let none = keys.is_empty();
        if changed || stored.is_some_and(|stored| now.since(stored.refreshed) >= NOTE_EVERY) {
            self.store.put_issuer_keys(issuer, &StoredKeys { keys, refreshed: now }).await?;
        }
        // They are stored all the same: an issuer that withdraws all its keys wants none of its tokens to be accepted.
        if none { Err(Failed(format!("{} publishes no key for RS256 or ES256", issuer.url()))) } else { Ok(changed) }
    }

    async fn fetch(&self, issuer: &Issuer) -> Result<KeySet, Failed> {
        let url = issuer.discovery_url();
        let document = self.web.get(&url).await.map_err(|why| Failed(format!("{url}: {why}")))?;
        let url = issuer.key_set_url(&document).map_err(|why| Failed(format!("{url}: {why}")))?;
        let document = self.web.get(url.as_str()).await.map_err(|why| Failed(format!("{url}: {why}")))?;
        KeySet::parse(&document).map_err(|why| Failed(format!("{url}: {why}")))
    }
}

/// Refreshes the keys of all issuers. The content of the event is ignored.
///
/// # Errors
/// If the keys of an issuer could not be refreshed. Those of the others are.
pub async fn handle(refresher: &Refresher, _event: &str) -> Result<Round, Failed> {
    let results = join_all(refresher.issuers.iter().map(|issuer| async move {
        let result = refresher.refresh(issuer).await;
        match &result {
            Ok(true) => info!(issuer = issuer.name().as_str(), "keys changed"),
            Ok(false) => {}
            Err(failed) => error!(issuer = issuer.name().as_str(), cause = %failed, "keys not refreshed"),
        }
        result
    }));
    let results = results.await;
    let count = |changed: bool| results.iter().filter(|result| result.as_ref().is_ok_and(|it| *it == changed)).count();
    let round = Round { changed: count(true), unchanged: count(false) };
    let failed = results.len() - round.changed - round.unchanged;
    info!(changed = round.changed, unchanged = round.unchanged, failed, "round done");
    if failed > 0 { Err(Failed(format!("the keys of {failed} issuers could not be refreshed"))) } else { Ok(round) }
}
