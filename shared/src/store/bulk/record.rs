//! The record of a request with an idempotency key for many invitations.
//!
//! It is written before the first row and names the operation that all ids derive from. Each transaction of rows counts itself in it, on the
//! condition that no other run of the same request did so meanwhile, and that the results are not recorded. So runs of one key take turns,
//! and after the results no row can be created, not even by a delayed transaction.
//!
//! It holds no address: the results are codes, ids and numbers, and an erasure has nothing to delete in it.

use super::super::{
    Failure, IdempotencyRequest, Store, StoreError,
    condition::Condition,
    idempotency::{STORED_FOR, free},
    keys::{self, Key},
    row::{Attributes, Row, bytes, number, text, time},
    transaction::{Attempts, CommitOutcome, Transaction, WriteTarget},
};
use crate::domain::{
    Principal, Rejected, Timestamp,
    bulk::{BulkOperation, RowResult},
    invitation::OperationId,
    lifecycle::NewInvitation,
};

/// The attribute that distinguishes these records from stored responses, which belong to an invitation.
pub(in crate::store) const SEED: &str = "seed";

/// The record as it was read.
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) operation: BulkOperation,
    /// How many transactions of rows were committed.
    pub(super) writes: u64,
    /// Set once, at the end.
    pub(super) results: Option<Results>,
    fingerprint: String,
}

/// The recorded results.
pub(super) struct Results {
    /// The run that recorded them.
    pub(super) run: OperationId,
    rows: String,
    key: String,
}

impl Results {
    /// The results of these rows.
    pub(super) fn read<'a>(
        &self,
        who: &Principal,
        rows: impl ExactSizeIterator<Item = &'a NewInvitation>,
    ) -> Result<Vec<RowResult>, StoreError> {
        let texts: Vec<&str> = self.rows.split(' ').collect();
        let same = texts.len() == rows.len();
        let results: Option<Vec<RowResult>> = texts.into_iter().zip(rows).map(|(text, row)| RowResult::read(text, who, row)).collect();
        let problem = "results is missing or does not have the form it should".to_owned();
        results.filter(|_| same).ok_or_else(|| StoreError::Corrupt { key: self.key.clone(), problem })
    }
}

impl Record {
    /// Writes a new record for `fresh`, or returns the one that exists.
    pub(super) async fn open(
        store: &Store,
        who: &Principal,
        request: &IdempotencyRequest,
        fresh: &BulkOperation,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let key = keys::key(who.account(), keys::stored_response(&request.id));
        let (until, mut attempts) = (now.plus(STORED_FOR), Attempts::start());
        loop {
            let row = key.clone().row([
                ("fp", text(request.fingerprint.as_str())),
                (SEED, bytes(&fresh.seed)),
                ("at", time(fresh.time)),
                ("n", number(0)),
                ("exp", time(until)),
                ("ttl", number(until.as_secs())),
            ]);
            let mut transaction = Transaction::default();
            transaction.put(store, WriteTarget::StoredResponse, row.clone(), free(now));
            let found = match store.send(transaction).await? {
                CommitOutcome::Committed => row,
                CommitOutcome::Refused(refusals) => refusals.first().1.unwrap_or_default(),
                // If it was written after all, the next attempt finds it.
                CommitOutcome::Busy(error) | CommitOutcome::Unknown(error) => {
                    attempts.pause(error).await?;
                    continue;
                }
            };
            let record = Self::read(found)?;
            return if record.fingerprint == request.fingerprint.as_str() { Ok(record) } else { Err(Rejected::KeyReused.into()) };
        }
    }

    fn read(row: Row) -> Result<Self, StoreError> {
        let key = Key::of_row(&row);
        let mut row = Attributes::of(row);
        let results = if row.is_set("results") {
            Some(Results { run: OperationId(row.text("op")?), rows: row.text("results")?, key: row.text(keys::SK)? })
        } else {
            None
        };
        Ok(Self {
            key,
            operation: BulkOperation { seed: row.bytes(SEED)?, time: row.time("at")? },
            writes: row.number("n")?,
            results,
            fingerprint: row.text("fp")?,
        })
    }

    /// Replaces it by what another run made of it.
    pub(super) fn update(&mut self, row: Option<Row>) -> Result<(), StoreError> {
        let newer = row.map(Self::read).transpose()?.filter(|newer| newer.operation == self.operation);
        // It has expired meanwhile, and was deleted or replaced.
        *self = newer.ok_or_else(|| StoreError::Unavailable { cause: "the record of the idempotency key is gone".to_owned() })?;
        Ok(())
    }

    /// Counts a transaction of rows.
    pub(super) fn count(&self, store: &Store, transaction: &mut Transaction) {
        let current = self.is_current().with(":next", number(self.writes + 1));
        transaction.update(store, WriteTarget::StoredResponse, self.key.clone(), "SET #n = :next", current);
    }

    /// Records the results.
    pub(super) fn finish(&self, store: &Store, transaction: &mut Transaction, run: &OperationId, results: &[String]) {
        let current = self.is_current().with(":op", text(run.0.as_str())).with(":results", text(results.join(" ")));
        let expression = "SET #op = :op, #results = :results";
        transaction.update(store, WriteTarget::StoredResponse, self.key.clone(), expression, current);
    }

    fn is_current(&self) -> Condition {
        Condition::new(
            "#seed = :seed AND #n = :n AND attribute_not_exists(#results)",
            [(":seed", bytes(&self.operation.seed)), (":n", number(self.writes))],
        )
    }
}
