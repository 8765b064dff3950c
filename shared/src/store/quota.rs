//! The limit on sends per account and window. A send is counted in its own transaction, so failed sends are not counted.

use super::{
    Store, StoreError,
    condition::Condition,
    keys,
    row::{Attributes, number},
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{
    Principal, Rejected, Timestamp,
    lifecycle::{SendPolicy, quota_window},
};

impl Store {
    /// Counts one send. The condition fails if the window's quota is used up.
    pub(super) fn consume_quota(&self, transaction: &mut Transaction, who: &Principal, now: Timestamp, policy: &SendPolicy) {
        let (window, _) = quota_window(now, policy);
        let purge = window.plus(policy.quota_window).as_secs();
        let room = Condition::new(
            "attribute_not_exists(#n) OR #n < :limit",
            [(":limit", number(policy.quota)), (":one", number(1)), (":ttl", number(purge))],
        );
        transaction.update(self, WriteTarget::Quota, keys::key(who.account(), keys::quota(window)), "ADD #n :one SET #ttl = :ttl", room);
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
        if window.plus(policy.quota_window) <= cooled {
            return Ok(None);
        }
        let row = self.read_row(keys::key(who.account(), keys::quota(window))).await?;
        let used: u32 = row.map_or(Ok(0), |row| Attributes::of(row).number("n"))?;
        Ok((used >= policy.quota).then_some(refusal))
    }
}
