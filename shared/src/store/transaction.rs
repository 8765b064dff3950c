//! A transaction: its targets, its conditions and its outcome.
//!
//! A reply alone is never trusted. A refusal carries the refusing rows, in which the operation looks for its own effect. An unknown
//! outcome is reported as such.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
        builders::TransactWriteItemBuilder,
    },
};
use tokio::time::Instant;

use super::{
    Store, StoreError,
    condition::{Condition, names},
    error::{Verdict, describe, verdict},
    item::Stored,
    keys::{self, Key},
    row::Row,
};
use crate::domain::{
    Invitation, Timestamp,
    text::{random_base62, random_bytes},
};

/// The role of an item in a transaction, in the order in which refusals are evaluated. An entry of a transaction has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WriteTarget {
    /// The invitation. Its row shows whether this operation was already applied.
    Invitation,
    /// The stored response of an idempotency key. It exists if the request was already answered.
    StoredResponse,
    /// The lock of an address, which its open invitation holds.
    Lock,
    /// The account's send quota.
    Quota,
    /// The account's settings.
    Settings,
    /// The row of an external id, which names its account.
    ExternalId,
}

/// A set of writes that is committed atomically.
#[derive(Default)]
pub(super) struct Transaction {
    entry: usize,
    targets: Vec<(WriteTarget, usize)>,
    items: Vec<TransactWriteItem>,
}

