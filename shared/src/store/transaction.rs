//! One transaction: its targets, its conditions, and what became of it.
//!
//! A reply is never taken for the fact. A refusal carries the rows that refused, so that the operation can look for its
//! own effect in them; an unknown outcome says so.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
        builders::TransactWriteItemBuilder,
    },
};
use tokio::time::Instant;

use super::{
    Store, StoreError,
    error::{Verdict, describe, verdict},
    item::Stored,
    keys::{self, Key},
    row::Row,
};
use crate::domain::{
    Invitation,
    text::{random_base62, random_bytes},
};

/// What a target of a transaction is about, in the order in which refusals are read. A transaction has each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WriteTarget {
    /// The invitation: its row shows whether this operation has been here before.
    Invitation,
    /// The stored response of an idempotency key: the request has been answered.
    StoredResponse,
    /// The lock that an address's open invitation holds.
    Lock,
    /// The account's send quota.
    Quota,
}

/// A condition: its expression, and the values of its placeholders.
pub(super) struct Condition {
    pub(super) expression: Cow<'static, str>,
    pub(super) values: Row,
}

impl Condition {
    /// Only `#exp` and `#ttl` need a name: the other attributes are no reserved words.
    pub(super) fn new<const N: usize>(expression: &'static str, values: [(&str, AttributeValue); N]) -> Self {
        Self { expression: expression.into(), values: values.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    /// The same, and one more.
    pub(super) fn and(mut self, expression: &str, name: &str, value: AttributeValue) -> Self {
        self.expression = format!("{} AND {expression}", self.expression).into();
        self.values.insert(name.to_owned(), value);
        self
    }
}

/// The writes that happen together or not at all.
#[derive(Default)]
pub(super) struct Transaction {
    targets: Vec<WriteTarget>,
    items: Vec<TransactWriteItem>,
}

/// Sets what the four kinds of writes have in common. They have no trait in common that would.
macro_rules! conditioned {
    ($write:expr, $store:expr, $named:expr, $condition:expr) => {
        $write
            .table_name(&$store.table)
            .set_expression_attribute_names(names($named))
            .condition_expression($condition.expression)
            // DynamoDB refuses an empty map of values.
            .set_expression_attribute_values(Some($condition.values).filter(|values| !values.is_empty()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            // Only fails when a required member was not set; the methods below set them all.
            .expect("every required member is set")
    };
}

impl Transaction {
    /// Writes a whole row.
    pub(super) fn put(&mut self, store: &Store, target: WriteTarget, row: Row, condition: Condition) {
        let put = conditioned!(Put::builder().set_item(Some(row)), store, &condition.expression, condition);
        self.push(target, TransactWriteItem::builder().put(put));
    }

    /// Removes a row.
    pub(super) fn delete(&mut self, store: &Store, target: WriteTarget, key: Key, condition: Condition) {
        let delete = conditioned!(Delete::builder().set_key(Some(key.into())), store, &condition.expression, condition);
        self.push(target, TransactWriteItem::builder().delete(delete));
    }

    /// Only checks a row.
    pub(super) fn check(&mut self, store: &Store, target: WriteTarget, key: Key, condition: Condition) {
        let check = conditioned!(ConditionCheck::builder().set_key(Some(key.into())), store, &condition.expression, condition);
        self.push(target, TransactWriteItem::builder().condition_check(check));
    }

    /// Changes a row by an update expression, whose placeholders are among the condition's values.
    pub(super) fn update(&mut self, store: &Store, target: WriteTarget, key: Key, expression: &str, condition: Condition) {
        let named = format!("{expression} {}", condition.expression);
        let update = conditioned!(Update::builder().set_key(Some(key.into())).update_expression(expression), store, &named, condition);
        self.push(target, TransactWriteItem::builder().update(update));
    }

    /// Turns an invitation's row, as it was read, into its next version.
    pub(super) fn change(
        &mut self,
        store: &Store,
        stored: &Stored,
        after: &Invitation,
        retention: Option<Duration>,
        mut condition: Condition,
    ) {
        let expression = stored.update_to(&stored.next(after), retention, &mut condition.values);
        self.update(store, WriteTarget::Invitation, keys::invitation_key(&after.account, after.id), &expression, condition);
    }

    fn push(&mut self, target: WriteTarget, item: TransactWriteItemBuilder) {
        self.items.push(item.build());
        self.targets.push(target);
    }
}

/// Every `#name` of an expression stands for the attribute `name`.
pub(super) fn names(expression: &str) -> Option<HashMap<String, String>> {
    let names: HashMap<String, String> = expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '#' | ':' | '_')))
        .filter_map(|word| word.strip_prefix('#').map(|name| (word.to_owned(), name.to_owned())))
        .collect();
    (!names.is_empty()).then_some(names)
}

/// What became of a transaction.
pub(super) enum CommitOutcome {
    /// All of it was written.
    Committed,
    /// Nothing was written: this target's condition failed, perhaps others' after it. With the row as it was, if there was one.
    Refused(WriteTarget, Option<Row>),
    /// Nothing was written: a conflict, or not enough capacity. Worth another try.
    Busy(StoreError),
    /// It may have been written, or may still be.
    Unknown(StoreError),
}

impl Store {
    /// Sends a transaction. The SDK sends the same bytes with the same token again as long as its deadline allows.
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

/// Reads the reasons of a cancellation: a conflict anywhere says nothing about the conditions, so it comes first.
fn classify(targets: &[WriteTarget], reasons: &[CancellationReason]) -> Result<CommitOutcome, StoreError> {
    let mut refused = Vec::new();
    let mut busy = None;
    for (target, reason) in targets.iter().zip(reasons) {
        match reason.code() {
            None | Some("None") => {}
            Some("ConditionalCheckFailed") => refused.push((*target, reason)),
            Some(code @ ("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")) => busy = Some(code),
            Some(code) => return Err(StoreError::Defect { cause: format!("transaction cancelled: {code} of {target:?}") }),
        }
    }
    if let Some(code) = busy {
        return Ok(CommitOutcome::Busy(StoreError::Unavailable { cause: format!("transaction cancelled: {code}") }));
    }
    match refused.into_iter().min_by_key(|(target, _)| *target) {
        Some((target, reason)) => Ok(CommitOutcome::Refused(target, reason.item.clone())),
        None => Err(StoreError::Defect { cause: "transaction cancelled without a reason".to_owned() }),
    }
}

/// The tries that one operation has. The first begins with it.
pub(super) struct Attempts {
    used: u32,
    most: u32,
    until: Instant,
}

impl Attempts {
    /// At most six within three seconds: a caller waits.
    pub(super) fn start() -> Self {
        Self { used: 1, most: 6, until: Instant::now() + Duration::from_secs(3) }
    }

    /// As many as begin within this time: no caller waits.
    pub(super) fn within(time: Duration) -> Self {
        Self { used: 1, most: u32::MAX, until: Instant::now() + time }
    }

    /// Counts another try, at once: somebody else's change was seen and can be built upon.
    pub(super) fn again(&mut self) -> Result<(), StoreError> {
        self.again_at(Instant::now())
            .map_err(|NoneLeft| StoreError::Unavailable { cause: "too many others write the same rows".to_owned() })
    }

    /// Counts another try after a random pause that grows: 0 to 50 ms, 0 to 100 ms, … 0 to 1.6 s; gives `error` back when none is
    /// left.
    pub(super) async fn pause(&mut self, error: StoreError) -> Result<(), StoreError> {
        let longest = 25_u64 << self.used.min(6);
        let pause = Duration::from_millis(u64::from(u16::from_be_bytes(random_bytes())) * longest / 65_536);
        self.again_at(Instant::now() + pause).map_err(|NoneLeft| error)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn again_at(&mut self, begin: Instant) -> Result<(), NoneLeft> {
        if self.used >= self.most || begin >= self.until {
            return Err(NoneLeft);
        }
        self.used += 1;
        Ok(())
    }
}

struct NoneLeft;
