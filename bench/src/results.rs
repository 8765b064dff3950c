//! What one run measured: the content of its JSON file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{dynamodb::Capacity, machine::Machine, statistics::Spread};

/// The id of the floor: what the runtime alone costs.
pub const FLOOR: &str = "hello";

/// Everything that one run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where.
    pub machine: Machine,
    /// How many rounds the medians are of.
    pub rounds: u32,
    /// How many warm requests each round had.
    pub requests: u32,
    /// Whether this machine could give a process the processor share of 128 MB.
    pub throttled: bool,
    /// Each subject, in the order of the report.
    pub subjects: Vec<Measured>,
    /// What the gates say.
    pub verdicts: Vec<Verdict>,
}

impl Results {
    /// The subject of an id.
    #[must_use]
    pub fn subject(&self, id: &str) -> Option<&Measured> {
        self.subjects.iter().find(|subject| subject.id == id)
    }
}

/// What a subject is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An operation of this project that callers reach by HTTP: the gates are about it.
    Http,
    /// An operation of this project that operators or other services invoke.
    Direct,
    /// The floor, or what somebody might use instead.
    Peer,
}

/// The figures of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its short name: `describe`, or a peer's folder.
    pub id: String,
    /// Its name in full.
    pub name: String,
    /// What it is measured for.
    pub kind: Kind,
    /// What it was made with, as a peer says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// How long things take; none in a run that only gates what is repeatable.
    pub times: Option<Times>,
    /// The most memory it held, in bytes.
    pub peak_memory: Option<Spread>,
    /// Instructions in user mode.
    pub instructions: Option<Instructions>,
    /// What it asked DynamoDB; none for what asks nothing.
    pub database: Option<Database>,
    /// Bytes of the program.
    pub binary: Option<u64>,
    /// Bytes of the deployment package.
    pub zip: Option<u64>,
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// From the start of the process until it asks for an event, in ms.
    pub init_ms: Spread,
    /// The first event, in ms.
    pub first_ms: Spread,
    /// Processor time that the first event takes, in ms.
    pub first_cpu_ms: Spread,
    /// The first event with the processor share of 128 MB from then on, in ms. None where this machine cannot do that.
    pub first_at_128_mb_ms: Option<Spread>,
    /// The same without the time that the engine took: what carries over to another table.
    pub first_at_128_mb_own_ms: Option<Spread>,
    /// The median of the warm requests of a round, in µs.
    pub warm_p50_us: Spread,
    /// Their 99th percentile, in µs.
    pub warm_p99_us: Spread,
    /// Processor time per warm request, in µs.
    pub warm_cpu_us: Spread,
}

/// Instructions in user mode.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    /// From the start of the process to the first response.
    pub first: f64,
    /// Per warm request.
    pub warm: f64,
    /// How many warm requests that is the mean of.
    pub requests: u32,
}

/// What was asked of DynamoDB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// TLS handshakes before the first event.
    pub init_handshakes: u64,
    /// Requests before the first event, by operation.
    pub init_requests: BTreeMap<String, f64>,
    /// TLS handshakes during the first event.
    pub first_handshakes: u64,
    /// Requests during the first event, by operation.
    pub first_requests: BTreeMap<String, f64>,
    /// Requests per warm event, by operation.
    pub warm_requests: BTreeMap<String, f64>,
    /// Capacity per warm event.
    pub warm_capacity: Capacity,
}

/// What a rule says about a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The subject's id.
    pub subject: String,
    /// What was measured.
    pub figure: String,
    /// What came out.
    pub value: Option<f64>,
    /// What it may be at most, or has to be.
    pub bar: Option<f64>,
    /// How the bar came about, such as `4.6 x hello`.
    pub rule: String,
    /// What would be better still.
    pub stretch: Option<f64>,
    /// The rule's answer.
    pub outcome: Outcome,
    /// Whether a broken rule fails the run.
    pub binding: bool,
}

/// A rule's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Within the bar and the stretch.
    Stretch,
    /// Within the bar.
    Met,
    /// Not within the bar; or a binding rule whose figure was not measured.
    Broken,
    /// Nothing to compare with in this run.
    NotJudged,
}

impl Verdict {
    /// Whether the run has failed.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.binding && self.outcome == Outcome::Broken
    }
}
