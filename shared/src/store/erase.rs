//! Forgetting a person: every row of an account that holds an address.
//!
//! Invitations are deleted, and so are the lock that one of them holds and kept answers that show them. Whatever is being
//! done with one of them meanwhile finds that it is gone, and stops. Backups and the stream keep their copies for as long as
//! they keep anything.
//!
//! The order lets a call that failed be repeated: answers and invitations are found by the invitations, and those by the lock. It
//! goes last, when nothing can take it again for an invitation that is gone. Only an answer that was kept during a call that failed
//! may stay, for its day.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{error::SdkError, operation::delete_item::DeleteItemError, types::ReturnValue};

use super::{
    Store, StoreError,
    error::failed,
    keys::{self, Bounds, Key, PK, SK},
    row::{Row, text},
};
use crate::domain::{AccountId, InvitationId, Timestamp, email::NormalisedEmail, page::Range};

impl Store {
    /// Deletes all that an account has about an address, and says how many invitations that were.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails. Some may have been deleted then; the rest goes with the next call.
    pub async fn erase(&self, account: &AccountId, email: &NormalisedEmail) -> Result<usize, StoreError> {
        let rows = self.all(account, keys::bounds(Range::Email(email), Timestamp::ZERO)).await?;
        let found = rows.iter().filter_map(|row| keys::parse_invitation(row.get(SK)?.as_s().ok()?));
        let locks = self.all(account, keys::lock_bounds(email)).await?;
        let ids: BTreeSet<InvitationId> = found.chain(locks.iter().filter_map(subject)).collect();
        self.forget_answers(account, &ids).await?;
        let mut erased = 0;
        for id in &ids {
            erased += usize::from(self.delete(keys::invitation_key(account, *id), None).await?);
        }
        // Those that were kept meanwhile.
        self.forget_answers(account, &ids).await?;
        for id in &ids {
            self.delete(keys::key(account, keys::lock(email)), Some(*id)).await?;
        }
        Ok(erased)
    }

    /// Deletes the kept answers that show one of these invitations.
    async fn forget_answers(&self, account: &AccountId, ids: &BTreeSet<InvitationId>) -> Result<(), StoreError> {
        for row in self.all(account, keys::stored_response_bounds()).await? {
            if subject(&row).is_some_and(|id| ids.contains(&id)) {
                self.delete(keys::primary_of(&row), None).await?;
            }
        }
        Ok(())
    }

    /// Every row of a range: its keys, and whose it is.
    async fn all(&self, account: &AccountId, bounds: Bounds) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        let mut start: Option<Key> = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .set_index_name(bounds.index.map(str::to_owned))
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .projection_expression("#pk, sk, inv")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", bounds.attribute)
                .expression_attribute_values(":pk", text(keys::partition(account)))
                .expression_attribute_values(":from", text(bounds.from.as_str()))
                .expression_attribute_values(":to", text(bounds.to.as_str()))
                .set_exclusive_start_key(start.take())
                .consistent_read(true)
                .send()
                .await
                .map_err(failed)?;
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Deletes a row; a lock only if it is still the one of `holder`. Whether there was one.
    async fn delete(&self, key: Key, holder: Option<InvitationId>) -> Result<bool, StoreError> {
        let mut delete = self.client.delete_item().table_name(&self.table).set_key(Some(key)).return_values(ReturnValue::AllOld);
        if let Some(holder) = holder {
            delete = delete.condition_expression("inv = :inv").expression_attribute_values(":inv", text(holder.to_string()));
        }
        match delete.send().await {
            Ok(output) => Ok(output.attributes.is_some()),
            Err(SdkError::ServiceError(context)) if matches!(context.err(), DeleteItemError::ConditionalCheckFailedException(_)) => {
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// The invitation that a lock or a kept answer is about.
fn subject(row: &Row) -> Option<InvitationId> {
    row.get("inv")?.as_s().ok()?.parse().ok()
}
