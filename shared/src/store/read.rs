//! Reading: one invitation, or a page of them. Always strongly consistent.

use std::collections::HashMap;

use super::{
    Store, StoreError,
    error::failed,
    item,
    keys::{self, Key},
    row::Row,
};
use crate::domain::{
    AccountId, InvitationId, Principal, Resource, Timestamp,
    page::{Cursor, Filter, Limit},
};

/// How many rows a request looks at for a combination of filters before it hands out a short page.
pub(super) const COMBINED_BUDGET: usize = 1000;
/// How many of them it asks for at first, for each that the page wants: mostly enough when a quarter of the rows match.
const COMBINED_FIRST: usize = 6;
/// How many it asks for at a time at most. It doubles from the first request on, so that few matches take few requests.
const COMBINED_BATCH: usize = 250;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// In the order of the list; at most the limit.
    pub invitations: Vec<Resource>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
    /// When it was read: what decides between `invited` and `expired` for whoever looks at it.
    pub now: Timestamp,
}

impl Store {
    /// The caller's invitation of this id, if there is one.
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

    /// One page of the caller's invitations. A single filter reads no more rows than the page and one;
    /// a combination at most 1,000, so that its page may be short, or empty, although there is a next.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read.
    pub async fn list(&self, who: &Principal, filter: &Filter, limit: Limit, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
        let now = self.now();
        let range = filter.range();
        let as_of = cursor.map(|cursor| cursor.as_of).filter(|as_of| *as_of != Timestamp::ZERO).unwrap_or(now);
        // One more than the page holds: whether it exists is whether there is a next page.
        let wanted = limit.get() + 1;

        let mut invitations = Vec::with_capacity(wanted);
        let mut start = cursor.map(|cursor| keys::start_key(who, range, cursor));
        let mut batch = if filter.is_range_only() { wanted } else { (wanted * COMBINED_FIRST).min(COMBINED_BATCH) };
        let mut budget = if filter.is_range_only() { wanted } else { COMBINED_BUDGET };
        let mut last_seen = None;
        while budget > 0 {
            let (rows, more) = self.query(who, keys::bounds(range, as_of), start.take(), budget.min(batch)).await?;
            budget -= rows.len().min(budget);
            batch = (batch * 2).min(COMBINED_BATCH);
            for row in rows {
                let invitation = item::resource(who.account(), row)?;
                last_seen = Some(Cursor::after(&invitation, filter, as_of));
                if filter.matches(&invitation, as_of) {
                    invitations.push(invitation);
                }
                if invitations.len() == wanted {
                    invitations.pop();
                    let next = invitations.last().map(|last| Cursor::after(last, filter, as_of));
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

    /// One request: at most `limit` rows of the range, and where it goes on.
    async fn query(
        &self,
        who: &Principal,
        bounds: keys::Bounds,
        start: Option<Key>,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Key>), StoreError> {
        let bounds = bounds.starting_at(start.as_ref());
        let (projection, names) = shown();
        let query =
            self.client.query().table_name(&self.table).projection_expression(projection).set_expression_attribute_names(Some(names));
        let output = keys::range(query, &keys::partition(who.account()), &bounds, start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed)?;
        yield_to_pool().await;
        Ok((output.items.unwrap_or_default(), Key::next_page(output.last_evaluated_key)))
    }

    /// One row of an account that nobody has verified. None if the store serves another: see [`Store::only`].
    pub(super) async fn read_row_of(&self, account: &AccountId, key: Key) -> Result<Option<Row>, StoreError> {
        let served = self.only.as_ref().is_none_or(|only| only == account);
        if served { self.read_row(key).await } else { Ok(None) }
    }

    /// One row, strongly consistent.
    pub(super) async fn read_row(&self, key: Key) -> Result<Option<Row>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key.into())).consistent_read(true);
        let row = request.send().await.map_err(failed)?.item;
        yield_to_pool().await;
        Ok(row)
    }
}

/// A projection to what the caller may see, and its names. Half of a row is the service's own: reading less of it halves the
/// work. The names are numbers, because some are words that DynamoDB reserves.
fn shown() -> (String, HashMap<String, String>) {
    let shown: Vec<String> = (0..item::SHOWN.len()).map(|number| format!("#{number}")).collect();
    (shown.join(","), shown.into_iter().zip(item::SHOWN.map(str::to_owned)).collect())
}

/// Lets the connection go back to the pool, which a task of its own does. A request that followed at once would not find it
/// there and open a second one.
pub(super) async fn yield_to_pool() {
    tokio::task::yield_now().await;
}