/// Sets the common properties of the four kinds of writes, which the SDK's builders share no trait for.
macro_rules! conditioned {
    ($write:expr, $store:expr, $named:expr, $condition:expr) => {
        $write
            .table_name(&$store.table)
            .set_expression_attribute_names(names($named))
            .condition_expression($condition.expression)
            // DynamoDB rejects an empty map of values.
            .set_expression_attribute_values(Some($condition.values).filter(|values| !values.is_empty()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            // Fails only if a required member is missing; the methods below set them all.
            .expect("every required member is set")
    };
}

impl Transaction {
    /// Makes the following writes part of this entry: several invitations can be written together, each with its lock. Refusals name the
    /// entry. Everything is part of entry 0 if this is not called.
    pub(super) fn begin_entry(&mut self, entry: usize) {
        self.entry = entry;
    }

    /// Writes an entire row.
    pub(super) fn put(&mut self, store: &Store, target: WriteTarget, row: Row, condition: Condition) {
        let put = conditioned!(Put::builder().set_item(Some(row)), store, &condition.expression, condition);
        self.push(target, TransactWriteItem::builder().put(put));
    }

    /// Deletes a row.
    pub(super) fn delete(&mut self, store: &Store, target: WriteTarget, key: Key, condition: Condition) {
        let delete = conditioned!(Delete::builder().set_key(Some(key.into())), store, &condition.expression, condition);
        self.push(target, TransactWriteItem::builder().delete(delete));
    }

    /// Checks a row without writing it.
    pub(super) fn check(&mut self, store: &Store, target: WriteTarget, key: Key, condition: Condition) {
        let check = conditioned!(ConditionCheck::builder().set_key(Some(key.into())), store, &condition.expression, condition);
        self.push(target, TransactWriteItem::builder().condition_check(check));
    }

    /// Changes a row by an update expression. The condition's values include the expression's placeholders.
    pub(super) fn update(&mut self, store: &Store, target: WriteTarget, key: Key, expression: &str, condition: Condition) {
        let named = format!("{expression} {}", condition.expression);
        let update = conditioned!(Update::builder().set_key(Some(key.into())).update_expression(expression), store, &named, condition);
        self.push(target, TransactWriteItem::builder().update(update));
    }

    /// Updates an invitation's row, as it was read, to its version after a change at `now`.
    pub(super) fn change(
        &mut self,
        store: &Store,
        stored: &Stored,
        after: &Invitation,
        (retention, now): (Option<Duration>, Timestamp),
        mut condition: Condition,
    ) {
        let expression = stored.update_to(&stored.next(after, retention, now), &mut condition.values);
        self.update(
            store,
            WriteTarget::Invitation,
            keys::invitation_key(&after.resource.account, after.resource.id),
            &expression,
            condition,
        );
    }

    fn push(&mut self, target: WriteTarget, item: TransactWriteItemBuilder) {
        self.items.push(item.build());
        self.targets.push((target, self.entry));
    }
}

/// The outcome of a transaction.
pub(super) enum CommitOutcome {
    /// Everything was written.
    Committed,
    /// Nothing was written, because conditions failed.
    Refused(Refusals),
    /// Nothing was written, because of a conflict or missing capacity. Can be retried.
    Busy(StoreError),
    /// It is unknown whether the transaction was written, or will be.
    Unknown(StoreError),
}

/// A failed condition.
pub(super) struct Refusal {
    /// The write that it belongs to.
    pub(super) target: WriteTarget,
    /// The entry of that write.
    pub(super) entry: usize,
    /// The existing row, if any.
    pub(super) row: Option<Row>,
}

/// The failed conditions of a transaction, at least one, in the order in which they are evaluated.
pub(super) struct Refusals {
    first: Refusal,
    others: Vec<Refusal>,
}

impl Refusals {
    /// The one that decides about an operation on a single invitation.
    pub(super) fn first(self) -> (WriteTarget, Option<Row>) {
        (self.first.target, self.first.row)
    }

    /// All of them.
    pub(super) fn all(self) -> impl Iterator<Item = Refusal> {
        [self.first].into_iter().chain(self.others)
    }
}

impl Store {
    /// Sends a transaction. The SDK retries with the same token until its deadline.
    pub(super) async fn send(&self, transaction: Transaction) -> Result<CommitOutcome, StoreError> {
        let request =
            self.client.transact_write_items().set_transact_items(Some(transaction.items)).client_request_token(random_base62(32));
        let Err(error) = request.send().await else {
            return Ok(CommitOutcome::Committed);
        };
        if let SdkError::ServiceError(context) = &error
            && let TransactWriteItemsError::TransactionCanceledException(cancelled) = context.err()
        {
            return classify(&transaction.targets, cancelled.cancellation_reasons());
        }
        let cause = describe(&error);
        match verdict(&error) {
            Verdict::NotDone => Ok(CommitOutcome::Busy(StoreError::Unavailable { cause })),
            Verdict::Unknown => Ok(CommitOutcome::Unknown(StoreError::Unavailable { cause })),
            Verdict::Never => Err(StoreError::Defect { cause }),
        }
    }
}

/// Evaluates the reasons of a cancellation. A conflict says nothing about the conditions, so it takes precedence.
fn classify(targets: &[(WriteTarget, usize)], reasons: &[CancellationReason]) -> Result<CommitOutcome, StoreError> {
    let mut refused = Vec::new();
    let mut busy = None;
    for (&(target, entry), reason) in targets.iter().zip(reasons) {
        match reason.code() {
            None | Some("None") => {}
            Some("ConditionalCheckFailed") => refused.push(Refusal { target, entry, row: reason.item.clone() }),
            Some(code @ ("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")) => busy = Some(code),
            Some(code) => return Err(StoreError::Defect { cause: format!("transaction cancelled: {code} of {target:?}") }),
        }
    }
    if let Some(code) = busy {
        return Ok(CommitOutcome::Busy(StoreError::Unavailable { cause: format!("transaction cancelled: {code}") }));
    }
    refused.sort_by_key(|refusal| (refusal.target, refusal.entry));
    let mut refused = refused.into_iter();
    match refused.next() {
        Some(first) => Ok(CommitOutcome::Refused(Refusals { first, others: refused.collect() })),
        None => Err(StoreError::Defect { cause: "transaction cancelled without a reason".to_owned() }),
    }
}

/// Counts the attempts of one operation, including the first.
pub(super) struct Attempts {
    used: u32,
    max: u32,
    until: Instant,
}

impl Attempts {
    /// At max six within three seconds, because a caller is waiting.
    pub(super) fn start() -> Self {
        Self { used: 1, max: 6, until: Instant::now() + Duration::from_secs(3) }
    }

    /// Any number that start within this time; no caller is waiting.
    pub(super) fn within(time: Duration) -> Self {
        Self { used: 1, max: u32::MAX, until: Instant::now() + time }
    }

    /// Counts an immediate retry: another write was seen and can be built upon.
    pub(super) fn again(&mut self) -> Result<(), StoreError> {
        self.again_at(Instant::now())
            .map_err(|NoneLeft| StoreError::Unavailable { cause: "too many others write the same rows".to_owned() })
    }

    /// Counts a retry after a random pause that grows: 0 to 50 ms, 0 to 100 ms, … 0 to 1.6 s. Returns `error` if no attempt is left.
    pub(super) async fn pause(&mut self, error: StoreError) -> Result<(), StoreError> {
        let longest = 25_u64 << self.used.min(6);
        let pause = Duration::from_millis(u64::from(u16::from_be_bytes(random_bytes())) * longest / 65_536);
        self.again_at(Instant::now() + pause).map_err(|NoneLeft| error)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn again_at(&mut self, start: Instant) -> Result<(), NoneLeft> {
        if self.used >= self.max || start >= self.until {
            return Err(NoneLeft);
        }
        self.used += 1;
        Ok(())
    }
}

struct NoneLeft;
