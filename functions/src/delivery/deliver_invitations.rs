//! What the table's stream rings for: the first attempt at mails and events.
//!
//! Nothing is read off a record but which invitation it is about. The invitation says itself what is to be done, so records
//! may come twice, late and in any order.

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

/// How many invitations are settled at once.
const AT_ONCE: usize = 8;
/// After so long none is begun: what has been begun can be finished before the function's limit.
const BEGUN_WITHIN: Duration = Duration::from_secs(45);

/// Which records are to come again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// Lambda goes on from the first of them.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One record.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its sequence number.
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

/// Settles every invitation of a batch of records. Those that could not be, for want of the table, are to come again.
///
/// # Errors
/// When the event is no batch of the stream.
pub async fn handle(courier: &Courier, event: &str) -> Result<BatchAnswer, Failed> {
    let batch: Batch = parse(event, "a batch of DynamoDB stream records")?;
    // One settling does for all records of an invitation; when it fails, the first of them comes again.
    let mut due: BTreeMap<InvitationKey, String> = BTreeMap::new();
    for Record { dynamodb: Change { keys, sequence_number } } in batch.records {
        if let Some(key) = InvitationKey::parse(&keys.pk.text, &keys.sk.text) {
            due.entry(key).or_insert(sequence_number);
        }
    }
    let until = Instant::now() + BEGUN_WITHIN;
    let late = || StoreError::Unavailable { cause: format!("not started within {BEGUN_WITHIN:?}") };
    let settled = stream::iter(due).map(|(key, record)| async move {
        let in_time = Instant::now() < until;
        let settled = if in_time { courier.process_due(&key).await } else { Err(late()) };
        let failed = settled.err()?;
        tracing::error!(account = key.account.as_str(), invitation = %key.id, cause = %failed, "not settled");
        Some(BatchItemFailure { item_identifier: record })
    });
    let mut batch_item_failures: Vec<_> = settled.buffer_unordered(AT_ONCE).filter_map(async |failure| failure).collect().await;
    batch_item_failures.sort();
    Ok(BatchAnswer { batch_item_failures })
}
