//! API keys, by direct invocation.
//!
//! `{"action": "create", "account": …, "role": …, "name"?, "expiry"?}`, `{"action": "list", "account": …, "cursor"?}`,
//! `{"action": "disable", "account": …, "id": …}`. Each takes `externalID` instead of `account`.

use std::fmt;

use serde::Serialize;
use shared::{
    config::{Config, ConfigError},
    domain::{
        Roles, Timestamp,
        api_key::{ApiKey, ApiKeyId, ApiKeyRecord},
        settings::DisplayName,
        text::excerpt,
    },
    store::Store,
};

use crate::{
    app::{connected, variable},
    http::{
        error::{ApiError, Invalid},
        json::Fields,
        output::to_json,
    },
    operator::{
        account::AccountRef,
        invocation::{Event, parsed},
    },
};

/// State of the function.
#[derive(Debug)]
pub struct Keys {
    store: Store,
    roles: Roles,
}

impl Keys {
    /// Uses a connected store; `roles` are the roles that a key can have.
    #[must_use]
    pub fn new(store: Store, roles: Roles) -> Self {
        Self { store, roles }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub fn from_env() -> Result<Self, ConfigError> {
        let config = Config::read(&variable)?;
        Ok(Self::new(connected(&config), config.roles))
    }
}

/// Handles an event.
///
/// # Errors
/// [`ApiError`] if the event is invalid, the key does not exist or the table fails.
pub async fn handle(keys: &Keys, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let action = fields.required("action")?;
    let account = AccountRef::take(&mut fields)?;
    match action.as_str() {
        "create" => create(keys, account, fields, invocation).await,
        "list" => list(keys, account, fields).await,
        "disable" => disable(keys, account, fields, invocation).await,
        other => {
            Err(Invalid::field("invalid-field", "action", format!("must be 'create', 'list' or 'disable', not '{}'", excerpt(other)))
                .into())
        }
    }
}

async fn create(keys: &Keys, account: AccountRef, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let (role, name, expiry) = (fields.required("role")?, fields.optional("name")?, fields.optional("expiry")?);
    fields.finish(&["action", "account", "externalID", "role", "name", "expiry"])?;
    let role = parsed("role", &role)?;
    if !keys.roles.contains(&role) {
        let known: Vec<String> = keys.roles.names().map(ToString::to_string).collect();
        return Err(Invalid::field(
            "invalid-field",
            "role",
            format!("'{role}' is not a configured role; configured roles: {}", known.join(", ")),
        )
        .into());
    }
    // Invitees see the name.
    let name: Option<DisplayName> = name.map(|text| parsed("name", &text)).transpose()?;
    let now = keys.store.now();
    let expiry: Option<Timestamp> = expiry.map(|text| parsed("expiry", &text)).transpose()?;
    if expiry.is_some_and(|expiry| expiry <= now) {
        return Err(Invalid::field("invalid-field", "expiry", "must be in the future").into());
    }
    let account = account.resolve(&keys.store).await?;
    let (key, generated) = ApiKey::generate(&account);
    let record = ApiKeyRecord::new(&generated, role, name.map(|name| name.to_string()), now, expiry);
    keys.store.add_api_key(&record).await?;
    tracing::info!(invocation, account = account.as_str(), id = record.id.as_str(), role = record.role.as_str(), "key created");
    Ok(to_json(&KeyBody { key: Some(&key), ..body(&record) }))
}

async fn list(keys: &Keys, account: AccountRef, mut fields: Fields) -> Result<String, ApiError> {
    let after: Option<ApiKeyId> = fields.optional("cursor")?.map(|text| parsed("cursor", &text)).transpose()?;
    fields.finish(&["action", "account", "externalID", "cursor"])?;
    let account = account.resolve(&keys.store).await?;
    let page = keys.store.list_api_keys(&account, after.as_ref()).await?;
    Ok(to_json(&KeysBody { next: page.next.as_ref().map(ApiKeyId::as_str), keys: page.keys.iter().map(body).collect() }))
}

async fn disable(keys: &Keys, account: AccountRef, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let id: ApiKeyId = parsed("id", &fields.required("id")?)?;
    fields.finish(&["action", "account", "externalID", "id"])?;
    let account = account.resolve(&keys.store).await?;
    let record = keys.store.disable_api_key(&account, &id).await?.ok_or(shared::domain::Rejected::NotFound)?;
    tracing::info!(invocation, account = account.as_str(), id = id.as_str(), "key disabled");
    Ok(to_json(&body(&record)))
}

#[derive(Serialize)]
struct KeysBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    keys: Vec<KeyBody<'a>>,
}

/// A key's record; the key itself only in the response to its creation.
#[derive(Serialize)]
struct KeyBody<'a> {
    id: &'a str,
    account: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    enabled: bool,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

fn body(record: &ApiKeyRecord) -> KeyBody<'_> {
    KeyBody {
        id: record.id.as_str(),
        account: record.account.as_str(),
        role: record.role.as_str(),
        name: record.name.as_deref(),
        enabled: record.enabled,
        created: record.created.to_string(),
        expiry: record.expiry.map(|expiry| expiry.to_string()),
        key: None,
    }
}

impl fmt::Debug for KeyBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBody").field("id", &self.id).finish_non_exhaustive()
    }
}
