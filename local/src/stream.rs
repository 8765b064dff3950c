//! The table's stream, read as Lambda reads it: [`Stream`] returns records in the format of Lambda's events, and a [`Pump`]
//! invokes a function with them by the event source mapping of `template.yaml`.

mod mapping;
mod pump;
mod record;

use std::fmt;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodbstreams::{Client, operation::get_records::GetRecordsOutput, types::ShardIteratorType};
use serde_json::{Value, json};

use crate::client::{self, reason};

pub use mapping::Mapping;
pub use pump::Pump;

/// Where reading starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record.
    TrimHorizon,
    /// With the next record written.
    Latest,
    /// With the record after this sequence number.
    After(String),
}

/// A reader of the stream of one table.
#[derive(Debug)]
pub struct Stream {
    client: Client,
    arn: String,
    shard: String,
    /// The position. None after the end of the stream.
    iterator: Option<String>,
}

impl Stream {
    /// Opens the stream of the table `table` in the engine at `endpoint`.
    ///
    /// # Errors
    /// When the table has no stream, the stream has several shards (local engines take hours to create a second one), or the
    /// engine does not answer.
    pub async fn open(endpoint: &str, table: &str, start: Start) -> Result<Self, StreamError> {
        let described = client::for_endpoint(endpoint).describe_table().table_name(table).send().await.map_err(|e| failed(&e))?;
        let arn = described.table.and_then(|table| table.latest_stream_arn);
        let arn = arn.ok_or_else(|| StreamError(format!("the table {table} has no stream")))?;
        let client = client::streams_for_endpoint(endpoint);
        let described = client.describe_stream().stream_arn(&arn).send().await.map_err(|e| failed(&e))?;
        let shards = described.stream_description.and_then(|stream| stream.shards).unwrap_or_default();
        let [shard] = &shards[..] else {
            return Err(StreamError(format!("the stream of {table} has {} shards instead of one", shards.len())));
        };
        let shard = shard.shard_id.clone().unwrap_or_default();
        let mut stream = Self { client, arn, shard, iterator: None };
        stream.go_to(start).await?;
        Ok(stream)
    }

    async fn go_to(&mut self, start: Start) -> Result<(), StreamError> {
        let iterator = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(&self.shard);
        let iterator = match start {
            Start::TrimHorizon => iterator.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Start::Latest => iterator.shard_iterator_type(ShardIteratorType::Latest),
            Start::After(number) => iterator.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number),
        };
        self.iterator = iterator.send().await.map_err(|e| failed(&e))?.shard_iterator;
        Ok(())
    }

    /// The next records, at most `limit`, each as in a Lambda event. Empty if there are no more for now.
    ///
    /// # Errors
    /// When the stream has ended, or the engine fails. The same records can be read again.
    pub async fn next_batch(&mut self, limit: u16) -> Result<Vec<Value>, StreamError> {
        let batch = match self.get(limit).await? {
            Some(batch) => batch,
            // The next record was purged. DynamoDB Local also reports this at the start of an empty stream.
            None => {
                self.go_to(Start::TrimHorizon).await?;
                self.get(limit).await?.ok_or_else(|| StreamError("the stream is purged faster than it is read".into()))?
            }
        };
        let records = batch.records.unwrap_or_default().iter().map(|r| record::json(r, &self.arn)).collect();
        self.iterator = batch.next_shard_iterator;
        Ok(records)
    }

    /// The next batch, or none if it was purged.
    async fn get(&self, limit: u16) -> Result<Option<GetRecordsOutput>, StreamError> {
        let iterator = self.iterator.as_ref().ok_or_else(|| StreamError("the stream has ended".into()))?;
        match self.client.get_records().shard_iterator(iterator).limit(limit.into()).send().await {
            Ok(batch) => Ok(Some(batch)),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_trimmed_data_access_exception()) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// The Lambda event for these records.
    #[must_use]
    pub fn event(records: &[Value]) -> Value {
        json!({ "Records": records })
    }
}

/// The sequence number of a record of [`Stream::next_batch`].
fn sequence_number(record: &Value) -> &str {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default()
}

fn failed<E: std::error::Error + ProvideErrorMetadata>(error: &E) -> StreamError {
    StreamError(reason(error))
}

/// Why the stream cannot be read: a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamError(String);

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StreamError {}

#[cfg(test)]
mod tests;
