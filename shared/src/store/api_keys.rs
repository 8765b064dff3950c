//! API keys: operators create, list and disable them; every function looks them up.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};

use super::{
    Store, StoreError,
    error::failed,
    keys,
    row::{Attributes, Row, bytes, flag, text, time},
};
use crate::domain::{
    AccountId,
    api_key::{ApiKey, ApiKeyId, ApiKeyRecord, Overlap, PreviousSecret, SecretHash},
};

/// The number of keys on a page.
const PAGE_SIZE: i32 = 50;

/// A page of an account's keys, ordered by id.
#[derive(Debug)]
pub struct ApiKeyPage {
    /// At most 50.
    pub keys: Vec<ApiKeyRecord>,
    /// The last key of the page, if more follow.
    pub next: Option<ApiKeyId>,
}

/// What became of a rotation.
#[derive(Debug)]
pub enum Rotation {
    /// The record with its new secret.
    Rotated(ApiKeyRecord),
    /// The key is disabled or expired, and was not changed.
    Inactive(ApiKeyRecord),
    /// The previous secret of an earlier rotation still works, and would end. The key was not changed.
    Overlapping(PreviousSecret),
    /// There is no such key.
    Unknown,
}

impl Store {
    /// Stores a new key.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails.
    pub async fn add_api_key(&self, record: &ApiKeyRecord) -> Result<(), StoreError> {
        let hash = bytes(&record.hash.0);
        let row = to_row(record);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(()),
            // The existing row is this one: an earlier attempt succeeded and its reply was lost.
            Err(SdkError::ServiceError(context))
                if matches!(context.err(), PutItemError::ConditionalCheckFailedException(refusal)
                    if refusal.item().and_then(|old| old.get("hash")) == Some(&hash)) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the account's key with this id, if it exists.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn find_api_key(&self, account: &AccountId, id: &ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.read_row_of(account, keys::api_key(account, id)).await?.map(from_row).transpose()
    }

    /// Returns a page of an account's keys, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read.
    pub async fn list_api_keys(&self, account: &AccountId, after: Option<&ApiKeyId>) -> Result<ApiKeyPage, StoreError> {
        let query = self.client.query().table_name(&self.table).limit(PAGE_SIZE);
        let after = after.map(|id| keys::api_key(account, id));
        let output = keys::range(query, &keys::api_key_partition(account), &keys::api_key_bounds(), after).send().await.map_err(failed)?;
        let more = output.last_evaluated_key.is_some_and(|key| !key.is_empty());
        let keys = output.items.unwrap_or_default().into_iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
        let next = keys.last().filter(|_| more).map(|last| last.id.clone());
        Ok(ApiKeyPage { keys, next })
    }

    /// Disables a key permanently and returns its record; `None` if there is no such key. Disabling it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn disable_api_key(&self, account: &AccountId, id: &ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::api_key(account, id).into()))
            .update_expression("SET enabled = :no")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":no", flag(false))
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(output) => output.attributes.map(from_row).transpose(),
            Err(SdkError::ServiceError(context)) if matches!(context.err(), UpdateItemError::ConditionalCheckFailedException(_)) => {
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Replaces the secret of a key by that of `key`, which has the same id. The current secret works on for the overlap. One write: of
    /// rotations at the same time one succeeds, and none ends a secret that works on by an earlier one. Without an overlap all earlier
    /// secrets end.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn rotate_api_key(&self, key: &ApiKey, overlap: Overlap) -> Result<Rotation, StoreError> {
        let (now, hash) = (self.now(), bytes(&key.hash().0));
        let mut condition = "enabled = :yes AND (attribute_not_exists(#exp) OR #exp > :now) AND #hash <> :hash".to_owned();
        if !overlap.as_duration().is_zero() {
            condition.push_str(" AND (attribute_not_exists(previous_exp) OR previous_exp <= :now)");
        }
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::api_key(key.account(), key.id()).into()))
            .update_expression("SET previous_hash = #hash, previous_exp = :until, #hash = :hash")
            .condition_expression(condition)
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_names("#exp", "exp")
            .expression_attribute_values(":yes", flag(true))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":until", time(now.plus(overlap.as_duration())))
            .expression_attribute_values(":hash", hash)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let found = match update.send().await {
            Ok(output) => output.attributes,
            Err(SdkError::ServiceError(context)) => match context.err() {
                UpdateItemError::ConditionalCheckFailedException(refusal) => refusal.item().cloned(),
                _ => return Err(failed(SdkError::ServiceError(context))),
            },
            Err(error) => return Err(failed(error)),
        };
        let Some(record) = found.map(from_row).transpose()? else { return Ok(Rotation::Unknown) };
        Ok(match record.previous {
            // Also if an earlier attempt succeeded and its reply was lost.
            _ if record.hash == *key.hash() => Rotation::Rotated(record),
            Some(previous) if record.is_active(now) => Rotation::Overlapping(previous),
            _ => Rotation::Inactive(record),
        })
    }
}

/// The row of a key. `hash` is the SHA-256 of the secret.
fn to_row(record: &ApiKeyRecord) -> Row {
    let always = [
        ("hash", bytes(&record.hash.0)),
        ("role", text(record.role.as_str())),
        ("enabled", flag(record.enabled)),
        ("created", time(record.created)),
    ];
    let sometimes = [record.name.as_deref().map(|name| ("name", text(name))), record.expiry.map(|at| ("exp", time(at)))];
    let previous = record.previous.iter();
    let previous = previous.flat_map(|it| [("previous_hash", bytes(&it.hash.0)), ("previous_exp", time(it.expiry))]);
    keys::api_key(&record.account, &record.id).row(always.into_iter().chain(sometimes.into_iter().flatten()).chain(previous))
}

fn from_row(row: Row) -> Result<ApiKeyRecord, StoreError> {
    let mut row = Attributes::of(row);
    Ok(ApiKeyRecord {
        account: row.read(keys::PK, keys::parse_api_key_partition)?,
        id: row.parsed(keys::SK)?,
        hash: SecretHash(row.bytes("hash")?),
        role: row.parsed("role")?,
        created: row.time("created")?,
        expiry: row.optional_time("exp")?,
        name: row.optional_text("name")?,
        enabled: row.flag("enabled")?,
        previous: match row.optional_time("previous_exp")? {
            Some(expiry) => Some(PreviousSecret { hash: SecretHash(row.bytes("previous_hash")?), expiry }),
            None => None,
        },
    })
}
