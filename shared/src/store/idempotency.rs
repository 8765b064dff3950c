//! Kept answers: written in the same transaction as their effect, replayed for 24 hours.
//!
//! There is no "in progress": before the transaction there is no record, after it there is the answer.

use std::time::Duration;

use super::{
    Failure, Store, keys,
    row::{Attributes, Row, named, number, text, time},
    transaction::{Condition, Transaction, WriteTarget},
};
use crate::domain::{
    InvitationId, Principal, Rejected, Timestamp,
    idempotency::{Fingerprint, RecordId, StoredResponse},
    invitation::OperationId,
};

/// How long an answer is kept.
const STORED_FOR: Duration = Duration::from_secs(24 * 3600);

/// A caller's request that the answer be kept.
#[derive(Debug, Clone)]
pub struct IdempotencyRequest {
    /// What tells this answer from all others.
    pub id: RecordId,
    /// What the request must be for the answer to be replayed.
    pub fingerprint: Fingerprint,
}

/// What an operation answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer for the caller.
    pub answer: StoredResponse,
    /// The invitation that it is about.
    pub id: InvitationId,
    /// Whether it was given before.
    pub replayed: bool,
}

impl Store {
    /// Adds the answer to the transaction of its effect. Refused while an earlier answer is kept under the same key.
    pub(super) fn put_stored_response(
        &self,
        transaction: &mut Transaction,
        who: &Principal,
        idempotency: &IdempotencyRequest,
        own: &OperationId,
        outcome: &Outcome,
        now: Timestamp,
    ) {
        let until = now.plus(STORED_FOR);
        let mut row = keys::key(who.account(), keys::stored_response(&idempotency.id));
        row.extend(named([
            ("op", text(own.0.as_str())),
            ("fp", text(idempotency.fingerprint.as_str())),
            ("status", number(outcome.answer.status)),
            ("body", text(outcome.answer.body.as_str())),
            ("inv", text(outcome.id.to_string())),
            ("exp", time(until)),
            ("ttl", number(until.as_secs())),
        ]));
        let absent_or_over = Condition::new("attribute_not_exists(#pk) OR #exp <= :now", [(":now", time(now))]);
        transaction.put(self, WriteTarget::StoredResponse, row, absent_or_over);
    }

    /// The answer in a kept row, if it was given to the same request. It is no replay if the operation itself has kept it.
    pub(super) fn replay(&self, idempotency: Option<&IdempotencyRequest>, own: &OperationId, row: Option<Row>) -> Result<Outcome, Failure> {
        let mut row = Attributes::of(row.unwrap_or_default());
        let fingerprint = row.text("fp")?;
        let replayed = row.optional_text("op")?.as_ref() != Some(&own.0);
        let outcome =
            Outcome { id: row.parsed("inv")?, answer: StoredResponse { status: row.number("status")?, body: row.text("body")? }, replayed };
        if idempotency.is_none_or(|idempotency| fingerprint != idempotency.fingerprint.as_str()) {
            return Err(Rejected::KeyReused.into());
        }
        Ok(outcome)
    }

    /// The answer kept under a key, if any, as the answer to this request.
    pub(super) async fn find_stored(
        &self,
        who: &Principal,
        idempotency: &IdempotencyRequest,
        own: &OperationId,
    ) -> Result<Option<Outcome>, Failure> {
        match self.read_row(keys::key(who.account(), keys::stored_response(&idempotency.id))).await? {
            Some(row) if stored_until(&row).is_none_or(|until| until > self.now()) => {
                self.replay(Some(idempotency), own, Some(row)).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The answer of an operation that has found its own effect: what was kept with it, else `made` from what it wrote.
    pub(super) async fn stored_or(
        &self,
        who: &Principal,
        idempotency: Option<&IdempotencyRequest>,
        own: &OperationId,
        made: Outcome,
    ) -> Result<Outcome, Failure> {
        let Some(idempotency) = idempotency else { return Ok(made) };
        Ok(self.find_stored(who, idempotency, own).await?.unwrap_or(made))
    }

    /// A refusal may be the consequence of this very request's earlier success: then that is the answer. A caller who has
    /// lost the right to grant gets no answer from the time when he had it.
    pub(super) async fn replay_on_rejection(
        &self,
        who: &Principal,
        idempotency: Option<&IdempotencyRequest>,
        own: &OperationId,
        result: Result<Outcome, Failure>,
    ) -> Result<Outcome, Failure> {
        let (rejected, idempotency) = match (result, idempotency) {
            (Err(Failure::Rejected(rejected)), Some(idempotency)) => (rejected, idempotency),
            (result, _) => return result,
        };
        if matches!(rejected, Rejected::KeyReused | Rejected::RoleNotGrantable { .. }) {
            return Err(rejected.into());
        }
        self.find_stored(who, idempotency, own).await?.ok_or(rejected.into())
    }
}

/// The row's `exp`, if it can be read; [`replay`] says what is wrong if not.
fn stored_until(row: &Row) -> Option<Timestamp> {
    row.get("exp")?.as_n().ok()?.parse().ok().and_then(Timestamp::from_millis)
}
