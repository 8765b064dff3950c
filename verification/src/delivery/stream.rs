//! A stream that loses, duplicates and reorders records, and the event source mapping that passes on the rest.

use functions::delivery::deliver_invitations::{self, BatchResponse};
use local::stream::{Mapping, Pump, Start, Stream};
use serde_json::{Value, json};
use support::{TestApp, root_file};

use super::{
    counts::{Counter, Counts},
    process::Process,
};
use support::random::Random;

/// The retries of a batch, as in `template.yaml`.
const RETRIES: usize = 3;
/// The most records in a batch.
const MAX_BATCH: usize = 25;

/// The records that wait for delivery.
pub(super) struct Buffer {
    pump: Pump,
    waiting: Vec<Value>,
    /// The highest sequence number so far.
    latest: u128,
    counts: Counts,
    random: Random,
}

/// A batch, and whether it is delivered twice.
pub(super) struct Batch {
    records: Vec<Value>,
    twice: bool,
}

impl Buffer {
    pub(super) async fn open(app: &TestApp, counts: Counts, random: Random) -> Self {
        let stream = Stream::open(&app.endpoint, &app.table, Start::TrimHorizon).await.expect("the table has a stream");
        let mapping = Mapping::of(&root_file("template.yaml"), "deliver-invitations").expect("the template maps the stream");
        Self { pump: Pump::new(stream, mapping), waiting: Vec::new(), latest: 0, counts, random }
    }

    /// Reads the stream through the template's filter. One record in 20 is lost, one in 10 is duplicated.
    pub(super) async fn fill(&mut self) {
        let mut read = Vec::new();
        let keep = async |event: Value| {
            read.extend(event["Records"].as_array().cloned().unwrap_or_default());
            Ok(json!({ "batchItemFailures": [] }))
        };
        self.pump.drain(keep).await.expect("the stream can be read");
        self.counts.add(Counter::Records, read.len());
        for record in read {
            if self.random.chance(1, 20) {
                self.counts.add(Counter::RecordsLost, 1);
                continue;
            }
            if self.random.chance(1, 10) {
                self.counts.add(Counter::RecordsDuplicated, 1);
                self.waiting.push(record.clone());
            }
            self.waiting.push(record);
        }
    }

    /// Batches of all waiting records, or of most, in random order.
    pub(super) fn batches(&mut self, all: bool) -> Vec<Batch> {
        let mut batches = Vec::new();
        let remaining = if all { 0 } else { self.waiting.len() / 5 };
        while self.waiting.len() > remaining {
            let size = (1 + self.random.below(MAX_BATCH)).min(self.waiting.len() - remaining);
            let records: Vec<Value> = (0..size).map(|_| self.waiting.swap_remove(self.random.below(self.waiting.len()))).collect();
            for record in &records {
                let number = number(record);
                if number < self.latest {
                    self.counts.add(Counter::RecordsOutOfOrder, 1);
                }
                self.latest = self.latest.max(number);
            }
            batches.push(Batch { records, twice: self.random.chance(1, 10) });
        }
        batches
    }
}

fn number(record: &Value) -> u128 {
    record["dynamodb"]["SequenceNumber"].as_str().and_then(|number| number.parse().ok()).expect("a record has a sequence number")
}

/// Invokes the function in one process with each batch. A batch is retried from the first failed record, and after a crash as a
/// whole, until its retries are used up.
pub(super) async fn process_batches(process: &mut Process, batches: Vec<Batch>, killable: bool, counts: &Counts) {
    for Batch { records, mut twice } in batches {
        let mut rest = &records[..];
        let mut tries = 0;
        while !rest.is_empty() && tries <= RETRIES {
            counts.add(Counter::BatchesRetried, usize::from(tries > 0));
            tries += 1;
            let event = Stream::event(rest).to_string();
            if let Some(Ok(answer)) = process.invoke(killable, "deliver-invitations", &event, &deliver_invitations::handle).await {
                let handled = first_failed(&answer, rest).unwrap_or(rest.len());
                tries = if handled > 0 { 1 } else { tries };
                rest = &rest[handled..];
            }
            if rest.is_empty() && std::mem::take(&mut twice) {
                (rest, tries) = (&records[..], 1);
            }
        }
        counts.add(Counter::BatchesGivenUp, usize::from(!rest.is_empty()));
    }
}

/// The index of the first failed record.
fn first_failed(answer: &BatchResponse, records: &[Value]) -> Option<usize> {
    let named = |record: &Value| {
        answer.batch_item_failures.iter().any(|failed| record["dynamodb"]["SequenceNumber"] == failed.item_identifier.as_str())
    };
    records.iter().position(named)
}
