//! What a cold start builds once.

use std::time::Duration;

use shared::{
    config::{Config, ConfigError, read_send_policy},
    domain::{Urns, lifecycle::SendPolicy},
    store::{Store, connect, system_clock},
};

use crate::auth::Authenticator;

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
        let store = Store::new(connect(&config.connection), config.table.clone(), system_clock());
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
        match (App::from_env().await, read_send_policy(&variable)) {
            (Ok(app), Ok(policy)) => Ok(Self { app, policy }),
            (Err(one), Err(other)) => Err(ConfigError([one.0, other.0].concat())),
            (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
        }
    }
}

impl AsRef<App> for App {
    fn as_ref(&self) -> &App {
        self
    }
}

impl AsRef<App> for SendingApp {
    fn as_ref(&self) -> &App {
        &self.app
    }
}

/// A variable of the process's environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
