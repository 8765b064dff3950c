//! Hands the records of a stream to a function, as Lambda's event source mapping does.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{Mapping, Stream, StreamError, sequence_number};

/// How long to wait before a batch is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads a stream and hands on what its mapping lets pass, in order, until the function has handled it.
///
/// It differs from Lambda in one thing: when the tries are used up it drops the first record that failed, and not all that came
/// with it. That is where Lambda ends up when it halves batches.
#[derive(Debug)]
pub struct Pump {
    stream: Stream,
    mapping: Mapping,
    pause: Duration,
    /// What was read and let pass, and is not yet handled.
    batch: Vec<Value>,
    /// How often in a row its first record has failed.
    failures: u32,
    /// The last record that was read.
    read: Option<String>,
    handled: Option<String>,
    dropped: Vec<String>,
}

impl Pump {
    /// A pump that goes on where `stream` stands.
    #[must_use]
    pub fn new(stream: Stream, mapping: Mapping) -> Self {
        Self { stream, mapping, pause: PAUSE, batch: Vec::new(), failures: 0, read: None, handled: None, dropped: Vec::new() }
    }

    /// Another pause before a batch is tried again.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// The sequence number up to which everything is handled, skipped or dropped. Nothing, as long as nothing was read.
    #[must_use]
    pub fn handled(&self) -> Option<&str> {
        self.handled.as_deref()
    }

    /// The sequence numbers of the records that were dropped.
    #[must_use]
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// Hands on records until the stream has no more.
    ///
    /// # Errors
    /// When the stream cannot be read. What the function has not handled is kept for the next call.
    pub async fn drain(&mut self, mut invoke: impl AsyncFnMut(Value) -> Result<Value, String>) -> Result<(), StreamError> {
        while self.step(&mut invoke).await? {}
        Ok(())
    }

    /// Reads one batch, unless there is one left, and invokes the function with it once. False, when the stream had no more.
    /// `invoke` gets the event and comes to the function's answer, or to the reason why there is none.
    ///
    /// # Errors
    /// As [`Self::drain`].
    pub async fn step(&mut self, mut invoke: impl AsyncFnMut(Value) -> Result<Value, String>) -> Result<bool, StreamError> {
        if self.batch.is_empty() {
            let records = self.stream.next_batch(self.mapping.batch_size).await?;
            let Some(last) = records.last() else { return Ok(false) };
            self.read = Some(sequence_number(last).to_owned());
            self.batch = records.into_iter().filter(|record| self.mapping.lets_pass(record)).collect();
        }
        if !self.batch.is_empty() {
            let answer = invoke(Stream::event(&self.batch)).await;
            self.settle(answer).await;
        }
        if self.batch.is_empty() {
            self.handled.clone_from(&self.read);
        }
        Ok(true)
    }

    /// Takes out of the batch what the function has handled.
    async fn settle(&mut self, answer: Result<Value, String>) {
        let (handled, reason) = match &answer {
            Ok(answer) if self.mapping.reports_failures => (first_failure(answer, &self.batch), "the function reported it".to_owned()),
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
            eprintln!("The record {number} of the stream failed {} times and is dropped: {reason}.", self.failures);
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

/// The place of the lowest record that the answer names, if it names any. An answer that is not of the right shape, or names a
/// record that was not in the batch, fails all of it.
fn first_failure(answer: &Value, batch: &[Value]) -> Option<usize> {
    let failures = match answer {
        Value::Null => return None,
        Value::Object(fields) => match fields.get("batchItemFailures") {
            None if fields.is_empty() => return None,
            Some(Value::Null) => return None,
            Some(Value::Array(failures)) => failures,
            _ => return Some(0),
        },
        _ => return Some(0),
    };
    let place = |failure: &Value| {
        let number = failure.get("itemIdentifier")?.as_str()?;
        batch.iter().position(|record| sequence_number(record) == number)
    };
    failures.iter().map(|failure| place(failure).unwrap_or(0)).min()
}
