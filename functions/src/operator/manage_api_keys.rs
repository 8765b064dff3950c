//! API keys, by direct invocation.
//!
//! `{"action": "create", "account": …, "role": …, "name"?, "expiry"?}`, `{"action": "list", "account": …, "cursor"?}`,
//! `{"action": "rotate", "account": …, "id": …, "overlapSeconds"?}`, `{"action": "disable", "account": …, "id": …}`. Each takes `externalID` instead of `account`.

use std::{fmt, str::FromStr};

use serde::Serialize;
use shared::{
    config::{Config, ConfigError},
    domain::{
        Rejected, RoleId, Roles, Timestamp,
        api_key::{ApiKey, ApiKeyId, ApiKeyRecord, Overlap},
        settings::DisplayName,
        text::{Malformed, excerpt},
    },
    store::{Rotation, Store},
};

use crate::{
    app::{connected, variable},
    http::{
        error::ApiError,
        invalid::{Invalid, all},
        json::Fields,
        output::to_json,
    },
    operator::{
        account::AccountRef,
        invocation::{Event, INVALID},
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

    /// Checks that a role is configured.
    fn configured(&self, role: RoleId) -> Result<RoleId, Invalid> {
        if self.roles.contains(&role) {
            return Ok(role);
        }
        let known: Vec<String> = self.roles.names().map(ToString::to_string).collect();
        let reason = format!("'{role}' is not a configured role; configured roles: {}", known.join(", "));
        Err(Invalid::field(INVALID, "role", reason))
    }
}

/// Handles an event.
///
/// # Errors
/// [`ApiError`] if the event is invalid, the key does not exist or the table fails.
pub async fn handle(keys: &Keys, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let (action, account) = (fields.required("action", INVALID), AccountRef::take(&mut fields));
    match action {
        Ok(Action::Create) => create(keys, account, fields, invocation).await,
        Ok(Action::List) => list(keys, account, fields).await,
        Ok(Action::Rotate) => rotate(keys, account, fields, invocation).await,
        Ok(Action::Disable) => disable(keys, account, fields, invocation).await,
        Err(error) => Err(error.and(account).into()),
    }
}

enum Action {
    Create,
    List,
    Rotate,
    Disable,
}

impl FromStr for Action {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "create" => Ok(Self::Create),
            "list" => Ok(Self::List),
            "rotate" => Ok(Self::Rotate),
            "disable" => Ok(Self::Disable),
            other => Err(Malformed(format!("must be 'create', 'list', 'rotate' or 'disable', not '{}'", excerpt(other)))),
        }
    }
}

async fn create(keys: &Keys, account: Result<AccountRef, Invalid>, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let now = keys.store.now();
    let (account, role, name, expiry, ()) = all((
        account,
        fields.required("role", INVALID).and_then(|role| keys.configured(role)),
        // Invitees see the name.
        fields.optional::<DisplayName>("name", INVALID),
        fields.optional("expiry", INVALID).and_then(|expiry| in_the_future(expiry, now)),
        fields.finish(&["action", "account", "externalID", "role", "name", "expiry"]),
    ))?;
    let account = account.resolve(&keys.store).await?;
    let (key, generated) = ApiKey::generate(&account);
    let record = ApiKeyRecord::new(&generated, role, name.map(|name| name.to_string()), now, expiry);
    keys.store.add_api_key(&record).await?;
    tracing::info!(invocation, account = account.as_str(), id = record.id.as_str(), role = record.role.as_str(), "key created");
    Ok(to_json(&KeyBody { key: Some(&key), ..body(&record) }))
}

fn in_the_future(expiry: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
    if expiry.is_some_and(|expiry| expiry <= now) { Err(Invalid::field(INVALID, "expiry", "must be in the future")) } else { Ok(expiry) }
}

async fn list(keys: &Keys, account: Result<AccountRef, Invalid>, mut fields: Fields) -> Result<String, ApiError> {
    let (account, after, ()) =
        all((account, fields.optional::<ApiKeyId>("cursor", INVALID), fields.finish(&["action", "account", "externalID", "cursor"])))?;
    let account = account.resolve(&keys.store).await?;
    let page = keys.store.list_api_keys(&account, after.as_ref()).await?;
    Ok(to_json(&KeysBody { next: page.next.as_ref().map(ApiKeyId::as_str), keys: page.keys.iter().map(body).collect() }))
}

async fn rotate(keys: &Keys, account: Result<AccountRef, Invalid>, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let (account, id, overlap, ()) = all((
        account,
        fields.required::<ApiKeyId>("id", INVALID),
        fields.optional_number::<Overlap>("overlapSeconds", INVALID),
        fields.finish(&["action", "account", "externalID", "id", "overlapSeconds"]),
    ))?;
    let account = account.resolve(&keys.store).await?;
    let (text, key) = ApiKey::with_id(&account, id);
    match keys.store.rotate_api_key(&key, overlap.unwrap_or_default()).await? {
        Rotation::Rotated(record) => {
            tracing::info!(invocation, account = account.as_str(), id = record.id.as_str(), "key rotated");
            Ok(to_json(&KeyBody { key: Some(&text), ..body(&record) }))
        }
        Rotation::Inactive(record) => {
            let state = if record.enabled { "has expired" } else { "is disabled" };
            Err(Invalid::field(INVALID, "id", format!("the key {state}; create a new one")).into())
        }
        Rotation::Overlapping(previous) => {
            let reason =
                format!("must be 0 until {}: the previous secret works until then, and this rotation would end it", previous.expiry);
            Err(Invalid::field(INVALID, "overlapSeconds", reason).into())
        }
        Rotation::Unknown => Err(Rejected::NotFound.into()),
    }
}

async fn disable(keys: &Keys, account: Result<AccountRef, Invalid>, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let (account, id, ()) =
        all((account, fields.required::<ApiKeyId>("id", INVALID), fields.finish(&["action", "account", "externalID", "id"])))?;
    let account = account.resolve(&keys.store).await?;
    let record = keys.store.disable_api_key(&account, &id).await?.ok_or(Rejected::NotFound)?;
    tracing::info!(invocation, account = account.as_str(), id = id.as_str(), "key disabled");
    Ok(to_json(&body(&record)))
}

#[derive(Serialize)]
struct KeysBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    keys: Vec<KeyBody<'a>>,
}

/// A key's record; the key itself only in the response to its creation or rotation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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
    /// When the secret before the last rotation stops working, or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_expiry: Option<String>,
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
        previous_expiry: record.previous.map(|previous| previous.expiry.to_string()),
        key: None,
    }
}

impl fmt::Debug for KeyBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBody").field("id", &self.id).finish_non_exhaustive()
    }
}
