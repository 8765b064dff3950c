//! Account settings, by direct invocation.
//!
//! - `{"action": "describe", "account": …}`, or `externalID` instead of `account`.
//! - `{"action": "set", "account": …, "externalID"?, "name"?, "logo"?, "colour"?, "locale"?, "redirect"?, "binding"?, "domains"?,
//!   "redirectOrigins"?, "remindBefore"?}` changes the given settings; an empty string, object or array removes one. The external id can
//!   be set once. Without `account`, `externalID` names the account.
//! - `{"action": "create", "externalID"?, …}` creates an account with these settings. If an account has the external id, it returns that
//!   one unchanged, with `"created": false`.
//!
//! All return the account's resulting settings, without the stack's defaults.

use std::str::FromStr;

use serde::Serialize;
use shared::{
    domain::{
        AccountId, ExternalId,
        json::Json,
        reminder::RemindBefore,
        settings::{AccountSettings, Change, DomainPolicy, RedirectOrigins, SettingsChange},
        text::{Malformed, excerpt},
    },
    store::{ExternalIdConflict, Store},
};

use crate::{
    http::{
        error::ApiError,
        invalid::{Invalid, all},
        json::Fields,
        output::to_json,
    },
    operator::{
        account::{AccountRef, external_id, served},
        invocation::{Event, INVALID, Table},
    },
};

/// Handles an event.
///
/// # Errors
/// [`ApiError`] if the event is invalid or the table fails.
pub async fn handle(Table(store): &Table, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    match fields.required("action", INVALID) {
        Ok(Action::Describe) => describe(store, fields).await,
        Ok(Action::Set) => set(store, fields, invocation).await,
        Ok(Action::Create) => create(store, fields, invocation).await,
        Err(error) => Err(error.and(AccountRef::take(&mut fields)).into()),
    }
}

enum Action {
    Describe,
    Set,
    Create,
}

impl FromStr for Action {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "describe" => Ok(Self::Describe),
            "set" => Ok(Self::Set),
            "create" => Ok(Self::Create),
            other => Err(Malformed(format!("must be 'describe', 'set' or 'create', not '{}'", excerpt(other)))),
        }
    }
}

async fn describe(store: &Store, mut fields: Fields) -> Result<String, ApiError> {
    let (account, ()) = all((AccountRef::take(&mut fields), fields.finish(&["action", "account", "externalID"])))?;
    let account = account.resolve(store).await?;
    Ok(to_json(&body(&account, &store.settings(&account).await?)))
}

async fn set(store: &Store, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let (account, change) = all((AccountRef::take(&mut fields), change(fields, &["action", "account", "externalID"])))?;
    let account = match account {
        AccountRef::Both(account, id) => {
            let account = served(store, account)?;
            set_external_id(store, &account, &id).await?;
            account
        }
        AccountRef::Id(_) | AccountRef::External(_) => account.resolve(store).await?,
    };
    let now = store.change_settings(&account, &change).await?;
    tracing::info!(invocation, account = account.as_str(), "settings changed");
    Ok(to_json(&body(&account, &now)))
}

async fn set_external_id(store: &Store, account: &AccountId, id: &ExternalId) -> Result<(), ApiError> {
    let (code, message) = match store.set_external_id(account, id).await? {
        Ok(()) => return Ok(()),
        Err(ExternalIdConflict::Has(other)) => {
            ("external-id-immutable", format!("the account has the external id '{other}', which cannot be changed"))
        }
        Err(ExternalIdConflict::TakenBy(other)) => ("external-id-taken", format!("it is the external id of account {other}")),
    };
    Err(Invalid::field(code, "externalID", message).into())
}

async fn create(store: &Store, mut fields: Fields, invocation: &str) -> Result<String, ApiError> {
    let ((), id, settings) = all((no_account(&mut fields), external_id(&mut fields), change(fields, &["action", "externalID"])))?;
    if let Some(only) = store.only_account() {
        let message = format!("'create' is not possible: this stack serves only the account {only}");
        return Err(Invalid::field(INVALID, "action", message).into());
    }
    let new = store.create_account(id.as_ref(), &settings).await?;
    if new.created {
        tracing::info!(invocation, account = new.account.as_str(), "account created");
    }
    let settings = store.settings(&new.account).await?;
    Ok(to_json(&SettingsBody { created: Some(new.created), ..body(&new.account, &settings) }))
}

