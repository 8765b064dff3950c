//! Account settings: operators change them; pages and emails for invitees read them.

use std::fmt::Display;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    Store, StoreError,
    condition::names,
    error::failed,
    keys,
    row::{Attributes, Row, text},
};
use crate::domain::{
    AccountId,
    settings::{AccountSettings, AssignedExternalId, Change, DisplayName, SettingsChange},
};

/// The attribute of the external id.
pub(super) const EXTERNAL_ID: &str = "external_id";
/// The attribute of [`AssignedExternalId::since`].
pub(super) const EXTERNAL_SINCE: &str = "external_since";

impl Store {
    /// Returns an account's settings; the default if it has none.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn settings(&self, account: &AccountId) -> Result<AccountSettings, StoreError> {
        self.read_row_of(account, keys::settings(account)).await?.map_or_else(|| Ok(AccountSettings::default()), from_row)
    }

    /// Returns only the settings that sending depends on: the domains and the origins of redirects. The others are not parsed, so an
    /// unreadable one of them does not keep an account from inviting.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or these settings cannot be read.
    pub async fn rules(&self, account: &AccountId) -> Result<AccountSettings, StoreError> {
        let row = self.read_row_of(account, keys::settings(account)).await?;
        row.map_or_else(|| Ok(AccountSettings::default()), |row| rules_of(&mut Attributes::of(row)))
    }

    /// Changes some of an account's settings and returns all of them. Repeating the change has no further effect.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn change_settings(&self, account: &AccountId, change: &SettingsChange) -> Result<AccountSettings, StoreError> {
        let (expression, values) = update(change);
        // DynamoDB would accept an update without an expression, and create an empty row.
        if expression.is_empty() {
            return self.settings(account).await;
        }
        let output = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::settings(account).into()))
            .set_expression_attribute_names(names(&expression))
            .update_expression(expression)
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(failed)?;
        output.attributes.map_or_else(|| Ok(AccountSettings::default()), from_row)
    }
}

/// The attributes that a change sets; `None` removes one.
fn changes(change: &SettingsChange) -> impl Iterator<Item = (&'static str, Option<AttributeValue>)> {
    // Lists every field, so that a new setting cannot be forgotten here.
    let SettingsChange { name, logo, colour, locale, redirect, binding, domains, redirect_origins, remind_before } = change;
    [
        attribute("name", name),
        attribute("logo", logo),
        attribute("colour", colour),
        attribute("locale", locale),
        attribute("redirect", redirect),
        attribute("binding", binding),
        attribute("domains", domains),
        attribute("redirect_origins", redirect_origins),
        attribute("remind_before", remind_before),
    ]
    .into_iter()
    .flatten()
}

fn attribute<T: Display>(name: &'static str, change: &Change<T>) -> Option<(&'static str, Option<AttributeValue>)> {
    match change {
        Change::Keep => None,
        Change::Remove => Some((name, None)),
        Change::Set(new) => Some((name, Some(text(new.to_string())))),
    }
}

/// The attributes of an account that starts with these settings.
pub(super) fn new_settings(settings: &SettingsChange) -> impl Iterator<Item = (&'static str, AttributeValue)> {
    changes(settings).filter_map(|(name, value)| Some((name, value?)))
}

/// The update expression of a change, and its values. DynamoDB reserves some of the names, so each has a placeholder.
fn update(change: &SettingsChange) -> (String, Row) {
    let (mut set, mut remove, mut values) = (Vec::new(), Vec::new(), Row::new());
    for (name, value) in changes(change) {
        match value {
            None => remove.push(format!("#{name}")),
            Some(value) => {
                set.push(format!("#{name} = :{name}"));
                values.insert(format!(":{name}"), value);
            }
        }
    }
    let clauses = [("SET ", set), ("REMOVE ", remove)].into_iter().filter(|(_, parts)| !parts.is_empty());
    (clauses.map(|(verb, parts)| format!("{verb}{}", parts.join(", "))).collect::<Vec<_>>().join(" "), values)
}

/// Parses a row.
pub(super) fn from_row(row: Row) -> Result<AccountSettings, StoreError> {
    let mut row = Attributes::of(row);
    let external = match row.optional(EXTERNAL_ID)? {
        Some(id) => Some(AssignedExternalId { id, since: row.time(EXTERNAL_SINCE)? }),
        None => None,
    };
    Ok(AccountSettings {
        external,
        // The rules for names may change. A name stored under earlier rules is shown as far as possible.
        name: row.optional_text("name")?.and_then(|name| name.parse().ok().or_else(|| DisplayName::of_untrusted(&name))),
        logo: row.optional("logo")?,
        colour: row.optional("colour")?,
        locale: row.optional("locale")?,
        redirect: row.optional("redirect")?,
        binding: row.optional("binding")?.unwrap_or_default(),
        remind_before: row.optional("remind_before")?,
        ..rules_of(&mut row)?
    })
}

fn rules_of(row: &mut Attributes) -> Result<AccountSettings, StoreError> {
    Ok(AccountSettings {
        domains: row.optional("domains")?.unwrap_or_default(),
        redirect_origins: row.optional("redirect_origins")?.unwrap_or_default(),
        ..AccountSettings::default()
    })
}
