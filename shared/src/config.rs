//! Configuration: environment variables, read at start. All problems are reported together.

mod env;

use std::{fmt, path::PathBuf, time::Duration};

use self::env::Env;
use crate::{
    domain::{
        AccountId, Email, Roles, Urns,
        issuer::Issuers,
        lifecycle::{SendLimits, SendPolicy},
        link::LinkKeys,
        link_base::LinkBase,
        reminder::RemindBefore,
        settings::{AccountSettings, Binding, DomainPolicy, RedirectOrigins},
    },
    store::TrustStore,
};

/// The default of `ROLES`.
pub const DEFAULT_ROLES: &str = r#"{
  "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
  "read-only":   { "can": ["invitations:read"], "mayGrant": [] }
}"#;

const DAY: u64 = 86_400;

/// The configuration of every function.
#[derive(Debug)]
pub struct Config {
    /// The name of the table: `TABLE_NAME`.
    pub table: String,
    /// How to connect to DynamoDB.
    pub connection: Connection,
    /// Builds URNs: `URN_NAMESPACE`, `URN_REGION`.
    pub urns: Urns,
    /// The permissions of roles: `ROLES`.
    pub roles: Roles,
    /// Whose bearer tokens are accepted: `ISSUERS`.
    pub issuers: Issuers,
    /// If set, only this account is served: `ONLY_ACCOUNT`.
    pub only_account: Option<AccountId>,
    /// If set, maintenance is on, and every route except the page returns a 503 with this `Retry-After`:
    /// `MAINTENANCE_RETRY_AFTER_SECONDS`.
    pub maintenance: Option<Duration>,
}

/// How to connect to DynamoDB: the standard variables of AWS SDKs, and `TRUST_STORE`.
#[derive(Debug)]
pub struct Connection {
    /// The AWS region: `AWS_REGION`.
    pub region: String,
    /// The endpoint of DynamoDB, if not the region's: `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// The endpoint of all services, if not the region's: `AWS_ENDPOINT_URL`.
    pub any_endpoint: Option<String>,
    /// Whether to use the region's FIPS endpoint: `AWS_USE_FIPS_ENDPOINT`.
    pub fips: bool,
    /// Whether to use the region's endpoint for IPv4 and IPv6: `AWS_USE_DUALSTACK_ENDPOINT`.
    pub dual_stack: bool,
    /// The trusted certificate authorities: `TRUST_STORE`.
    pub trust: TrustStore,
}

/// All configuration problems.
#[derive(Debug)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the variables through `lookup`.
    ///
    /// # Errors
    /// All problems together, each naming its variable.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut env = Env::new(lookup);
        let region = env.text("AWS_REGION", "us-east-1");
        let any_endpoint = env.url("AWS_ENDPOINT_URL");
        let config = Self {
            table: env.required("TABLE_NAME"),
            connection: Connection {
                endpoint: env.url("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| any_endpoint.clone()),
                any_endpoint,
                fips: env.flag("AWS_USE_FIPS_ENDPOINT"),
                dual_stack: env.flag("AWS_USE_DUALSTACK_ENDPOINT"),
                trust: env.parsed("TRUST_STORE", "amazon"),
                region: region.clone(),
            },
            urns: Urns::new(env.urn_part("URN_NAMESPACE", "cloudone"), env.urn_part("URN_REGION", &region)),
            roles: env.json("ROLES", DEFAULT_ROLES),
            issuers: env.json("ISSUERS", "{}"),
            only_account: env.get("ONLY_ACCOUNT").filter(|only| only != "*").and_then(|only| env.parse("ONLY_ACCOUNT", only)),
            maintenance: Some(env.seconds("MAINTENANCE_RETRY_AFTER_SECONDS", 0, 0, 86_400)).filter(|pause| !pause.is_zero()),
        };
        env.finish(config)
    }
}

impl Config {
    /// Checks that the issuers' roles stand for roles that exist. Only functions that have both can check it.
    ///
    /// # Errors
    /// All that do not.
    pub fn check_issuer_roles(self) -> Result<Self, ConfigError> {
        let unknown = self.issuers.roles().filter(|(_, role)| !self.roles.contains(role));
        let problems: Vec<_> = unknown.map(|(issuer, role)| format!("ISSUERS: {issuer}.role.map: ROLES has no role '{role}'")).collect();
        if problems.is_empty() { Ok(self) } else { Err(ConfigError(problems)) }
    }
}

/// Reads the additional configuration of the functions that send invitations.
///
/// # Errors
/// All problems together, each naming its variable.
pub fn read_send_policy(lookup: &dyn Fn(&str) -> Option<String>) -> Result<SendPolicy, ConfigError> {
    let mut env = Env::new(lookup);
    let policy = SendPolicy {
        limits: env.send_limits(),
        retention: env.retention(),
        link_keys: match env.link_keys() {
            Some(keys) => keys,
            None => return Err(ConfigError(env.problems)),
        },
    };
    env.finish(policy)
}