fn no_account(fields: &mut Fields) -> Result<(), Invalid> {
    match fields.optional_text("account")? {
        None => Ok(()),
        Some(_) => {
            let reason = "must be absent: 'create' chooses it; 'set' gives settings to an account of your choice";
            Err(Invalid::field(INVALID, "account", reason))
        }
    }
}

/// The fields of the settings.
const SETTINGS: [&str; 9] = ["name", "logo", "colour", "locale", "redirect", "binding", "domains", "redirectOrigins", "remindBefore"];

/// Takes the settings; `accepted` are the fields that were taken before.
fn change(mut fields: Fields, accepted: &[&'static str]) -> Result<SettingsChange, Invalid> {
    let (name, logo, colour, locale, redirect, binding, domains, redirect_origins, remind_before, ()) = all((
        field(&mut fields, "name"),
        field(&mut fields, "logo"),
        field(&mut fields, "colour"),
        field(&mut fields, "locale"),
        field(&mut fields, "redirect"),
        field(&mut fields, "binding"),
        whole(&mut fields, "domains", DomainPolicy::is_empty),
        whole(&mut fields, "redirectOrigins", RedirectOrigins::is_empty),
        remind_before(&mut fields),
        fields.finish(&[accepted, &SETTINGS].concat()),
    ))?;
    Ok(SettingsChange { name, logo, colour, locale, redirect, binding, domains, redirect_origins, remind_before })
}

fn field<T: FromStr<Err = Malformed>>(fields: &mut Fields, name: &str) -> Result<Change<T>, Invalid> {
    let text = fields.optional_text(name)?;
    parsed(name, text)
}

/// A number of seconds; only the empty string, which removes it, is a text.
fn remind_before(fields: &mut Fields) -> Result<Change<RemindBefore>, Invalid> {
    let name = "remindBefore";
    let number = fields.optional_number_or_empty(name)?;
    parsed(name, number)
}

fn parsed<T: FromStr<Err = Malformed>>(name: &str, text: Option<String>) -> Result<Change<T>, Invalid> {
    match text.as_deref() {
        None => Ok(Change::Keep),
        Some("") => Ok(Change::Remove),
        Some(text) => text.parse().map(Change::Set).map_err(|error| Invalid::field(INVALID, name, error)),
    }
}

/// A setting that is not a string. An empty one removes it.
fn whole<T>(fields: &mut Fields, name: &str, is_empty: impl Fn(&T) -> bool) -> Result<Change<T>, Invalid>
where
    for<'a> T: TryFrom<&'a Json, Error = Malformed>,
{
    Ok(match fields.optional_value(name, INVALID)? {
        None => Change::Keep,
        Some(value) if is_empty(&value) => Change::Remove,
        Some(value) => Change::Set(value),
    })
}

/// The settings in the response.
#[derive(Serialize)]
struct SettingsBody<'a> {
    account: &'a str,
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a str>,
    binding: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domains: Option<DomainsBody>,
    #[serde(rename = "redirectOrigins", skip_serializing_if = "<[_]>::is_empty")]
    redirect_origins: &'a [String],
    #[serde(rename = "remindBefore", skip_serializing_if = "Option::is_none")]
    remind_before: Option<u32>,
    /// Only in the response to a creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
}

#[derive(Serialize)]
struct DomainsBody {
    allow: Vec<String>,
    deny: Vec<String>,
}

fn body<'a>(account: &'a AccountId, settings: &'a AccountSettings) -> SettingsBody<'a> {
    let AccountSettings { name, logo, colour, locale, redirect, binding, domains, redirect_origins, remind_before, external: _ } = settings;
    SettingsBody {
        account: account.as_str(),
        external_id: settings.external_id().map(ExternalId::as_str),
        name: name.as_ref().map(|it| it.as_str()),
        logo: logo.as_ref().map(|it| it.as_str()),
        colour: colour.as_ref().map(|it| it.as_str()),
        locale: locale.as_ref().map(|it| it.as_str()),
        redirect: redirect.as_ref().map(|it| it.as_str()),
        binding: binding.as_str(),
        domains: (!domains.is_empty()).then(|| DomainsBody { allow: domains.allow(), deny: domains.deny() }),
        redirect_origins: redirect_origins.as_slice(),
        remind_before: remind_before.map(RemindBefore::as_secs),
        created: None,
    }
}
