//! Seeded defects of the service: one of its rules is removed on the wire at a time, and the histories must show a violation. The rules of
//! a token's verification are not on the wire: there a second verifier omits one at a time, and the inputs of the fuzzer must show it.
//! A seeded defect that is not detected means that the verification no longer detects defects of its kind.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use support::faults::wire::Wire;

use crate::{
    fuzz::{Rule, inputs_until_omissions_show},
    histories::{
        callers::{ISSUER_URLS, all_keys},
        fixture::ACCOUNTS,
        profile::{CONTENTION, EXPIRY, Profile, QUOTA, SEQUENTIAL},
        run_profile,
    },
    report::{Bound, Scale, Section},
};

/// A rule that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Locks an address even if another invitation holds its lock.
    NoLockCondition,
    /// An operation never finds its own id in the rows that it reads.
    NoOwnCommitDetection,
    /// Accept, decline and revoke do not require the lock.
    NoLockRequired,
    /// The response is stored by a separate write after its effect.
    RecordOutsideTransaction,
    /// A repeated bulk does not find the record of its key.
    NoBulkRecord,
    /// A stored response does not remember that its caller got a link.
    LinkForgotten,
    /// A change ignores that the invitation changed since it was read.
    NoRevision,
    /// The quota is counted but not enforced.
    NoQuotaCondition,
    /// Keys of an issuer are accepted although it no longer publishes them.
    RemovedKeysAccepted,
    /// Tokens of one issuer are verified with the keys of another.
    KeysOfAnotherIssuer,
    /// A token reaches another account than the one that it names.
    AnotherAccount,
    /// A person's list of own invitations misses those of an account.
    ListWithoutAccount,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoLockCondition,
        Self::NoOwnCommitDetection,
        Self::NoLockRequired,
        Self::RecordOutsideTransaction,
        Self::NoBulkRecord,
        Self::LinkForgotten,
        Self::NoRevision,
        Self::NoQuotaCondition,
        Self::RemovedKeysAccepted,
        Self::KeysOfAnotherIssuer,
        Self::AnotherAccount,
        Self::ListWithoutAccount,
    ];

    /// Its name in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoLockCondition => "no lock condition",
            Self::NoOwnCommitDetection => "operations do not detect their own commit",
            Self::NoLockRequired => "accept does not require the lock",
            Self::RecordOutsideTransaction => "idempotency record outside the transaction",
            Self::NoBulkRecord => "no condition of the record of a bulk",
            Self::LinkForgotten => "a repeated request does not return its link",
            Self::NoRevision => "no revision condition",
            Self::NoQuotaCondition => "no quota condition",
            Self::RemovedKeysAccepted => "removed keys are accepted",
            Self::KeysOfAnotherIssuer => "keys of another issuer are accepted",
            Self::AnotherAccount => "a token reaches another account",
            Self::ListWithoutAccount => "own invitations of an account are missing",
        }
    }

    /// The histories that can expose it.
    fn profile(self) -> Profile {
        match self {
            Self::NoLockRequired => EXPIRY,
            Self::NoQuotaCondition => QUOTA,
            Self::RemovedKeysAccepted | Self::KeysOfAnotherIssuer | Self::AnotherAccount | Self::ListWithoutAccount => SEQUENTIAL,
            Self::NoLockCondition | Self::NoOwnCommitDetection | Self::RecordOutsideTransaction => CONTENTION,
            Self::NoBulkRecord | Self::LinkForgotten | Self::NoRevision => CONTENTION,
        }
    }

    /// Removes the rule from one write of a transaction.
    fn apply(self, write: &mut Map<String, Value>) {
        let Some((kind, write)) = write.iter_mut().next() else { return };
        let key = if kind == "Put" { &write["Item"]["sk"]["S"] } else { &write["Key"]["sk"]["S"] };
        let of = key.as_str().unwrap_or_default().split('#').next().unwrap_or_default().to_owned();
        let target = match self {
            Self::NoLockCondition => ("Put", "P"),
            Self::NoLockRequired => ("Delete", "P"),
            Self::NoBulkRecord => ("Put", "K"),
            Self::NoRevision => ("Update", "I"),
            Self::NoQuotaCondition => ("Update", "Q"),
            _ => return,
        };
        // A stored response has no seed.
        let concerned = self != Self::NoBulkRecord || write["Item"]["seed"].is_object();
        if (kind.as_str(), of.as_str()) == target && concerned {
            remove_condition(write);
        }
    }
}

