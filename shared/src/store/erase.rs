//! Erases a person: deletes every row of an account that contains an address.
//!
//! These are the invitations, the lock that one of them holds, and the stored responses that show them. Concurrent operations on a
//! deleted invitation find it missing, and stop. Backups and the stream keep their copies until their own retention ends.
//!
//! The order allows a failed call to be repeated: the responses and invitations are found by the invitations' ids, and these by the lock.
//! The lock is deleted last, when no operation can take it again for a deleted invitation. Only a response stored during a failed call
//! may remain, until it expires after a day.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{error::SdkError, operation::delete_item::DeleteItemError, types::ReturnValue};

use super::{
    Store, StoreError,
    bulk::SEED,
    error::failed,
    keys::{self, Bounds, Key},
    lock::invitation_of,
    row::{Attributes, Row, text},
};
use crate::domain::{
    AccountId, InvitationId, Timestamp,
    email::NormalisedEmail,
    page::{Order, Range},
};

/// The most rows of a page. It bounds the memory if rows are small, and the work of a local engine: without a limit, an engine based on SQL
/// reads the whole rest of the range for each page.
const PAGE: i32 = 1000;

impl Store {
    /// Deletes everything that an account stores about an address, and returns the number of deleted invitations. Memory use does not
    /// grow with the account.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read. Some rows may be deleted then; the next call deletes the rest.
    pub async fn erase(&self, account: &AccountId, email: &NormalisedEmail) -> Result<usize, StoreError> {
        let mut ids = BTreeSet::new();
        let mut pages = Pages::new(keys::bounds(Range::Email(email), Order::Descending, Timestamp::ZERO));
        while let Some(rows) = pages.next(self, account).await? {
            for row in rows {
                ids.insert(Attributes::of(row).read(keys::SK, keys::parse_invitation)?);
            }
        }
        let mut pages = Pages::new(keys::lock_bounds(email));
        while let Some(rows) = pages.next(self, account).await? {
            for row in rows {
                ids.insert(invitation_of(row)?);
            }
        }
        let unreadable = self.delete_responses(account, &ids).await?;
        let mut erased = 0;
        for id in &ids {
            erased += usize::from(self.delete(keys::invitation_key(account, *id), None).await?);
        }
        // Responses stored in the meantime.
        let unreadable = self.delete_responses(account, &ids).await?.or(unreadable);
        for id in &ids {
            self.delete(keys::key(account, keys::lock(email)), Some(*id)).await?;
        }
        unreadable.map_or(Ok(erased), Err)
    }

    /// Deletes the stored responses that show one of these invitations. A row that cannot be read may be one of them, so its error is
    /// returned, but it keeps no other row from being deleted. The record of a bulk shows none.
    async fn delete_responses(&self, account: &AccountId, ids: &BTreeSet<InvitationId>) -> Result<Option<StoreError>, StoreError> {
        let mut unreadable = None;
        let mut pages = Pages::new(keys::stored_response_bounds());
        while let Some(rows) = pages.next(self, account).await? {
            for row in rows.into_iter().filter(|row| !row.contains_key(SEED)) {
                let key = Key::of_row(&row);
                match invitation_of(row) {
                    Ok(id) if ids.contains(&id) => drop(self.delete(key, None).await?),
                    Ok(_) => {}
                    Err(error) => unreadable = Some(error),
                }
            }
        }
        Ok(unreadable)
    }

    /// Deletes a row, a lock only if `holder` still holds it, and returns whether the row existed.
    async fn delete(&self, key: Key, holder: Option<InvitationId>) -> Result<bool, StoreError> {
        let mut delete = self.client.delete_item().table_name(&self.table).set_key(Some(key.into())).return_values(ReturnValue::AllOld);
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

/// The rows of a range, page by page: their keys, the invitation that they belong to, and the seed of a bulk.
struct Pages {
    bounds: Bounds,
    start: Option<Key>,
    done: bool,
}

impl Pages {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, start: None, done: false }
    }

    async fn next(&mut self, store: &Store, account: &AccountId) -> Result<Option<Vec<Row>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let query = store.client.query().table_name(&store.table).projection_expression(format!("#pk, sk, inv, {SEED}")).limit(PAGE);
        let page = keys::range(query, &keys::partition(account), &self.bounds, self.start.take()).send().await.map_err(failed)?;
        self.start = Key::next_page(page.last_evaluated_key);
        self.done = self.start.is_none();
        Ok(page.items.or_else(|| Some(Vec::new())))
    }
}
