//! Account settings, by direct invocation.
//!
//! `{"action": "describe", "account": …}` and
//! `{"action": "set", "account": …, "name"?, "logo"?, "colour"?, "locale"?, "redirect"?, "binding"?}`, which changes the
//! given settings; an empty string removes one. Both return the account's resulting settings, without the stack's defaults.

use std::str::FromStr;

use serde::Serialize;
use shared::domain::{
    AccountId,
    settings::{AccountSettings, Change, SettingsChange},
    text::{Malformed, excerpt},
};

use crate::{
    http::{
        error::{ApiError, Invalid},
        json::Fields,
        output::to_json,
    },
    operator::invocation::{Event, Table, parsed},
};

/// Handles an event.
///
/// # Errors
/// [`ApiError`] if the event is invalid or the table fails.
pub async fn handle(Table(store): &Table, Event { mut fields, invocation }: Event<'_>) -> Result<String, ApiError> {
    let action = fields.required("action")?;
    let account: AccountId = parsed("account", &fields.required("account")?)?;
    let now = match action.as_str() {
        "describe" => {
            fields.finish(&["action", "account"])?;
            store.settings(&account).await?
        }
        "set" => {
            let change = change(fields)?;
            let now = store.change_settings(&account, &change).await?;
            tracing::info!(invocation, account = account.as_str(), "settings changed");
            now
        }
        other => {
            return Err(Invalid::field("invalid-field", "action", format!("must be 'describe' or 'set', not '{}'", excerpt(other))).into());
        }
    };
    Ok(body(&account, &now))
}

fn change(mut fields: Fields) -> Result<SettingsChange, Invalid> {
    let change = SettingsChange {
        name: field(&mut fields, "name")?,
        logo: field(&mut fields, "logo")?,
        colour: field(&mut fields, "colour")?,
        locale: field(&mut fields, "locale")?,
        redirect: field(&mut fields, "redirect")?,
        binding: field(&mut fields, "binding")?,
    };
    fields.finish(&["action", "account", "name", "logo", "colour", "locale", "redirect", "binding"])?;
    Ok(change)
}

fn field<T: FromStr<Err = Malformed>>(fields: &mut Fields, name: &str) -> Result<Change<T>, Invalid> {
    match fields.optional(name)?.as_deref() {
        None => Ok(Change::Keep),
        Some("") => Ok(Change::Remove),
        Some(text) => parsed(name, text).map(Change::Set),
    }
}

/// The settings in the response.
#[derive(Serialize)]
struct SettingsBody<'a> {
    account: &'a str,
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
}

fn body(account: &AccountId, settings: &AccountSettings) -> String {
    let AccountSettings { name, logo, colour, locale, redirect, binding } = settings;
    to_json(&SettingsBody {
        account: account.as_str(),
        name: name.as_ref().map(|it| it.as_str()),
        logo: logo.as_ref().map(|it| it.as_str()),
        colour: colour.as_ref().map(|it| it.as_str()),
        locale: locale.as_ref().map(|it| it.as_str()),
        redirect: redirect.as_ref().map(|it| it.as_str()),
        binding: binding.as_str(),
    })
}
