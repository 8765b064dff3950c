//! Kept answers: written in the same transaction as their effect, replayed for 24 hours.
//!
//! There is no "in progress": before the transaction there is no record, after it there is the answer.

use std::time::Duration;

use super::{
    Failure, Store, keys,
    row::{Attributes, Row, named, number, text, time},
    transaction::{Condition, Part, Transaction},
};
use crate::domain::{
    InvitationId, Principal, Rejected, Timestamp,
    idempotency::{Answer, Fingerprint, KeepId},
    invitation::OperationId,
};

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// A caller's wish that the answer be kept.
#[derive(Debug, Clone)]
pub struct Keep {
    /// What tells this answer from all others.
    pub id: KeepId,
    /// What the request must be for the answer to be replayed.
    pub fingerprint: Fingerprint,
}

/// What an operation answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer for the caller.
    pub answer: Answer,
    /// The invitation that it is about.
    pub id: InvitationId,
    /// Whether it was given before.
    pub replayed: bool,
}

impl Store {
    /// Adds the answer to the transaction of its effect. Refused while an earlier answer is kept under the same key.
    pub(super) fn keep(
        &self,
        transaction: &mut Transaction,
        who: &Principal,
        keep: &Keep,
        own: &OperationId,
        outcome: &Outcome,
        now: Timestamp,
    ) {
        let until = now.plus(KEPT_FOR);
        let mut row = keys::key(who.account(), keys::kept(&keep.id));
        row.extend(named([
            ("op", text(own.0.as_str())),
            ("fp", text(keep.fingerprint.as_str())),
            ("status", number(outcome.answer.status)),
            ("body", text(outcome.answer.body.as_str())),
            ("inv", text(outcome.id.to_string())),
            ("exp", time(until)),
            ("ttl", number(until.as_secs())),
        ]));
        let absent_or_over = Condition::new("attribute_not_exists(#pk) OR #exp <= :now", [(":now", time(now))]);
        transaction.put(self, Part::Kept, row, absent_or_over);
    }

    /// The answer in a kept row, if it was given to the same request. It is no replay if the operation itself has kept it.
    pub(super) fn replay(&self, keep: Option<&Keep>, own: &OperationId, row: Option<Row>) -> Result<Outcome, Failure> {
        let mut row = Attributes::of(row.unwrap_or_default());
        let fingerprint = row.text("fp")?;
        let replayed = row.optional_text("op")?.as_ref() != Some(&own.0);
        let outcome =
            Outcome { id: row.parsed("inv")?, answer: Answer { status: row.number("status")?, body: row.text("body")? }, replayed };
        if keep.is_none_or(|keep| fingerprint != keep.fingerprint.as_str()) {
            return Err(Rejected::KeyReused.into());
        }
        Ok(outcome)
    }

    /// The answer kept under a key, if any, as the answer to this request.
    pub(super) async fn recall(&self, who: &Principal, keep: &Keep, own: &OperationId) -> Result<Option<Outcome>, Failure> {
        match self.read_row(keys::key(who.account(), keys::kept(&keep.id))).await? {
            Some(row) if kept_until(&row).is_none_or(|until| until > self.now()) => self.replay(Some(keep), own, Some(row)).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// The answer of an operation that has found its own effect: what was kept with it, else `made` from what it wrote.
    pub(super) async fn own_answer(
        &self,
        who: &Principal,
        keep: Option<&Keep>,
        own: &OperationId,
        made: Outcome,
    ) -> Result<Outcome, Failure> {
        let Some(keep) = keep else { return Ok(made) };
        Ok(self.recall(who, keep, own).await?.unwrap_or(made))
    }

    /// A refusal may be the consequence of this very request's earlier success: then that is the answer. A caller who has
    /// lost the right to grant gets no answer from the time when he had it.
    pub(super) async fn recalled(
        &self,
        who: &Principal,
        keep: Option<&Keep>,
        own: &OperationId,
        result: Result<Outcome, Failure>,
    ) -> Result<Outcome, Failure> {
        let (rejected, keep) = match (result, keep) {
            (Err(Failure::Rejected(rejected)), Some(keep)) => (rejected, keep),
            (result, _) => return result,
        };
        if matches!(rejected, Rejected::KeyReused | Rejected::RoleNotGrantable { .. }) {
            return Err(rejected.into());
        }
        self.recall(who, keep, own).await?.ok_or(rejected.into())
    }
}

/// The row's `exp`, if it can be read; [`replay`] says what is wrong if not.
fn kept_until(row: &Row) -> Option<Timestamp> {
    row.get("exp")?.as_n().ok()?.parse().ok().and_then(Timestamp::from_millis)
}
