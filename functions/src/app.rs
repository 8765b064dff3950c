//! What a cold start builds once.

use std::time::Duration;

use shared::{
    config::{Config, ConfigError, read_default_settings, read_retention, read_send_policy},
    domain::{AccountId, Urns, lifecycle::SendPolicy, settings::AccountSettings},
    store::{Store, StoreError, connect, system_clock},
};

use crate::http::auth::Authenticator;

/// What every endpoint needs.
#[derive(Debug)]
pub struct App {
    /// The table.
    pub store: Store,
    /// Turns credentials into principals.
    pub auth: Authenticator,
    /// Makes URNs.
    pub urns: Urns,
    /// Set while the service is being maintained.
    pub maintenance: Option<Duration>,
}

/// What the endpoints that send need.
#[derive(Debug)]
pub struct SendingApp {
    /// What every endpoint needs.
    pub app: App,
    /// The limits on sending and the keys of links.
    pub policy: SendPolicy,
}

impl App {
    /// Over a store that is connected.
    #[must_use]
    pub fn new(store: Store, config: Config) -> Self {
        let auth = Authenticator::new(store.clone(), config.roles, config.urns.clone());
        Self { store, auth, urns: config.urns, maintenance: config.maintenance }
    }

    /// From the process's environment, its connection open.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let config = Config::read(&variable)?;
        let store = connected(&config);
        store.open().await;
        Ok(Self::new(store, config))
    }
}

impl SendingApp {
    /// From the process's environment.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let (app, policy) = combine(App::from_env().await, read_send_policy(&variable))?;
        Ok(Self { app, policy })
    }
}

/// What the endpoints of an invitee need.
#[derive(Debug)]
pub struct InviteeApp {
    /// What every endpoint needs.
    pub app: App,
    /// How an account presents itself that has not said.
    pub defaults: AccountSettings,
    /// How long closed invitations are kept.
    pub retention: Option<Duration>,
}

impl InviteeApp {
    /// From the process's environment.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let rest = combine(read_default_settings(&variable), read_retention(&variable));
        let (app, (defaults, retention)) = combine(App::from_env().await, rest)?;
        Ok(Self { app, defaults, retention })
    }

    /// How an account presents itself.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn settings(&self, account: &AccountId) -> Result<AccountSettings, StoreError> {
        Ok(self.app.store.settings(account).await?.or(&self.defaults))
    }
}

/// Both, or all that is wrong with either.
pub(crate) fn combine<A, B>(one: Result<A, ConfigError>, other: Result<B, ConfigError>) -> Result<(A, B), ConfigError> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) => Err(ConfigError([one.0, other.0].concat())),
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
    }
}

impl AsRef<App> for App {
    fn as_ref(&self) -> &App {
        self
    }
}

impl AsRef<App> for InviteeApp {
    fn as_ref(&self) -> &App {
        &self.app
    }
}

impl AsRef<App> for SendingApp {
    fn as_ref(&self) -> &App {
        &self.app
    }
}

/// The table that a configuration names.
pub(crate) fn connected(config: &Config) -> Store {
    Store::new(connect(&config.connection), config.table.clone(), system_clock()).only(config.only_account.clone())
}

/// A variable of the process's environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
