//! The public keys of issuers. One scheduled function fetches and writes them; the functions that serve requests read them.

use aws_sdk_dynamodb::{error::SdkError, operation::put_item::PutItemError};

use super::{
    Store, StoreError,
    condition::{Condition, names},
    error::failed,
    keys,
    row::{Attributes, text, time},
};
use crate::domain::{Timestamp, issuer::Issuer, key_set::KeySet};

/// An issuer's keys, and when they were last the ones that it publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKeys {
    /// The keys.
    pub keys: KeySet,
    /// When they were fetched. A refresh that finds the same keys writes this only now and then.
    pub refreshed: Timestamp,
}

impl Store {
    /// Returns the stored keys of an issuer, strongly consistent; `None` if there are none, or if they are those of another issuer with the
    /// same name.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn issuer_keys(&self, issuer: &Issuer) -> Result<Option<StoredKeys>, StoreError> {
        let Some(row) = self.read_row(keys::issuer_keys(issuer.name())).await? else { return Ok(None) };
        let mut row = Attributes::of(row);
        if row.text("issuer")? != issuer.url() {
            return Ok(None);
        }
        let keys = row.read("keys", |keys| KeySet::parse(keys.as_bytes()).ok())?;
        Ok(Some(StoredKeys { keys, refreshed: row.time("refreshed")? }))
    }

    /// Stores the keys of an issuer, unless keys that were fetched later are stored already. Repeating it has no further effect.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails. The keys may still have been stored.
    pub async fn put_issuer_keys(&self, issuer: &Issuer, stored: &StoredKeys) -> Result<(), StoreError> {
        let url = text(issuer.url());
        let attributes = [("issuer", url.clone()), ("keys", text(stored.keys.to_json())), ("refreshed", time(stored.refreshed))];
        let older = Condition::new(
            // A row that cannot be read is replaced, too.
            "attribute_not_exists(#pk) OR NOT attribute_type(#refreshed, :number) OR #issuer <> :issuer OR #refreshed <= :refreshed",
            [(":number", text("N")), (":issuer", url), (":refreshed", time(stored.refreshed))],
        );
        let put = self.client.put_item().table_name(&self.table).set_item(Some(keys::issuer_keys(issuer.name()).row(attributes)));
        let put = put
            .set_expression_attribute_names(names(&older.expression))
            .condition_expression(older.expression)
            .set_expression_attribute_values(Some(older.values));
        match put.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(context)) if matches!(context.err(), PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}
