//! One verification run: all sections of one run, where and from what they came, and `docs/verification.md`, which shows them.

use std::fmt::Write;

use local::recording::Environment;
use serde::{Deserialize, Serialize};

use crate::report::{Bound, Section};

/// One verification run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRun {
    /// What decided the choices.
    pub seed: u64,
    /// The engine that stood in for DynamoDB, with its version.
    pub engine: String,
    /// Where and when.
    pub environment: Environment,
    /// How long it took.
    pub seconds: u64,
    /// What was found.
    pub sections: Vec<Section>,
}

/// What no run can show.
const LIMITS: &str = "\
- The engine is no DynamoDB. It never conflicts, throttles or loses a reply by itself: those are injected between it and the SDK, \
as are duplicates and delays. What DynamoDB documents of transactions, conditions, request tokens and strongly consistent reads is \
taken for granted.
- A transaction that was refused and arrives once more later, when nothing stands in its way any longer, is carried out then: its \
token is remembered for what was done, not for what was refused. It takes a request that is held up for longer than the SDK waits, and \
a retry of it that is refused meanwhile. The caller was told a conflict; the invitation exists. Copies are injected only of what was \
carried out.
- The seed decides the calls, the faults and the jumps of the clock, not how threads take turns: a history found in one run may not \
come again in another. What it takes to understand it is in the message.
- Histories are small, because small ones show more of what goes wrong and can be searched whole. What was tried found nothing; that \
is evidence, not a proof in the mathematical sense. The small-scope check is exhaustive for its model of the protocol, within its \
bounds.
- SES and EventBridge are stand-ins that answer as documented. Nothing here has run on AWS.
- Clocks of one history jump for all of its processes together. Processes whose clocks differ are tried in the tests of \
`tests/concurrency`.
";

impl RecordedRun {
    /// What is not as it must be.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.sections.iter().flat_map(Section::broken).collect()
    }

    /// As a document.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Environment { processor, cores, kernel, rustc, revision, date } = &self.environment;
        let mut text = format!(
            "# Verification\n\nWritten by `make verify`; every figure was counted by that run. A run fails if a figure is not what it must be.\n\n\
             {date}, revision {revision}, seed {seed}, {minutes} minutes. {engine}; {processor}, {cores} cores, Linux {kernel}, {rustc}.\n",
            seed = self.seed,
            minutes = self.seconds.div_ceil(60),
            engine = self.engine,
        );
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n{}\n\n| | counted | must be |\n|---|--:|---|\n", section.title, section.how);
            for figure in &section.figures {
                let _ = writeln!(text, "| {} | {} | {} |", figure.what, grouped(figure.value), must_be(figure.bound));
            }
            for violation in &section.violations {
                let _ = write!(text, "\n```\n{violation}\n```\n");
            }
        }
        let _ = write!(text, "\n## What this cannot show\n\n{LIMITS}");
        text
    }
}

fn must_be(bound: Bound) -> String {
    match bound {
        Bound::Any => String::new(),
        Bound::AtLeast(least) => format!("{} or more", grouped(least)),
        Bound::AtMost(most) => format!("{} or less", grouped(most)),
        Bound::Exactly(just) => grouped(just),
    }
}

/// With commas between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (environment, digit) in digits.chars().enumerate() {
        if environment > 0 && (digits.len() - environment).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
