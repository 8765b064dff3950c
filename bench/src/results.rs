//! The figures of one run: the content of its JSON file. Renamed fields keep their names in the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{dynamodb::Capacity, machine::Machine, statistics::Spread};

/// The ID of the reference: a hello world, whose costs are those of the runtime alone.
pub const REFERENCE: &str = "hello";

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The machine.
    pub machine: Machine,
    /// The number of rounds.
    pub rounds: u32,
    /// The warm requests per round.
    pub requests: u32,
    /// Whether this machine could limit a process to the processor share of 128 MB.
    pub throttled: bool,
    /// The targets, in the order of the report.
    #[serde(rename = "subjects")]
    pub targets: Vec<Measured>,
    /// The capacity of each step in the life of an invitation, by its name.
    #[serde(default)]
    pub steps: BTreeMap<String, Capacity>,
    /// The verdicts of the budgets.
    pub verdicts: Vec<Verdict>,
}

impl Results {
    /// The target with this ID.
    #[must_use]
    pub fn target(&self, id: &str) -> Option<&Measured> {
        self.targets.iter().find(|target| target.id == id)
    }
}

/// The kind of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An HTTP operation of this project.
    Http,
    /// An operation of this project that operators or other services invoke.
    Direct,
    /// The reference, or an alternative to this project.
    #[serde(rename = "peer")]
    Alternative,
}

/// The figures of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its ID: `describe`, or an alternative's folder.
    pub id: String,
    /// Its full name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The versions of an alternative's tools and libraries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// Times; none in a run that only measures repeatable figures.
    pub times: Option<Times>,
    /// Peak memory, in bytes.
    pub peak_memory: Option<Spread>,
    /// Peak memory after all warm requests, relative to that after half of them: 1 if nothing accumulates.
    #[serde(default)]
    pub memory_growth: Option<Spread>,
    /// Instructions in user mode.
    pub instructions: Option<Instructions>,
    /// DynamoDB requests; none for a target without any.
    pub database: Option<Database>,
    /// Size of the program, in bytes.
    pub binary: Option<u64>,
    /// Size of the deployment package, in bytes.
    pub zip: Option<u64>,
}

/// The times of a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// From the start of the process to its request for an event, in ms.
    pub init_ms: Spread,
    /// The first event, in ms.
    pub first_ms: Spread,
    /// Processor time of the first event, in ms.
    pub first_cpu_ms: Spread,
    /// The first event with the processor share of 128 MB, in ms. None if this machine does not support that.
    pub first_at_128_mb_ms: Option<Spread>,
    /// The same without the engine's time, which would differ with DynamoDB.
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
    /// The number of warm requests.
    pub requests: u32,
}

/// Requests to DynamoDB.
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

/// The result of a rule for a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The target's ID.
    #[serde(rename = "subject")]
    pub target: String,
    /// The name of the figure.
    pub figure: String,
    /// The measured value.
    pub value: Option<f64>,
    /// The limit, or the exact value for an exact rule.
    #[serde(rename = "bar")]
    pub limit: Option<f64>,
    /// How the limit is defined, such as `≤ 4.6 x hello`.
    pub rule: String,
    /// The goal, which is stricter than the limit.
    #[serde(rename = "stretch")]
    pub goal: Option<f64>,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether a failed rule fails the run.
    #[serde(rename = "binding")]
    pub enforced: bool,
}

/// The outcome of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Within the goal.
    #[serde(rename = "stretch")]
    GoalReached,
    /// Within the limit.
    #[serde(rename = "met")]
    Passed,
    /// Outside the limit, or an enforced rule without a figure.
    #[serde(rename = "broken")]
    Failed,
    /// Without anything to compare with.
    #[serde(rename = "not-judged")]
    NotEvaluated,
}

impl Verdict {
    /// Whether it fails the run.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.enforced && self.outcome == Outcome::Failed
    }
}
