//! The service, broken on purpose: each rule of its writes is taken away on the wire, one at a time, and the histories must
//! show it. If they do not, the verification has become blind.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use support::faults::wire::Wire;

use crate::{
    histories::{
        run_shape,
        shape::{CROWD, EXPIRY, QUOTA, Shape},
    },
    report::{Bound, Scale, Section},
};

/// A rule that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// An address's lock is taken whoever holds it.
    NoLockCondition,
    /// An operation does not find its own id, in whatever it reads.
    NoSelfRecognition,
    /// Accepting, declining and revoking do not need the lock.
    NoFence,
    /// The answer of an idempotency key is kept by a write of its own, after its effect.
    KeptOutside,
    /// An invitation is changed whatever has become of it since it was read.
    NoRevision,
    /// A sending is counted, but never refused.
    NoQuotaCondition,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::NoLockCondition, Self::NoSelfRecognition, Self::NoFence, Self::KeptOutside, Self::NoRevision, Self::NoQuotaCondition];

    /// What is wrong with it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoLockCondition => "no lock condition",
            Self::NoSelfRecognition => "no self-recognition",
            Self::NoFence => "no fence at accept",
            Self::KeptOutside => "idempotency record outside the transaction",
            Self::NoRevision => "no revision condition",
            Self::NoQuotaCondition => "no quota condition",
        }
    }

    /// The histories that are made for such a mistake.
    fn shape(self) -> Shape {
        match self {
            Self::NoLockCondition | Self::NoSelfRecognition | Self::KeptOutside | Self::NoRevision => CROWD,
            Self::NoFence => EXPIRY,
            Self::NoQuotaCondition => QUOTA,
        }
    }

    /// Breaks one write of a transaction.
    fn break_write(self, write: &mut Map<String, Value>) {
        let Some((kind, write)) = write.iter_mut().next() else { return };
        let key = if kind == "Put" { &write["Item"]["sk"]["S"] } else { &write["Key"]["sk"]["S"] };
        let of = key.as_str().unwrap_or_default().split('#').next().unwrap_or_default().to_owned();
        let broken = match self {
            Self::NoLockCondition => ("Put", "P"),
            Self::NoFence => ("Delete", "P"),
            Self::NoRevision => ("Update", "I"),
            Self::NoQuotaCondition => ("Update", "Q"),
            Self::NoSelfRecognition | Self::KeptOutside => return,
        };
        if (kind.as_str(), of.as_str()) == broken {
            unconditioned(write);
        }
    }
}

impl Wire for Mutant {
    fn request(&self, operation: &str, input: &mut Value) -> Option<(&'static str, Value)> {
        if operation != "TransactWriteItems" {
            return None;
        }
        let mut also = None;
        for item in input["TransactItems"].as_array_mut()? {
            let kept = item["Put"]["Item"]["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("K#"));
            if kept && *self == Self::KeptOutside {
                let put = &item["Put"];
                also = Some(("PutItem", json!({ "TableName": put["TableName"], "Item": put["Item"] })));
                // Something that never fails takes its place among the parts.
                let key = json!({ "pk": put["Item"]["pk"], "sk": put["Item"]["sk"] });
                *item = json!({ "ConditionCheck": { "TableName": put["TableName"], "Key": key, "ConditionExpression": "attribute_not_exists(nothing)" } });
            } else if let Some(write) = item.as_object_mut() {
                self.break_write(write);
            }
        }
        also
    }

    fn reply(&self, _: &str, output: &mut Value) {
        if *self != Self::NoSelfRecognition {
            return;
        }
        let reasons = output["CancellationReasons"].as_array_mut().into_iter().flatten().map(|reason| &mut reason["Item"]);
        for item in reasons {
            forget(item);
        }
        forget(&mut output["Item"]);
    }
}

/// Hides which operations a row has seen.
fn forget(item: &mut Value) {
    let Some(item) = item.as_object_mut() else { return };
    if let Some(operations) = item.get_mut("ops") {
        *operations = json!({ "SS": ["somebodyelse"] });
    }
    item.remove("op");
}

/// Takes the condition from a write, and the placeholders that nothing else uses.
fn unconditioned(write: &mut Value) {
    let expression = write["UpdateExpression"].as_str().unwrap_or_default().to_owned();
    let words: Vec<&str> = expression.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '#' | ':' | '_'))).collect();
    let Some(write) = write.as_object_mut() else { return };
    write.remove("ConditionExpression");
    for placeholders in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        if let Some(Value::Object(map)) = write.get_mut(placeholders) {
            map.retain(|name, _| words.contains(&name.as_str()));
            if map.is_empty() {
                write.remove(placeholders);
            }
        }
    }
}

/// How many histories it takes until one cannot be explained; `None` if `most` do not.
pub async fn caught_after(mutant: Mutant, seed: u64, most: u64) -> Option<u64> {
    const BATCH: u64 = 8;
    for batch in 0..most.div_ceil(BATCH) {
        let tally = run_shape(mutant.shape(), seed + batch, BATCH, Some(Arc::new(mutant))).await;
        if !tally.violations.is_empty() {
            return Some((batch + 1) * BATCH);
        }
    }
    None
}

/// All mutants.
pub async fn run(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Mutants that must be caught",
        "The same histories over a service whose requests and replies are changed on the wire so that it breaks one of its rules. \
         Each must lead to a history that the model cannot explain. The figures are the histories that it took, in steps of eight.",
    );
    let mut caught = 0;
    for mutant in Mutant::ALL {
        let after = caught_after(mutant, scale.seed, scale.of(160, 800)).await;
        match after {
            Some(histories) => {
                caught += 1;
                section.figure(&format!("histories until caught: {}", mutant.name()), histories, Bound::Any);
            }
            None => section.violations.push(format!("not caught: {}", mutant.name())),
        }
    }
    section.figure("mutants", Mutant::ALL.len() as u64, Bound::Any);
    section.figure("mutants caught", caught, Bound::Exactly(Mutant::ALL.len() as u64));
    section
}
