//! Background changes to invitations: finds due invitations and writes revision after revision.
//!
//! Each change is a single conditional write of the invitation's own row.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::UpdateItemError,
    types::ReturnValuesOnConditionCheckFailure,
};

use super::{
    Store, StoreError,
    condition::{Condition, names},
    error::failed,
    item::{self, Stored},
    keys::{
        self, Key, PK, SK,
        index::{DUE, DUE_AT, DUE_SHARD, LATE, LATE_AT},
    },
    row::{Row, text, time},
    transaction::Attempts,
};
use crate::domain::{AccountId, Invitation, InvitationId, Timestamp};

/// How long a corrupt row is ignored.
const QUARANTINED_FOR: Duration = Duration::from_secs(3600);

/// Identifies an invitation across accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationKey {
    /// The account that invites.
    pub account: AccountId,
    /// The invitation's id.
    pub id: InvitationId,
}

impl InvitationKey {
    /// Parses a primary key; `None` for other items.
    #[must_use]
    pub fn parse(pk: &str, sk: &str) -> Option<Self> {
        let (account, id) = keys::parse_invitation_key(pk, sk)?;
        Some(Self { account, id })
    }
}

/// An index of due invitations: see [`DueEntries`](crate::domain::courier::DueEntries).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueIndex {
    /// Work that the stream should have triggered.
    Stream,
    /// Work that time makes due.
    Timer,
}

impl DueIndex {
    /// Both indexes.
    pub const ALL: [Self; 2] = [Self::Stream, Self::Timer];

    /// The names of the index and of its sort key.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Stream => (LATE, LATE_AT),
            Self::Timer => (DUE, DUE_AT),
        }
    }
}

/// A page of due invitations.
#[derive(Debug)]
pub struct DuePage {
    /// The invitations, longest overdue first.
    pub keys: Vec<InvitationKey>,
    /// Since when the first one is due.
    pub since: Option<Timestamp>,
    /// The `start` of the next page.
    pub next: Option<Key>,
}

impl Store {
    /// Returns the invitation with this key, if it exists.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn load(&self, key: &InvitationKey) -> Result<Option<Stored>, StoreError> {
        self.stored(&key.account, key.id).await
    }

    /// Changes an invitation as `step` says, starting from `known` if it was read before. `step` returns it unchanged if nothing is to
    /// be done. If another writer changes it concurrently, or the table fails, `step` is called again, the last time no later than
    /// `within`. Returns the resulting invitation, if it still exists.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn update_with_retry(
        &self,
        key: &InvitationKey,
        mut known: Option<Stored>,
        retention: Option<Duration>,
        within: Duration,
        step: impl Fn(&Invitation, Timestamp) -> Invitation,
    ) -> Result<Option<Stored>, StoreError> {
        let mut attempts = Attempts::within(within);
        loop {
            let read = match known.take() {
                Some(known) => Ok(Some(known)),
                None => self.load(key).await,
            };
            let before = match read {
                Ok(Some(before)) => before,
                Ok(None) => return Ok(None),
                Err(error @ StoreError::Unavailable { .. }) => {
                    attempts.pause(error).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let after = step(&before.invitation, self.now());
            if after == before.invitation {
                return Ok(Some(before));
            }
            match self.compare_and_set(&before, &after, retention).await {
                Ok(Some(after)) => return Ok(Some(after)),
                Ok(None) => attempts.pause(StoreError::Unavailable { cause: "others keep changing the invitation".to_owned() }).await?,
                // The next read shows whether it was written.
                Err(error @ StoreError::Unavailable { .. }) => attempts.pause(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes the next revision of an invitation, and returns it. If another writer has changed it, writes nothing and returns `None`.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails. It may still have been written.
    pub async fn compare_and_set(
        &self,
        before: &Stored,
        after: &Invitation,
        retention: Option<Duration>,
    ) -> Result<Option<Stored>, StoreError> {
        let next = before.next(after, retention, self.now());
        let Condition { expression: condition, mut values } = before.is_current();
        let expression = before.update_to(&next, &mut values);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::invitation_key(&after.resource.account, after.resource.id).into()))
            .set_expression_attribute_names(names(&format!("{expression} {condition}")))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match update.send().await {
            Ok(_) => return Ok(Some(next)),
            Err(error) => error,
        };
        match &error {
            SdkError::ServiceError(context) => match context.err() {
                // Possibly its own write: the reply to an earlier attempt was lost.
                UpdateItemError::ConditionalCheckFailedException(refusal) => {
                    let found = refusal.item().cloned().map(Stored::from_row).transpose()?;
                    Ok(found.filter(|found| found.is_version(&next)))
                }
                // A transaction is changing it.
                other if other.code() == Some("TransactionConflictException") => Ok(None),
                _ => Err(failed(error)),
            },
            _ => Err(failed(error)),
        }
    }

    /// Returns at most `limit` invitations that a shard of an index lists at `now`, longest overdue first. Very recent writes may be missing.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails.
    pub async fn due(&self, index: DueIndex, shard: u8, now: Timestamp, limit: i32, start: Option<Key>) -> Result<DuePage, StoreError> {
        let (index, at) = index.names();
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression("#shard = :shard AND #at <= :now")
            .expression_attribute_names("#shard", DUE_SHARD)
            .expression_attribute_names("#at", at)
            .expression_attribute_values(":shard", text(shard.to_string()))
            .expression_attribute_values(":now", time(now))
            .set_exclusive_start_key(start.map(Row::from))
            .limit(limit)
            .send()
            .await
            .map_err(failed)?;
        let key = |row: &Row| InvitationKey::parse(row.get(PK)?.as_s().ok()?, row.get(SK)?.as_s().ok()?);
        let since = |row: &Row| Timestamp::from_millis(row.get(at)?.as_n().ok()?.parse().ok()?);
        let (keys, since) = (output.items().iter().filter_map(key).collect(), output.items().first().and_then(since));
        Ok(DuePage { keys, since, next: Key::next_page(output.last_evaluated_key) })
    }

    /// Ignores a corrupt row for an hour. Nothing can be done for it until it is repaired; then all its work resumes.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails.
    pub async fn quarantine(&self, key: &InvitationKey) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::invitation_key(&key.account, key.id).into()))
            .update_expression("SET #shard = :shard, #at = :later REMOVE #stream_at, #stream_pending")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#shard", DUE_SHARD)
            .expression_attribute_names("#at", DUE_AT)
            .expression_attribute_names("#stream_at", LATE_AT)
            .expression_attribute_names("#stream_pending", item::STREAM_PENDING)
            .expression_attribute_values(":shard", text(keys::due_shard(key.id)))
            .expression_attribute_values(":later", time(self.now().plus(QUARANTINED_FOR)));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(context)) if matches!(context.err(), UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}
