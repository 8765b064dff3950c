//! What is in the table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::store::{DUE_SHARDS, DueIndex, Row};
use support::{TestApp, identity::run_as};

/// The number of rows of each kind, and the size of the largest.
#[derive(Debug, Default, Clone)]
pub(super) struct Sample {
    kinds: BTreeMap<String, u64>,
    pub(super) largest: u64,
}

impl Sample {
    pub(super) async fn of(app: &TestApp) -> Self {
        let mut sample = Self::default();
        for row in app.rows().await {
            *sample.kinds.entry(kind(&row)).or_default() += 1;
            sample.largest = sample.largest.max(size(&row));
        }
        sample
    }

    /// The largest of each figure.
    pub(super) fn max(samples: &[Self]) -> Self {
        let mut max = Self::default();
        for sample in samples {
            max.largest = max.largest.max(sample.largest);
            for (kind, count) in &sample.kinds {
                let before = max.kinds.entry(kind.clone()).or_default();
                *before = (*before).max(*count);
            }
        }
        max
    }

    /// Each kind with its number before and after.
    pub(super) fn compared(&self, after: &Self) -> Vec<(String, u64, u64)> {
        let count = |sample: &Self, kind: &str| sample.kinds.get(kind).copied().unwrap_or_default();
        let kinds: std::collections::BTreeSet<&String> = self.kinds.keys().chain(after.kinds.keys()).collect();
        kinds.into_iter().map(|kind| (format!("rows {kind}"), count(self, kind), count(after, kind))).collect()
    }
}

/// `A: I#` for a row of `A#…` with a sort key `I#…`.
fn kind(row: &Row) -> String {
    let prefix = |name: &str| {
        let text = row[name].as_s().expect("keys are strings");
        text.split_once('#').map_or("-", |(prefix, _)| prefix).to_owned()
    };
    format!("{}#/{}", prefix("pk"), prefix("sk"))
}

/// The size of a row as DynamoDB counts it: its names and values in UTF-8, numbers by their digits.
fn size(row: &Row) -> u64 {
    row.iter().map(|(name, value)| name.len() as u64 + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> u64 {
    match value {
        AttributeValue::S(text) => text.len() as u64,
        AttributeValue::N(digits) => digits.len() as u64 / 2 + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len() as u64,
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<u64>(),
        AttributeValue::M(values) => 3 + values.iter().map(|(name, value)| 1 + name.len() as u64 + value_size(value)).sum::<u64>(),
        AttributeValue::Ss(texts) => texts.iter().map(|text| text.len() as u64).sum(),
        _ => 1,
    }
}

/// The number of invitations that are due now.
pub(super) async fn due(app: &TestApp) -> u64 {
    let store = &app.state().store;
    let mut due = 0;
    for index in DueIndex::ALL {
        for shard in 0..DUE_SHARDS {
            let page = run_as("reconcile-deliveries", store.due(index, shard, store.now(), 1000, None)).await;
            due += page.expect("the table answers").keys.len() as u64;
        }
    }
    due
}

/// The number of open invitations whose email has not been sent.
pub(super) async fn without_email(app: &TestApp) -> u64 {
    let rows = app.rows().await;
    let pending = rows.iter().filter(|row| row.get("st").is_some_and(|state| state.as_s().is_ok_and(|state| state == "pending")));
    pending.filter(|row| !row.contains_key("delivery")).count() as u64
}

/// Deletes what TTL would delete, and returns how much.
pub(super) async fn purge(app: &TestApp) -> u64 {
    let now = app.now().as_secs();
    let mut purged = 0;
    for row in app.rows().await {
        let ended = row.get("ttl").is_some_and(|ttl| ttl.as_n().expect("a number").parse::<i64>().expect("seconds") < now);
        if ended {
            let delete = app.client.delete_item().table_name(&app.table).key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
            delete.send().await.expect("the row can be deleted");
            purged += 1;
        }
    }
    purged
}
