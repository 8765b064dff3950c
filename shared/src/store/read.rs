//! Reads one invitation or a page of them. Always strongly consistent.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::{
    Store, StoreError,
    error::failed,
    item,
    keys::{self, Key},
    row::Row,
    transaction::Attempts,
};
use crate::domain::{
    AccountId, InvitationId, Principal, Resource, Timestamp,
    page::{Cursor, Limit, List},
};

/// How many rows a request with several filters reads before it returns a short page.
pub(super) const COMBINED_BUDGET: usize = 1000;
/// How many rows the first query reads for each invitation of the page. Usually enough if a quarter of the rows match.
const COMBINED_FIRST: usize = 6;
/// How many rows a query reads at most. The number doubles with each query, so that few matches need few queries.
const COMBINED_BATCH: usize = 250;
/// How many rows DynamoDB reads by their keys in one request.
const BATCH: usize = 100;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// In list order; at most the limit.
    pub invitations: Vec<Resource>,
    /// The start of the next page, if any.
    pub next: Option<Cursor>,
    /// When the page was read. It distinguishes `invited` from `expired`.
    pub now: Timestamp,
}

impl Store {
    /// Returns the caller's invitation with this id, if it exists.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn get(&self, who: &Principal, id: InvitationId) -> Result<Option<Resource>, StoreError> {
        let (projection, names) = shown();
        let request = self.client.get_item().table_name(&self.table).set_key(Some(keys::invitation_key(who.account(), id).into()));
        let request = request.projection_expression(projection).set_expression_attribute_names(Some(names)).consistent_read(true);
        let row = request.send().await.map_err(failed)?.item;
        yield_to_pool().await;
        row.map(|row| item::resource(who.account(), row)).transpose()
    }

    /// Returns one page of the caller's invitations. A single filter reads at most one row more than the page. A combination reads at
    /// most 1,000 rows, so its page may be short or empty although more follow.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read.
    pub async fn list(&self, who: &Principal, list: &List, limit: Limit, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
        self.page(who.account(), list, limit.get(), cursor).await
    }

    /// Returns one page of an account's invitations: see [`Store::list`].
    pub(super) async fn page(&self, account: &AccountId, list: &List, limit: usize, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
        let now = self.now();
        let filter = &list.filter;
        let range = filter.range();
        let as_of = cursor.map(|cursor| cursor.as_of).filter(|as_of| *as_of != Timestamp::ZERO).unwrap_or(now);
        // One more row than the page holds shows whether a next page exists.
        let wanted = limit + 1;

        let mut invitations = Vec::with_capacity(wanted);
        let mut start = cursor.map(|cursor| keys::start_key(account, range, cursor));
        let mut batch = if filter.is_range_only() { wanted } else { (wanted * COMBINED_FIRST).min(COMBINED_BATCH) };
        let mut budget = if filter.is_range_only() { wanted } else { COMBINED_BUDGET };
        let mut last_seen = None;
        while budget > 0 {
            let (rows, more) = self.query(account, keys::bounds(range, list.order, as_of), start.take(), budget.min(batch)).await?;
            budget -= rows.len().min(budget);
            batch = (batch * 2).min(COMBINED_BATCH);
            for row in rows {
                let invitation = item::resource(account, row)?;
                last_seen = Some(Cursor::after(&invitation, list, as_of));
                if filter.matches(&invitation, as_of) {
                    invitations.push(invitation);
                }
                if invitations.len() == wanted {
                    invitations.pop();
                    let next = invitations.last().map(|last| Cursor::after(last, list, as_of));
                    return Ok(Page { invitations, next, now });
                }
            }
            start = more;
            if start.is_none() {
                return Ok(Page { invitations, next: None, now });
            }
        }
        Ok(Page { invitations, next: last_seen, now })
    }

    /// Sends one query: at most `limit` rows of the range, and the start of the rest.
    async fn query(
        &self,
        account: &AccountId,
        bounds: keys::Bounds,
        start: Option<Key>,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Key>), StoreError> {
        let (projection, names) = shown();
        let query =
            self.client.query().table_name(&self.table).projection_expression(projection).set_expression_attribute_names(Some(names));
        let output = keys::range(query, &keys::partition(account), &bounds, start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed)?;
        yield_to_pool().await;
        Ok((output.items.unwrap_or_default(), Key::next_page(output.last_evaluated_key)))
    }

    /// Reads one row of an account that is not verified. `None` if the store serves another account: see [`Store::only`].
    pub(super) async fn read_row_of(&self, account: &AccountId, key: Key) -> Result<Option<Row>, StoreError> {
        if self.serves(account) { self.read_row(key).await } else { Ok(None) }
    }

    /// Reads one row, strongly consistent.
    pub(super) async fn read_row(&self, key: Key) -> Result<Option<Row>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key.into())).consistent_read(true);
        let row = request.send().await.map_err(failed)?.item;
        yield_to_pool().await;
        Ok(row)
    }

    /// Reads many rows, strongly consistent, each of them once. Those that do not exist are missing from the result.
    pub(super) async fn read_rows(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Row>, StoreError> {
        let mut left: Vec<Row> = keys.into_iter().map(Row::from).collect();
        let (mut rows, mut attempts) = (Vec::with_capacity(left.len()), Attempts::start());
        while !left.is_empty() {
            let batch = left.split_off(left.len().saturating_sub(BATCH));
            let batch = KeysAndAttributes::builder().set_keys(Some(batch)).consistent_read(true).build();
            // Fails only without keys.
            let batch = batch.map_err(|error| StoreError::Defect { cause: error.to_string() })?;
            let output = self.client.batch_get_item().request_items(&self.table, batch).send().await.map_err(failed)?;
            yield_to_pool().await;
            let found = output.responses.and_then(|mut tables| tables.remove(&self.table)).unwrap_or_default();
            if !found.is_empty() {
                // Only replies without progress are attempts.
                attempts = Attempts::start();
            }
            rows.extend(found);
            let unprocessed = output.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table)).map(|keys| keys.keys);
            if let Some(keys) = unprocessed.filter(|keys| !keys.is_empty()) {
                left.extend(keys);
                attempts.pause(StoreError::Unavailable { cause: "DynamoDB leaves keys unprocessed".to_owned() }).await?;
            }
        }
        Ok(rows)
    }
}

/// The projection to the visible attributes, and its names. The other half of a row is internal; leaving it out halves the work. The
/// names are numbers, because DynamoDB reserves some of the words.
fn shown() -> (String, HashMap<String, String>) {
    let names: HashMap<String, String> = item::shown().enumerate().map(|(number, name)| (format!("#{number}"), name.to_owned())).collect();
    (names.keys().map(String::as_str).collect::<Vec<_>>().join(","), names)
}

/// Lets the connection return to the pool, which a separate task does. Otherwise an immediately following request would open a second
/// connection.
pub(super) async fn yield_to_pool() {
    tokio::task::yield_now().await;
}
