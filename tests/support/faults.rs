//! Injects faults between the SDK and DynamoDB, or another service.
//!
//! Local engines never conflict, throttle or lose a reply, so this replaces the SDK's HTTP connector.

mod connector;
pub mod process;
mod schedule;
pub mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::{http::SharedHttpClient, orchestrator::HttpRequest};
use serde_json::Value;
use tokio::sync::Semaphore;

pub use connector::{input, operation};
use schedule::FaultSchedule;
use wire::Wire;

/// A fault of one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing.
    None,
    /// It never reaches DynamoDB.
    ConnectionRefused,
    /// It never reaches DynamoDB, and the SDK times out.
    TimedOut,
    /// DynamoDB executes it, and the reply is lost.
    ReplyLost,
    /// DynamoDB executes it and returns an internal error.
    ErrorAfterwards,
    /// An error of this type is returned at once, and nothing is executed.
    Error(u16, &'static str),
    /// The transaction is cancelled for these reasons, and nothing is executed.
    Cancelled(Vec<&'static str>),
    /// DynamoDB commits the transaction and reports a conflict, as when an earlier attempt of the same operation committed late.
    ConflictAfterwards,
    /// The same, and the report of the conflict waits at the barrier.
    LateConflict(Barrier),
    /// DynamoDB executes it, and the last byte of its reply is missing.
    TruncatedReply,
    /// No reply ever arrives.
    NoReply,
    /// It reaches DynamoDB after this time.
    Late(Duration),
    /// It reaches DynamoDB again, this long after it was executed.
    Duplicated(Duration),
    /// DynamoDB executes it, and the calling process is killed: see [`process`].
    Crash,
    /// It is acknowledged with this reply and not executed, unless it only reads. No real service does that: for seeded defects.
    Dropped(&'static str),
    /// It waits at the barrier, and then this fault is injected.
    Held(Barrier, Box<Fault>),
}

/// Holds a request until the test releases it.
#[derive(Debug, Clone)]
pub struct Barrier {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Default for Barrier {
    fn default() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }
}

impl Barrier {
    /// Waits until a request has arrived.
    pub async fn arrived(&self) {
        self.arrived.acquire().await.expect("a barrier is never closed").forget();
    }

    /// Releases one request.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.opened.acquire().await.expect("a barrier is never closed").forget();
    }
}

/// The coming faults, in order, and the requests made. Requests after the last fault succeed.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Fault>,
    transactions: VecDeque<Fault>,
    /// For all further requests.
    always: Option<Fault>,
    schedule: Option<FaultSchedule>,
    wire: Option<Arc<dyn Wire>>,
    /// The number of requests that DynamoDB has not answered yet.
    in_flight: Arc<AtomicUsize>,
    /// The operation and the JSON of each.
    requests: Vec<(String, Value)>,
}

impl Faults {
    /// Injects these into the next requests, in order.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().queue.extend(faults);
    }

    /// Injects these into the next transactions, in order, and into no other requests.
    pub fn transactions(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().transactions.extend(faults);
    }

    /// Injects this into all requests from now on.
    pub fn always(&self, fault: Fault) {
        self.lock().always = Some(fault);
    }

    /// From now on injects one of these into one request in `one_in`. `seed` determines which.
    pub fn sometimes(&self, seed: u64, one_in: u32, faults: Vec<Fault>) {
        let each = FaultSchedule::WHOLE / one_in / u32::try_from(faults.len()).expect("a few faults");
        self.schedule(seed, faults.into_iter().map(|fault| (fault, each)).collect());
    }

    /// From now on injects each of these with a chance in ten thousand. `seed` determines into which requests.
    pub fn schedule(&self, seed: u64, chances: Vec<(Fault, u32)>) {
        self.lock().schedule = Some(FaultSchedule::new(seed, chances));
    }

    /// The number of faults of the schedule that were injected.
    #[must_use]
    pub fn injected(&self) -> usize {
        self.counts().values().sum()
    }

    /// How often each fault of the schedule was injected.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.lock().schedule.as_ref().map(|schedule| schedule.injected.clone()).unwrap_or_default()
    }

    /// How many of them hit the read of a row, by the kind of its partition: the part of its key before `#`.
    #[must_use]
    pub fn counts_by_partition(&self) -> BTreeMap<String, usize> {
        self.lock().schedule.as_ref().map(|schedule| schedule.reads.clone()).unwrap_or_default()
    }

    /// From now on `wire` may change requests and replies.
    pub fn wire(&self, wire: Arc<dyn Wire>) {
        self.lock().wire = Some(wire);
    }

    /// Waits until DynamoDB has answered all requests, even those whose callers are gone.
    pub async fn wait_until_idle(&self) {
        let in_flight = Arc::clone(&self.lock().in_flight);
        while in_flight.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Removes all faults, but not the wire.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.queue.clear();
        inner.transactions.clear();
        inner.always = None;
        inner.schedule = None;
    }

    /// The number of faults that are not injected yet.
    #[must_use]
    pub fn left(&self) -> usize {
        let inner = self.lock();
        inner.queue.len() + inner.transactions.len()
    }

    /// The operations requested since the last call, every attempt counted.
    #[must_use]
    pub fn take_operations(&self) -> Vec<String> {
        self.take_requests().into_iter().map(|(operation, _)| operation).collect()
    }

    /// The operations requested since the last call, each with its JSON, every attempt counted.
    #[must_use]
    pub fn take_requests(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.lock().requests)
    }

    /// The HTTP client of `client` with these faults, for DynamoDB or another service.
    pub fn over(&self, client: &Client) -> SharedHttpClient {
        connector::over(self, client)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics in here")
    }

    fn fault_of(&self, request: &HttpRequest) -> Fault {
        let (operation, input) = (operation(request), input(request));
        let transaction = operation == "TransactWriteItems";
        let read =
            input["Key"]["pk"]["S"].as_str().filter(|_| operation == "GetItem").and_then(|pk| Some(pk.split_once('#')?.0.to_owned()));
        let mut inner = self.lock();
        let next = if transaction { inner.transactions.pop_front() } else { None };
        let next = next.or_else(|| inner.queue.pop_front()).or_else(|| inner.always.clone());
        let next = next.or_else(|| inner.schedule.as_mut().and_then(|schedule| schedule.draw(&operation, read)));
        inner.requests.push((operation, input));
        next.unwrap_or(Fault::None)
    }
}
