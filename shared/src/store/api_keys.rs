//! API keys: made, listed and disabled by operators, looked up by every function.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    error::failed,
    item::{self, Row},
    keys,
};
use crate::domain::{
    AccountId, Timestamp,
    api_key::{ApiKeyId, ApiKeyRecord, SecretHash},
};

/// How many keys a page holds.
const PAGE: i32 = 50;

/// A page of an account's keys, ordered by id.
#[derive(Debug)]
pub struct ApiKeyPage {
    /// At most 50.
    pub keys: Vec<ApiKeyRecord>,
    /// The last of them, when there are more.
    pub next: Option<ApiKeyId>,
}

/// The attributes of a key.
#[derive(Debug, Serialize, Deserialize)]
struct ApiKeyItem {
    pk: String,
    sk: String,
    /// SHA-256 of the secret, base64url.
    hash: String,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    enabled: bool,
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

impl Store {
    /// Stores a new key.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails.
    pub async fn add_api_key(&self, record: &ApiKeyRecord) -> Result<(), StoreError> {
        let item = ApiKeyItem {
            pk: keys::api_key_partition(&record.account),
            sk: record.id.to_string(),
            hash: URL_SAFE_NO_PAD.encode(record.hash.0),
            role: record.role.to_string(),
            name: record.name.clone(),
            enabled: record.enabled,
            created: record.created.as_millis(),
            exp: record.expiry.map(Timestamp::as_millis),
        };
        let row: Row = serde_dynamo::to_item(item).map_err(|error| StoreError::Defect { cause: error.to_string() })?;
        let hash = row.get("hash").cloned();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(()),
            // The row that is in the way is this one: an earlier try was carried out and its reply was lost.
            Err(SdkError::ServiceError(context))
                if matches!(context.err(), PutItemError::ConditionalCheckFailedException(refusal)
                    if refusal.item().and_then(|old| old.get("hash")) == hash.as_ref()) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The key of this account and id, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn find_api_key(&self, account: &AccountId, id: &ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.read_row(keys::api_key(account, id)).await?.map(from_row).transpose()
    }

    /// A page of an account's keys, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read.
    pub async fn list_api_keys(&self, account: &AccountId, after: Option<&ApiKeyId>) -> Result<ApiKeyPage, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(keys::api_key_partition(account)))
            .set_exclusive_start_key(after.map(|id| keys::api_key(account, id)))
            .consistent_read(true)
            .limit(PAGE)
            .send()
            .await
            .map_err(failed)?;
        let more = output.last_evaluated_key.is_some_and(|key| !key.is_empty());
        let keys = output.items.unwrap_or_default().into_iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
        let next = keys.last().filter(|_| more).map(|last| last.id.clone());
        Ok(ApiKeyPage { keys, next })
    }

    /// Disables a key for good and gives its record back; `None` if there is no such key. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn disable_api_key(&self, account: &AccountId, id: &ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::api_key(account, id)))
            .update_expression("SET enabled = :no")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(output) => output.attributes.map(from_row).transpose(),
            Err(SdkError::ServiceError(context)) if matches!(context.err(), UpdateItemError::ConditionalCheckFailedException(_)) => {
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

fn from_row(row: Row) -> Result<ApiKeyRecord, StoreError> {
    let item: ApiKeyItem = item::read(row)?;
    let at = |field: &str| StoreError::Corrupt { key: item.sk.clone(), problem: format!("{field} does not have the form it should") };
    let time = |field: &str, millis: i64| Timestamp::from_millis(millis).ok_or_else(|| at(field));
    Ok(ApiKeyRecord {
        account: keys::parse_api_key_partition(&item.pk).ok_or_else(|| at("pk"))?,
        id: item.sk.parse().map_err(|_| at("sk"))?,
        hash: SecretHash(item::bytes(&item.hash).ok_or_else(|| at("hash"))?),
        role: item.role.parse().map_err(|_| at("role"))?,
        created: time("created", item.created)?,
        expiry: item.exp.map(|millis| time("exp", millis)).transpose()?,
        name: item.name,
        enabled: item.enabled,
    })
}
