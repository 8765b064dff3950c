//! Consumes the table's stream: the first attempt to send emails and publish events.
//!
//! Only the invitation's key is read from a record. The stored invitation determines what is due, so records may arrive twice, late
//! and in any order.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use shared::store::{InvitationKey, StoreError};

use crate::delivery::{
    courier::Courier,
    worker::{Failed, parse},
};

/// How many invitations are processed concurrently.
const CONCURRENCY: usize = 8;
/// No invitation is started after this time, so that all started ones finish before the function's timeout.
const START_DEADLINE: Duration = Duration::from_secs(45);

/// The records that Lambda must retry.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// Lambda continues with the first of them.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A failed record.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The record's sequence number.
    pub item_identifier: String,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    dynamodb: Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: Keys,
    sequence_number: String,
}

#[derive(Deserialize)]
struct Keys {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

/// Processes every invitation of a batch. If the table fails, the affected records are retried.
///
/// # Errors
/// If the event is not a batch of stream records.
pub async fn handle(courier: &Courier, event: &str) -> Result<BatchResponse, Failed> {
    let batch: Batch = parse(event, "a batch of DynamoDB stream records")?;
    // Each invitation is processed once for all of its records. If that fails, the first of them is retried.
    let mut due: BTreeMap<InvitationKey, String> = BTreeMap::new();
    for Record { dynamodb: Change { keys, sequence_number } } in batch.records {
        if let Some(key) = InvitationKey::parse(&keys.pk.text, &keys.sk.text) {
            due.entry(key).or_insert(sequence_number);
        }
    }
    let deadline = Instant::now() + START_DEADLINE;
    let late = || StoreError::Unavailable { cause: format!("not started within {START_DEADLINE:?}") };
    let failures = stream::iter(due).map(|(key, record)| async move {
        let in_time = Instant::now() < deadline;
        let result = if in_time { courier.process_due(&key).await } else { Err(late()) };
        let failed = result.err()?;
        tracing::error!(account = key.account.as_str(), invitation = %key.id, cause = %failed, "not processed");
        Some(BatchItemFailure { item_identifier: record })
    });
    let mut batch_item_failures: Vec<_> = failures.buffer_unordered(CONCURRENCY).filter_map(async |failure| failure).collect().await;
    batch_item_failures.sort();
    Ok(BatchResponse { batch_item_failures })
}
