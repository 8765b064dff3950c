//! State that a cold start builds once.

use std::time::Duration;

use shared::{
    config::{Config, ConfigError, read_default_settings, read_link_base, read_retention, read_send_limits, read_send_policy},
    domain::{
        AccountId, Permission, Principal, Urns,
        lifecycle::{Handover, SendLimits, SendPolicy},
        link_base::LinkBase,
        settings::AccountSettings,
        text::Malformed,
    },
    store::{Store, StoreError, connect, system_clock},
};

use crate::http::{
    auth::{Authenticator, require},
    error::ApiError,
    event::Request,
    settings::CachedSettings,
};

/// State of every endpoint.
#[derive(Debug)]
pub struct App {
    /// The table.
    pub store: Store,
    /// Authenticates callers.
    pub auth: Authenticator,
    /// Builds URNs.
    pub urns: Urns,
    /// The `Retry-After` of every response during maintenance; `None` in normal operation.
    pub maintenance: Option<Duration>,
}

/// State of the endpoints that send invitations.
#[derive(Debug)]
pub struct SendingApp {
    /// State of every endpoint.
    pub app: App,
    /// Sending limits and link keys.
    pub policy: SendPolicy,
    /// The address of the page that links open; `None` if the gateway's stage says it.
    pub link_base: Option<LinkBase>,
    /// Whom each account invites.
    pub settings: CachedSettings,
}

impl App {
    /// Uses a connected store.
    #[must_use]
    pub fn new(store: Store, config: Config) -> Self {
        let auth = Authenticator::new(store.clone(), config.roles, config.urns.clone(), config.issuers);
        Self { store, auth, urns: config.urns, maintenance: config.maintenance }
    }

    /// Reads the environment and opens the connection to DynamoDB.
    ///
    /// # Errors
    /// All configuration problems.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let config = Config::read(&variable)?.check_issuer_roles()?;
        let store = connected(&config);
        store.open().await;
        Ok(Self::new(store, config))
    }
}

impl SendingApp {
    /// Combines what is configured.
    #[must_use]
    pub fn new(app: App, policy: SendPolicy, link_base: Option<LinkBase>) -> Self {
        let settings = CachedSettings::new(app.store.clone());
        Self { app, policy, link_base, settings }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let rest = combine(read_send_policy(&variable), read_link_base(&variable));
        let (app, (policy, link_base)) = combine(App::from_env().await, rest)?;
        Ok(Self::new(app, policy, link_base))
    }

    /// The address of the page, if the caller gets the link, which takes a permission of its own.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`]; [`ApiError::Internal`] if no address is configured.
    pub(crate) fn link_base_for(&self, who: &Principal, handover: Handover, request: &Request) -> Result<Option<LinkBase>, ApiError> {
        match handover {
            Handover::Email => Ok(None),
            Handover::Caller => {
                require(who, Permission::Link)?;
                self.link_base(request).map(Some).map_err(ApiError::Internal)
            }
        }
    }

    /// The address in the configuration, or in the gateway's stage: a function cannot be configured with the address of its own gateway.
    fn link_base(&self, request: &Request) -> Result<LinkBase, String> {
        if let Some(base) = &self.link_base {
            return Ok(base.clone());
        }
        let text = request.link_base.as_ref().ok_or("neither LINK_BASE_URL nor the stage variable linkBaseUrl is set")?;
        text.parse().map_err(|error: Malformed| format!("the stage variable linkBaseUrl: {error}"))
    }
}

/// State of the endpoints for invitees.
#[derive(Debug)]
pub struct InviteeApp {
    /// State of every endpoint.
    pub app: App,
    /// Settings of accounts that have not set their own.
    pub defaults: AccountSettings,
    /// How long closed invitations are kept; `None` forever.
    pub retention: Option<Duration>,
}

impl InviteeApp {
    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let rest = combine(read_default_settings(&variable), read_retention(&variable));
        let (app, (defaults, retention)) = combine(App::from_env().await, rest)?;
        Ok(Self { app, defaults, retention })
    }

    /// The settings of an account, completed with the defaults.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn settings(&self, account: &AccountId) -> Result<AccountSettings, StoreError> {
        Ok(self.app.store.settings(account).await?.or(&self.defaults))
    }
}

/// State of the endpoint that describes the caller.
#[derive(Debug)]
pub struct CallerApp {
    /// State of every endpoint.
    pub app: App,
    /// Settings of accounts that have not set their own.
    pub defaults: AccountSettings,
    /// The limits on sending.
    pub limits: SendLimits,
}

impl CallerApp {
    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let rest = combine(read_default_settings(&variable), read_send_limits(&variable));
        let (app, (defaults, limits)) = combine(App::from_env().await, rest)?;
        Ok(Self { app, defaults, limits })
    }
}

/// Both values, or the problems of both.
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

impl AsRef<App> for CallerApp {
    fn as_ref(&self) -> &App {
        &self.app
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

/// A store for the configured table.
pub(crate) fn connected(config: &Config) -> Store {
    Store::new(connect(&config.connection), config.table.clone(), system_clock())
        .only(config.only_account.clone())
        .listing_by_invitee(config.issuers.prove_addresses())
}

/// An environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