/// Reads the limits on sending.
///
/// # Errors
/// All problems together, each naming its variable.
pub fn read_send_limits(lookup: &dyn Fn(&str) -> Option<String>) -> Result<SendLimits, ConfigError> {
    let mut env = Env::new(lookup);
    let limits = env.send_limits();
    env.finish(limits)
}

/// Reads the address of the page that links open, if it is configured: `LINK_BASE_URL`.
///
/// # Errors
/// All problems together, each naming its variable.
pub fn read_link_base(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<LinkBase>, ConfigError> {
    let mut env = Env::new(lookup);
    let link_base = env.optional("LINK_BASE_URL");
    env.finish(link_base)
}

/// Reads how long closed and expired invitations are kept, `None` forever: `RETENTION_DAYS`.
///
/// # Errors
/// All problems together, each naming its variable.
pub fn read_retention(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Duration>, ConfigError> {
    let mut env = Env::new(lookup);
    let retention = env.retention();
    env.finish(retention)
}

/// The additional configuration of the functions that send emails and publish events.
#[derive(Debug)]
pub struct DeliveryConfig {
    /// The sender's email address: `FROM_ADDRESS`.
    pub from: Email,
    /// The SES configuration set that publishes email events: `CONFIGURATION_SET`.
    pub configuration_set: Option<String>,
    /// The address of the page that links open: `LINK_BASE_URL`.
    pub link_base: LinkBase,
    /// The keys of link secrets: `LINK_KEYS`.
    pub link_keys: LinkKeys,
    /// The name of the event bus: `EVENT_BUS`.
    pub event_bus: String,
    /// How long closed and expired invitations are kept, `None` forever: `RETENTION_DAYS`.
    pub retention: Option<Duration>,
    /// How long before the expiry invitees of accounts without a setting of their own are reminded: `REMIND_BEFORE_SECONDS`.
    pub remind_before: RemindBefore,
    /// The folder of custom texts and templates: `TEXTS_DIR`.
    pub texts: Option<PathBuf>,
    /// The endpoint of SES, if not the region's: `AWS_ENDPOINT_URL_SESV2`.
    pub ses_endpoint: Option<String>,
    /// The endpoint of EventBridge, if not the region's: `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub events_endpoint: Option<String>,
}

impl DeliveryConfig {
    /// Reads the variables through `lookup`.
    ///
    /// # Errors
    /// All problems together, each naming its variable.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut env = Env::new(lookup);
        let (from, link_base) = (env.required_parsed("FROM_ADDRESS"), env.required_parsed("LINK_BASE_URL"));
        let link_keys = env.link_keys();
        let (event_bus, configuration_set) = (env.text("EVENT_BUS", "default"), env.get("CONFIGURATION_SET"));
        let (retention, remind_before, texts) = (env.retention(), env.remind_before(), read_texts(lookup));
        let (ses_endpoint, events_endpoint) = (env.url("AWS_ENDPOINT_URL_SESV2"), env.url("AWS_ENDPOINT_URL_EVENTBRIDGE"));
        match (from, link_base, link_keys) {
            (Some(from), Some(link_base), Some(link_keys)) => env.finish(Self {
                from,
                configuration_set,
                link_base,
                link_keys,
                event_bus,
                retention,
                remind_before,
                texts,
                ses_endpoint,
                events_endpoint,
            }),
            _ => Err(ConfigError(env.problems)),
        }
    }
}

/// Reads whose bearer tokens are accepted: `ISSUERS`.
///
/// # Errors
/// All problems together, each naming its variable.
pub fn read_issuers(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Issuers, ConfigError> {
    let mut env = Env::new(lookup);
    let issuers = env.json("ISSUERS", "{}");
    env.finish(issuers)
}

/// The folder of custom texts and templates: `TEXTS_DIR`.
#[must_use]
pub fn read_texts(lookup: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    Env::new(lookup).get("TEXTS_DIR").map(PathBuf::from)
}

/// Reads the settings of accounts that have not set their own: `DEFAULT_DISPLAY_NAME`, `DEFAULT_COLOUR`, `DEFAULT_LOCALE`,
/// `DEFAULT_REDIRECT`.
///
/// # Errors
/// All problems together, each naming its variable.
pub fn read_default_settings(lookup: &dyn Fn(&str) -> Option<String>) -> Result<AccountSettings, ConfigError> {
    let mut env = Env::new(lookup);
    let settings = AccountSettings {
        name: env.optional("DEFAULT_DISPLAY_NAME"),
        logo: None,
        colour: env.optional("DEFAULT_COLOUR"),
        locale: env.optional("DEFAULT_LOCALE"),
        redirect: env.optional("DEFAULT_REDIRECT"),
        binding: Binding::default(),
        domains: DomainPolicy::default(),
        redirect_origins: RedirectOrigins::default(),
        // Only the functions that send emails need its default.
        remind_before: None,
        external: None,
    };
    env.finish(settings)
}
