//! Account settings: operators change them; pages and emails for invitees read them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    Store, StoreError,
    error::failed,
    keys,
    row::{Attributes, Row, text},
};
use crate::domain::{
    AccountId,
    settings::{AccountSettings, Change, DisplayName, SettingsChange},
};

impl Store {
    /// Returns an account's settings; the default if it has none.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn settings(&self, account: &AccountId) -> Result<AccountSettings, StoreError> {
        self.read_row_of(account, keys::settings(account)).await?.map_or_else(|| Ok(AccountSettings::default()), from_row)
    }

    /// Changes some of an account's settings and returns all of them. Repeating the change has no further effect.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn change_settings(&self, account: &AccountId, change: &SettingsChange) -> Result<AccountSettings, StoreError> {
        let update = Update::of(change);
        // DynamoDB would accept an update without an expression, and create an empty row.
        if update.is_empty() {
            return self.settings(account).await;
        }
        let output = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::settings(account).into()))
            .update_expression(update.expression())
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(failed)?;
        output.attributes.map_or_else(|| Ok(AccountSettings::default()), from_row)
    }
}

/// An update expression with its placeholders.
#[derive(Default)]
struct Update {
    set: Vec<String>,
    remove: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    fn of(change: &SettingsChange) -> Self {
        // Lists every field, so that a new setting cannot be forgotten here.
        let SettingsChange { name, logo, colour, locale, redirect, binding } = change;
        let mut update = Self::default();
        update.add("name", name, |name| name.as_str());
        update.add("logo", logo, |logo| logo.as_str());
        update.add("colour", colour, |colour| colour.as_str());
        update.add("locale", locale, |locale| locale.as_str());
        update.add("redirect", redirect, |redirect| redirect.as_str());
        update.add("binding", binding, |binding| binding.as_str());
        update
    }

    fn add<T>(&mut self, attribute: &str, change: &Change<T>, as_str: impl Fn(&T) -> &str) {
        // DynamoDB reserves some of these names.
        let (name, value) = (format!("#{attribute}"), format!(":{attribute}"));
        match change {
            Change::Keep => return,
            Change::Remove => self.remove.push(name.clone()),
            Change::Set(new) => {
                self.set.push(format!("{name} = {value}"));
                self.values.insert(value, text(as_str(new)));
            }
        }
        self.names.insert(name, attribute.to_owned());
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn expression(&self) -> String {
        let clauses = [("SET ", &self.set), ("REMOVE ", &self.remove)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses.map(|(verb, parts)| format!("{verb}{}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }
}

fn from_row(row: Row) -> Result<AccountSettings, StoreError> {
    let mut row = Attributes::of(row);
    Ok(AccountSettings {
        // The rules for names may change. A name stored under earlier rules is shown as far as possible.
        name: row.optional_text("name")?.and_then(|name| name.parse().ok().or_else(|| DisplayName::of_untrusted(&name))),
        logo: row.optional("logo")?,
        colour: row.optional("colour")?,
        locale: row.optional("locale")?,
        redirect: row.optional("redirect")?,
        binding: row.optional("binding")?.unwrap_or_default(),
    })
}
