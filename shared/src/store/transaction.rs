//! One transaction: its targets, its conditions, and what became of it.
//!
//! A reply is never taken for the fact. A refusal carries the rows that refused, so that the operation can look for its
//! own effect in them; an unknown outcome says so.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use tokio::time::Instant;

use super::{
    Store, StoreError,
    error::{Verdict, describe, verdict},
    item,
    keys::{self, Key},
    row::Row,
};
use crate::domain::text::{random_base62, random_bytes};

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
    expression: &'static str,
    values: Row,
}

impl Condition {
    /// Only `#exp` and `#ttl` need a name: the other attributes are no reserved words.
    pub(super) fn new<const N: usize>(expression: &'static str, values: [(&str, AttributeValue); N]) -> Self {
        Self { expression, values: values.map(|(name, value)| (name.to_owned(), value)).into() }
    }
}

/// The writes that happen together or not at all.
#[derive(Default)]
pub(super) struct Transaction {
    targets: Vec<WriteTarget>,
    items: Vec<TransactWriteItem>,
}

impl Transaction {
    /// Writes a whole row.
    pub(super) fn put(&mut self, store: &Store, target: WriteTarget, row: Row, condition: Condition) {
        let put = Put::builder()
            .table_name(&store.table)
            .set_item(Some(row))
            .set_expression_attribute_names(names(condition.expression))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(target, put.map(|put| TransactWriteItem::builder().put(put).build()));
    }

    /// Removes a row.
    pub(super) fn delete(&mut self, store: &Store, target: WriteTarget, key: Key, condition: Condition) {
        let delete = Delete::builder()
            .table_name(&store.table)
            .set_key(Some(key))
            .set_expression_attribute_names(names(condition.expression))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(target, delete.map(|delete| TransactWriteItem::builder().delete(delete).build()));
    }

    /// Only checks a row.
    pub(super) fn check(&mut self, store: &Store, target: WriteTarget, key: Key, condition: Condition) {
        let check = ConditionCheck::builder()
            .table_name(&store.table)
            .set_key(Some(key))
            .set_expression_attribute_names(names(condition.expression))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(target, check.map(|check| TransactWriteItem::builder().condition_check(check).build()));
    }

    /// Changes a row by an update expression, whose placeholders are among the condition's values.
    pub(super) fn update(&mut self, store: &Store, target: WriteTarget, key: Key, expression: &str, condition: Condition) {
        let update = Update::builder()
            .table_name(&store.table)
            .set_key(Some(key))
            .update_expression(expression)
            .set_expression_attribute_names(names(&format!("{expression} {}", condition.expression)))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(target, update.map(|update| TransactWriteItem::builder().update(update).build()));
    }

    /// Turns an invitation's row, as it is stored, into another version: see [`changes`].
    pub(super) fn change(&mut self, store: &Store, target: WriteTarget, stored: &Row, after: Row, mut condition: Condition) {
        let key = keys::primary_of(&after);
        let expression = changes(stored, after, &mut condition.values);
        self.update(store, target, key, &expression, condition);
    }

    fn push(&mut self, target: WriteTarget, item: Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError>) {
        // The builders only fail when a required member was not set; the methods above set them all.
        self.items.push(item.expect("every required member is set"));
        self.targets.push(target);
    }
}

/// The update expression that turns an invitation's row, as it is stored, into another version: sets what differs, removes
/// what is over, and leaves alone what it does not know. The values go to `values`.
pub(super) fn changes(stored: &Row, after: Row, values: &mut Row) -> String {
    let over = item::OPTIONAL.iter().filter(|name| stored.contains_key(**name) && !after.contains_key(**name));
    let over: Vec<String> = over.map(|name| placeholder('#', name)).collect();
    let mut set = Vec::new();
    for (name, value) in after {
        if stored.get(&name) != Some(&value) {
            set.push(format!("{} = {}", placeholder('#', &name), placeholder(':', &name)));
            values.insert(placeholder(':', &name), value);
        }
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !over.is_empty() {
        expression.push_str(&format!(" REMOVE {}", over.join(", ")));
    }
    expression
}

/// `#name` or `:name_`; the underscore keeps a change's values apart from its condition's.
fn placeholder(sigil: char, name: &str) -> String {
    match sigil {
        '#' => format!("#{name}"),
        _ => format!("{sigil}{name}_"),
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

/// DynamoDB refuses an empty map of values.
fn some(values: Row) -> Option<Row> {
    (!values.is_empty()).then_some(values)
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
