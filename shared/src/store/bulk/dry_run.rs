//! Checks a request for many invitations, without writing anything.

use super::super::{Store, StoreError, keys};
use super::{Bulk, State};
use crate::domain::{
    Principal, Rejected,
    bulk::{BulkOperation, BulkRow, RowResult},
    lifecycle::{SendPolicy, quota_window},
    settings::AccountSettings,
};

impl Store {
    /// What [`Store::create_many`] would do, without writing anything: for each row, why it would not be created.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails.
    pub async fn try_many(
        &self,
        who: &Principal,
        rows: &[BulkRow],
        policy: &SendPolicy,
        settings: &AccountSettings,
    ) -> Result<Vec<Result<(), Rejected>>, StoreError> {
        let now = self.now();
        let mut bulk = Bulk::new(self, who, rows, (policy, settings), &BulkOperation::generate(now), now);
        bulk.find_locked().await?;
        let (window, quota) = quota_window(now, policy);
        let mut left = Self::quota_left(self.read_row(keys::key(who.account(), keys::quota(window))).await?, policy)?;
        let results = bulk.rows.into_iter().map(|row| match row.state {
            State::Done(RowResult::Rejected(rejected)) => Err(rejected),
            State::Open(_) | State::Done(RowResult::Created { .. }) => {
                left = left.checked_sub(1).ok_or_else(|| quota.clone())?;
                Ok(())
            }
        });
        Ok(results.collect())
    }
}
