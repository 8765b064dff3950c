//! A recorded run: its environment, its seed, its sections, and `docs/verification.md`, which is generated from them.

use std::fmt::Write;

use local::recording::Environment;
use serde::{Deserialize, Serialize};

use crate::report::{Bound, Section};

/// A recorded run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRun {
    /// The seed.
    pub seed: u64,
    /// The engine that replaced DynamoDB, with its version.
    pub engine: String,
    /// The machine, the revision and the date.
    pub environment: Environment,
    /// The duration.
    pub seconds: u64,
    /// The results.
    pub sections: Vec<Section>,
}

/// The limits of every run.
const LIMITS: &str = "\
- The engine is not DynamoDB. It never reports conflicts, never throttles and never loses a reply: faults, duplicates and delays are \
injected between it and the SDK. DynamoDB's documented guarantees for transactions, conditions, request tokens and strongly consistent \
reads are assumed.
- A delayed copy of a refused transaction is executed if its conditions hold by the time it arrives: DynamoDB remembers the request \
token of a committed transaction, not of a refused one. This needs a request that is delayed for longer than the SDK waits, and a retry \
that is refused meanwhile. The caller receives a conflict, yet the invitation exists. Copies are injected only for committed \
transactions.
- The seed determines the calls, the faults and the clock's jumps, but not how threads interleave: a history found in one run may not \
recur in another. The message of a violation contains the whole history.
- Histories are small: small ones expose more errors and can be searched completely. No violation was found; that is evidence, not \
a mathematical proof. The model check is exhaustive for its model of the protocol, within its bounds.
- SES and EventBridge are stand-ins that follow their documentation. Nothing here has run on AWS.
- All processes of a history share one clock. The tests in `tests/concurrency` cover processes whose clocks differ.
";

impl RecordedRun {
    /// All figures out of bounds, and all violations.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.sections.iter().flat_map(Section::failures).collect()
    }

    /// The document.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Environment { processor, cores, kernel, rustc, revision, date } = &self.environment;
        let mut text = format!(
            "# Verification\n\n`make verify` writes this page. Every figure was counted by that run. A run fails if a figure is out of its bounds.\n\n\
             {date}, revision {revision}, seed {seed}, {minutes} minutes. {engine}; {processor}, {cores} cores, Linux {kernel}, {rustc}.\n",
            seed = self.seed,
            minutes = self.seconds.div_ceil(60),
            engine = self.engine,
        );
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n{}\n\n| | counted | required |\n|---|--:|---|\n", section.title, section.how);
            for figure in &section.figures {
                let _ = writeln!(text, "| {} | {} | {} |", figure.what, grouped(figure.value), required(figure.bound));
            }
            for violation in &section.violations {
                let _ = write!(text, "\n```\n{violation}\n```\n");
            }
        }
        let _ = write!(text, "\n## Limits\n\n{LIMITS}");
        text
    }
}

fn required(bound: Bound) -> String {
    match bound {
        Bound::Any => String::new(),
        Bound::AtLeast(min) => format!("{} or more", grouped(min)),
        Bound::AtMost(max) => format!("{} or less", grouped(max)),
        Bound::Exactly(expected) => grouped(expected),
    }
}

/// Formats a number with commas between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
