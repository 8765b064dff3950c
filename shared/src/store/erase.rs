//! Erasing a person: every row of an account that holds an address.
//!
//! Deletes the invitations, the lock that one of them holds, and the stored responses that show them. Work in progress on one of
//! them finds that it is gone, and stops. Backups and the stream keep their copies for as long as they keep anything.
//!
//! The order allows a failed call to be repeated: responses and invitations are found by the invitations, and those by the lock. It
//! goes last, when nothing can take it again for an invitation that is gone. Only a response that was stored during a failed call
//! may stay, for its day.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{error::SdkError, operation::delete_item::DeleteItemError, types::ReturnValue};

use super::{
    Store, StoreError,
    error::failed,
    keys::{self, Bounds, Key},
    lock::subject,
    row::{Attributes, Row, text},
};
use crate::domain::{AccountId, InvitationId, Timestamp, email::NormalisedEmail, page::Range};

impl Store {
    /// Deletes everything that an account has about an address, and returns how many invitations that were. Memory does not grow
    /// with the account.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read. Some may have been deleted then; the rest goes with the next call.
    pub async fn erase(&self, account: &AccountId, email: &NormalisedEmail) -> Result<usize, StoreError> {
        let mut ids = BTreeSet::new();
        let mut pages = Pages::new(keys::bounds(Range::Email(email), Timestamp::ZERO));
        while let Some(rows) = pages.next(self, account).await? {
            for row in rows {
                ids.insert(Attributes::of(row).read(keys::SK, keys::parse_invitation)?);
            }
        }
        let mut pages = Pages::new(keys::lock_bounds(email));
        while let Some(rows) = pages.next(self, account).await? {
            for row in rows {
                ids.insert(subject(row)?);
            }
        }
        self.delete_responses(account, &ids).await?;
        let mut erased = 0;
        for id in &ids {
            erased += usize::from(self.delete(keys::invitation_key(account, *id), None).await?);
        }
        // Those that were stored meanwhile.
        self.delete_responses(account, &ids).await?;
        for id in &ids {
            self.delete(keys::key(account, keys::lock(email)), Some(*id)).await?;
        }
        Ok(erased)
    }

    /// Deletes the stored responses that show one of these invitations.
    async fn delete_responses(&self, account: &AccountId, ids: &BTreeSet<InvitationId>) -> Result<(), StoreError> {
        let mut pages = Pages::new(keys::stored_response_bounds());
        while let Some(rows) = pages.next(self, account).await? {
            for row in rows {
                let key = Key::of_row(&row);
                if ids.contains(&subject(row)?) {
                    self.delete(key, None).await?;
                }
            }
        }
        Ok(())
    }

    /// Deletes a row; a lock only if it is still the one of `holder`. Whether there was one.
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

/// The rows of a range, a page at a time: their keys, and the invitation that they are about.
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
        let query = store.client.query().table_name(&store.table).projection_expression("#pk, sk, inv");
        let page = keys::range(query, &keys::partition(account), &self.bounds, self.start.take()).send().await.map_err(failed)?;
        self.start = Key::next_page(page.last_evaluated_key);
        self.done = self.start.is_none();
        Ok(page.items.or_else(|| Some(Vec::new())))
    }
}
