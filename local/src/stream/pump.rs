//! Invokes a function with the records of a stream, as Lambda's event source mapping does.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{Mapping, Stream, StreamError, sequence_number};

/// The pause before a batch is retried.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads a stream and passes the records that match its mapping to a function, in order, until the function has handled them.
///
/// It differs from Lambda in one respect: after the last retry it drops the first failed record, not the whole batch. Lambda
/// has the same result when it halves batches.
#[derive(Debug)]
pub struct Pump {
    stream: Stream,
    mapping: Mapping,
    pause: Duration,
    /// Matching records that are not yet handled.
    batch: Vec<Value>,
    /// Consecutive failures of its first record.
    failures: u32,
    /// The last record that was read.
    read: Option<String>,
    handled: Option<String>,
    dropped: Vec<String>,
}

impl Pump {
    /// A pump that continues at the position of `stream`.
    #[must_use]
    pub fn new(stream: Stream, mapping: Mapping) -> Self {
        Self { stream, mapping, pause: PAUSE, batch: Vec::new(), failures: 0, read: None, handled: None, dropped: Vec::new() }
    }

    /// Replaces the pause before a retry.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// The sequence number up to which everything is handled, skipped or dropped. None before the first read.
    #[must_use]
    pub fn handled(&self) -> Option<&str> {
        self.handled.as_deref()
    }

    /// The sequence numbers of the records that were dropped.
    #[must_use]
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// Invokes the function until the stream has no more records.
    ///
    /// # Errors
    /// When the stream cannot be read. Unhandled records are kept for the next call.
    pub async fn drain(&mut self, mut invoke: impl AsyncFnMut(Value) -> Result<Value, String>) -> Result<(), StreamError> {
        while self.step(&mut invoke).await? {}
        Ok(())
    }

    /// Reads a batch, unless one is pending, and invokes the function with it once. False if the stream had no more records.
    /// `invoke` gets the event and returns the function's response, or the reason why there is none.
    ///
    /// # Errors
    /// As [`Self::drain`].
    pub async fn step(&mut self, mut invoke: impl AsyncFnMut(Value) -> Result<Value, String>) -> Result<bool, StreamError> {
        if self.batch.is_empty() {
            let records = self.stream.next_batch(self.mapping.batch_size).await?;
            let Some(last) = records.last() else { return Ok(false) };
            self.read = Some(sequence_number(last).to_owned());
            self.batch = records.into_iter().filter(|record| self.mapping.matches(record)).collect();
        }
        if !self.batch.is_empty() {
            let response = invoke(Stream::event(&self.batch)).await;
            self.apply(response).await;
        }
        if self.batch.is_empty() {
            self.handled.clone_from(&self.read);
        }
        Ok(true)
    }

    /// Removes the handled records from the batch.
    async fn apply(&mut self, response: Result<Value, String>) {
        let (handled, reason) = match &response {
            Ok(response) if self.mapping.reports_failures => (first_failure(response, &self.batch), "the function reported it".to_owned()),
            Ok(_) => (None, String::new()),
            Err(reason) => (Some(0), reason.clone()),
        };
        let Some(handled) = handled else {
            self.batch.clear();
            self.failures = 0;
            return;
        };
        if handled > 0 {
            self.take(handled);
            self.failures = 0;
        }
        self.failures += 1;
        if self.mapping.retries.is_some_and(|most| self.failures > most) {
            let number = self.batch.first().map(sequence_number).unwrap_or_default().to_owned();
            eprintln!("The stream record {number} failed {} times and is dropped: {reason}.", self.failures);
            self.dropped.push(number);
            self.take(1);
            self.failures = 0;
        } else {
            sleep(self.pause).await;
        }
    }

    fn take(&mut self, count: usize) {
        if let Some(last) = self.batch.drain(..count).next_back() {
            self.handled = Some(sequence_number(&last).to_owned());
        }
    }
}

/// The index of the first record that the response names, if any. A malformed response, or one that names a record outside
/// the batch, fails the whole batch.
fn first_failure(response: &Value, batch: &[Value]) -> Option<usize> {
    let failures = match response {
        Value::Null => return None,
        Value::Object(fields) => match fields.get("batchItemFailures") {
            None if fields.is_empty() => return None,
            Some(Value::Null) => return None,
            Some(Value::Array(failures)) => failures,
            _ => return Some(0),
        },
        _ => return Some(0),
    };
    let index = |failure: &Value| {
        let number = failure.get("itemIdentifier")?.as_str()?;
        batch.iter().position(|record| sequence_number(record) == number)
    };
    failures.iter().map(|failure| index(failure).unwrap_or(0)).min()
}
