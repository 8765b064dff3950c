//! The limit on sends per account and window. A send is counted in its own transaction, so failed sends are not counted.

use super::{
    Store, StoreError,
    condition::Condition,
    keys,
    row::{Attributes, Row, number},
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{
    Principal, Rejected, Timestamp,
    lifecycle::{SendPolicy, quota_window},
};

impl Store {
    /// Counts this many sends, at least one and not more than the quota. The condition fails if the rest of the window's quota is less.
    pub(super) fn consume_quota(&self, transaction: &mut Transaction, who: &Principal, now: Timestamp, policy: &SendPolicy, sends: u32) {
        let (window, _) = quota_window(now, policy);
        let purge = window.plus(policy.limits.quota_window).as_secs();
        let below = policy.limits.quota.saturating_sub(sends.saturating_sub(1));
        let room = Condition::new(
            "attribute_not_exists(#n) OR #n < :below",
            [(":below", number(below)), (":sends", number(sends)), (":ttl", number(purge))],
        );
        transaction.update(self, WriteTarget::Quota, keys::key(who.account(), keys::quota(window)), "ADD #n :sends SET #ttl = :ttl", room);
    }

    /// How many sends the row of a window's quota leaves; all of them if there is no row.
    pub(super) fn quota_left(row: Option<Row>, policy: &SendPolicy) -> Result<u32, StoreError> {
        let used: u32 = row.map_or(Ok(0), |row| Attributes::of(row).number("n"))?;
        Ok(policy.limits.quota.saturating_sub(used))
    }

    /// The quota's rejection, if it lasts longer than a cooldown that ends at `cooled`: waiting for Retry-After must be sufficient.
    pub(super) async fn quota_beyond(
        &self,
        who: &Principal,
        cooled: Timestamp,
        now: Timestamp,
        policy: &SendPolicy,
    ) -> Result<Option<Rejected>, StoreError> {
        let (window, refusal) = quota_window(now, policy);
        if window.plus(policy.limits.quota_window) <= cooled {
            return Ok(None);
        }
        let row = self.read_row(keys::key(who.account(), keys::quota(window))).await?;
        Ok((Self::quota_left(row, policy)? == 0).then_some(refusal))
    }
}