impl Wire for Defect {
    fn request(&self, operation: &str, input: &mut Value) -> Option<(&'static str, Value)> {
        if operation != "TransactWriteItems" {
            return None;
        }
        let mut also = None;
        for item in input["TransactItems"].as_array_mut()? {
            let is_record = item["Put"]["Item"]["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("K#"));
            if is_record && *self == Self::LinkForgotten {
                item["Put"]["Item"].as_object_mut()?.remove("link");
            }
            if is_record && *self == Self::RecordOutsideTransaction {
                let put = &item["Put"];
                also = Some(("PutItem", json!({ "TableName": put["TableName"], "Item": put["Item"] })));
                // A check that always holds takes its place, so that the other writes keep theirs.
                let key = json!({ "pk": put["Item"]["pk"], "sk": put["Item"]["sk"] });
                *item = json!({ "ConditionCheck": { "TableName": put["TableName"], "Key": key, "ConditionExpression": "attribute_not_exists(nothing)" } });
            } else if let Some(write) = item.as_object_mut() {
                self.apply(write);
            }
        }
        also
    }

    fn reply(&self, operation: &str, output: &mut Value) {
        match self {
            Self::NoOwnCommitDetection => {
                let reasons = output["CancellationReasons"].as_array_mut().into_iter().flatten().map(|reason| &mut reason["Item"]);
                for item in reasons {
                    hide_operations(item);
                }
                hide_operations(&mut output["Item"]);
            }
            Self::RemovedKeysAccepted => replace_keys(&mut output["Item"], |issuer| issuer),
            Self::KeysOfAnotherIssuer => replace_keys(&mut output["Item"], |issuer| 1 - issuer),
            Self::AnotherAccount => {
                if let Some(account) = output["Item"].as_object_mut().and_then(|row| row.get_mut("account")) {
                    *account = json!({ "S": if account["S"] == ACCOUNTS[0] { ACCOUNTS[1] } else { ACCOUNTS[0] } });
                }
            }
            Self::ListWithoutAccount => {
                if let Some(entries) = output["Items"].as_array_mut().filter(|_| operation == "Query") {
                    let hidden = format!("A#{}", ACCOUNTS[1]);
                    entries.retain(|entry| entry["invitee"].is_null() || entry["pk"]["S"] != *hidden);
                }
            }
            _ => {}
        }
    }
}

/// Replaces the keys in the row of an issuer by all keys of the issuer that `of` chooses.
fn replace_keys(row: &mut Value, of: fn(usize) -> usize) {
    let issuer = ISSUER_URLS.iter().position(|url| row["issuer"]["S"] == *url);
    if let (Some(issuer), Some(row)) = (issuer, row.as_object_mut()) {
        row.insert("keys".to_owned(), json!({ "S": all_keys(of(issuer)).to_json() }));
    }
}

/// Removes the operations that a row remembers.
fn hide_operations(item: &mut Value) {
    let Some(item) = item.as_object_mut() else { return };
    if let Some(operations) = item.get_mut("ops") {
        *operations = json!({ "SS": ["otheroperation"] });
    }
    item.remove("op");
}

/// Removes the condition of a write, and the placeholders that nothing else uses.
fn remove_condition(write: &mut Value) {
    let expression = write["UpdateExpression"].as_str().unwrap_or_default().to_owned();
    let used: Vec<&str> = expression.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '#' | ':' | '_'))).collect();
    let Some(write) = write.as_object_mut() else { return };
    write.remove("ConditionExpression");
    for placeholders in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        if let Some(Value::Object(map)) = write.get_mut(placeholders) {
            map.retain(|name, _| used.contains(&name.as_str()));
            if map.is_empty() {
                write.remove(placeholders);
            }
        }
    }
}

/// The number of histories until the defect is detected; `None` if `limit` histories do not detect it.
pub async fn detected_after(defect: Defect, seed: u64, limit: u64) -> Option<u64> {
    const BATCH: u64 = 8;
    for batch in 0..limit.div_ceil(BATCH) {
        let tally = run_profile(defect.profile(), seed + batch, BATCH, Some(Arc::new(defect))).await;
        if !tally.violations.is_empty() {
            return Some((batch + 1) * BATCH);
        }
    }
    None
}

/// Runs the histories with each defect.
pub async fn run(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Seeded defects",
        "The same histories over a service that breaks one of its rules, because its requests or replies are changed on the wire. \
         Each seeded defect must produce a history that is not linearizable, or in which a token is wrongly accepted or refused. The \
         figures are the histories needed, in steps of eight. A verifier of bearer tokens that omits one of its rules must accept, refuse \
         or read one of the fuzzed tokens otherwise than a complete one. Those figures are the tokens needed.",
    );
    let mut detected = 0;
    for defect in Defect::ALL {
        let after = detected_after(defect, scale.seed, scale.of(160, 800)).await;
        match after {
            Some(histories) => {
                detected += 1;
                section.figure(&format!("histories until detected: {}", defect.name()), histories, Bound::Any);
            }
            None => section.violations.push(format!("not detected: {}", defect.name())),
        }
    }
    for (rule, shown) in inputs_until_omissions_show(scale.seed, scale.of(4000, 50_000)) {
        match shown {
            Some(tokens) => {
                detected += 1;
                section.figure(&format!("tokens until it is detected that a rule is omitted: {}", rule.name()), tokens, Bound::Any);
            }
            None => section.violations.push(format!("not detected that a rule is omitted: {}", rule.name())),
        }
    }
    let all = (Defect::ALL.len() + Rule::ALL.len()) as u64;
    section.figure("seeded defects", all, Bound::Any);
    section.figure("seeded defects detected", detected, Bound::Exactly(all));
    section
}
