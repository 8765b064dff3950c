//! Creating many invitations: several transactions, each of up to 24 rows.
//!
//! Each transaction: for each row, take the address's lock · put the invitation; once, consume quota · count the transaction in the record
//! of the idempotency key, if there is one.
//!
//! A row is committed with its lock and its share of the quota, or not at all. What the rows of a request became is known from the table
//! alone: a row whose invitation exists was created, because its id derives from this operation. So nothing is assumed after a lost reply,
//! and a refused transaction is repeated without the rows that its reasons decide.

mod dry_run;
mod find;
mod progress;
mod record;

use super::{
    Failure, IdempotencyRequest, Store, StoreError,
    command::unexpected,
    condition::Condition,
    item::{self, Stored},
    keys,
    lock::already_invited,
    row::Row,
    transaction::{Attempts, CommitOutcome, Refusals, Transaction, WriteTarget},
};
use crate::domain::{
    Invitation, Principal, Rejected, Timestamp,
    bulk::{BulkOperation, BulkRow, RowResult},
    invitation::OperationId,
    lifecycle::{self, SendPolicy, quota_window},
    link::Token,
    settings::AccountSettings,
};
use progress::{RowProgress, State};
use record::Record;

pub(super) use record::SEED;

/// How many rows a transaction writes. Each takes 2 of its 100 items; more would make a conflict more likely, and its repetition dearer.
const BATCH: usize = 24;

/// The result of a request for many invitations.
#[derive(Debug)]
pub struct BulkOutcome {
    /// For each row, its invitation as it was created, or why it was not.
    pub rows: Vec<Result<CreatedRow, Rejected>>,
    /// Whether these are the results of an earlier request.
    pub replayed: bool,
}

/// An invitation that a row created.
#[derive(Debug)]
pub struct CreatedRow {
    /// The invitation as it was created.
    pub invitation: Invitation,
    /// The token of its link, if the caller gets it, and no later link has replaced it.
    pub token: Option<Token>,
}

impl Store {
    /// Creates an invitation for each row that allows it. With an idempotency key, at most once: a repeated request continues where an
    /// earlier one was interrupted, or returns its results.
    ///
    /// # Errors
    /// [`Rejected::KeyReused`]; [`StoreError`] when the table fails. Some rows may have been created then.
    pub async fn create_many(
        &self,
        who: &Principal,
        rows: &[BulkRow],
        policy: &SendPolicy,
        settings: &AccountSettings,
        idempotency: Option<&IdempotencyRequest>,
    ) -> Result<BulkOutcome, Failure> {
        let now = self.now();
        let fresh = BulkOperation::generate(now);
        let record = match idempotency {
            Some(request) => Some(Record::open(self, who, request, &fresh, now).await?),
            None => None,
        };
        let operation = record.as_ref().map_or(&fresh, |record| &record.operation);
        let mut bulk = Bulk::new(self, who, rows, (policy, settings), operation, now);
        let resumed = record.as_ref().is_some_and(|record| record.operation != fresh || record.writes > 0);
        bulk.record = record;
        if resumed && !bulk.is_recorded() {
            bulk.find_created().await?;
        }
        if !bulk.is_recorded() {
            bulk.find_locked().await?;
        }
        loop {
            bulk.reject_beyond_quota().await?;
            let batch = bulk.next_batch();
            if !batch.is_empty() {
                bulk.write(&batch).await?;
            } else if bulk.finish().await? {
                bulk.find_links().await?;
                return Ok(bulk.outcome()?);
            }
        }
    }
}

/// A request in progress.
struct Bulk<'a> {
    store: &'a Store,
    who: &'a Principal,
    policy: &'a SendPolicy,
    /// Identifies this run among those of the same idempotency key.
    run: OperationId,
    now: Timestamp,
    rows: Vec<RowProgress<'a>>,
    /// The rest of the window's quota, as far as it is known.
    left: u32,
    record: Option<Record>,
    replayed: bool,
    attempts: Attempts,
}

impl<'a> Bulk<'a> {
    fn new(
        store: &'a Store,
        who: &'a Principal,
        rows: &'a [BulkRow],
        (policy, settings): (&'a SendPolicy, &AccountSettings),
        operation: &BulkOperation,
        now: Timestamp,
    ) -> Self {
        Self {
            store,
            who,
            policy,
            run: OperationId::generate(),
            now,
            rows: rows.iter().map(|row| RowProgress::new(row, who, (policy, settings), operation, now)).collect(),
            left: policy.limits.quota,
            record: None,
            replayed: false,
            attempts: Attempts::start(),
        }
    }

    /// Whether the results are recorded, so that no row can be created any more.
    fn is_recorded(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.results.is_some())
    }

    /// The rows of the next transaction. Empty if all are decided.
    fn next_batch(&self) -> Vec<usize> {
        if self.is_recorded() {
            return Vec::new();
        }
        let open = self.rows.iter().enumerate().filter(|(_, row)| row.is_open());
        open.map(|(place, _)| place).take(BATCH.min(self.left as usize)).collect()
    }

    /// Rejects the remaining rows if the quota is used up. It stays used up until its window ends, but addresses may have been invited since
    /// their locks were read, so these are read again: the response to each row has to be true at one time.
    async fn reject_beyond_quota(&mut self) -> Result<(), StoreError> {
        if self.left > 0 || self.is_recorded() || !self.rows.iter().any(RowProgress::is_open) {
            return Ok(());
        }
        self.find_locked().await?;
        let (_, quota) = quota_window(self.now, self.policy);
        self.rows.iter_mut().filter(|row| row.is_open()).for_each(|row| row.reject(quota.clone()));
        Ok(())
    }

    /// Writes rows in a transaction, or learns what prevents it.
    async fn write(&mut self, batch: &[usize]) -> Result<(), StoreError> {
        let mut transaction = Transaction::default();
        for place in batch {
            if let State::Open(invitation) = &self.rows[*place].state {
                transaction.begin_entry(*place);
                self.store.take_lock(&mut transaction, invitation, self.now);
                let row = item::to_row(invitation, self.policy.retention);
                transaction.put(self.store, WriteTarget::Invitation, row, Condition::new(keys::ABSENT, []));
            }
        }
        let sends = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.store.consume_quota(&mut transaction, self.who, self.now, self.policy, sends);
        if let Some(record) = &self.record {
            record.count(self.store, &mut transaction);
        }
        if self.send(transaction).await? {
            self.left -= sends;
            for place in batch {
                if let State::Open(invitation) = &self.rows[*place].state {
                    let (token, lifetime) = (self.token(&invitation.resource, &invitation.link), invitation.lifetime);
                    let row = &mut self.rows[*place];
                    row.token = token;
                    row.state = State::Done(RowResult::Created { at: self.now, lifetime });
                }
            }
            if let Some(record) = &mut self.record {
                record.writes += 1;
            }
        }
        Ok(())
    }

    /// Records the results, and returns whether that is done. Only then may they be returned: until then, another run may create rows.
    async fn finish(&mut self) -> Result<bool, StoreError> {
        let Some(record) = &self.record else { return Ok(true) };
        if let Some(results) = &record.results {
            self.replayed = results.run != self.run;
            let results = results.read(self.who, self.rows.iter().map(|row| &row.row.invitation))?;
            self.rows.iter_mut().zip(results).for_each(|(row, result)| row.state = State::Done(result));
            return Ok(true);
        }
        let results = self.rows.iter().map(|row| match &row.state {
            State::Done(result) => result.record(),
            State::Open(_) => None,
        });
        let results = results.collect::<Option<Vec<_>>>().ok_or_else(undecided)?;
        let mut transaction = Transaction::default();
        record.finish(self.store, &mut transaction, &self.run, &results);
        self.send(transaction).await
    }

    /// Sends a transaction, and returns whether it was committed. If not, this run has learned something new, or has waited.
    async fn send(&mut self, transaction: Transaction) -> Result<bool, StoreError> {
        let before = self.knowledge();
        let outcome = self.store.send(transaction).await?;
        let error = match outcome {
            CommitOutcome::Committed => {
                self.attempts = Attempts::start();
                return Ok(true);
            }
            CommitOutcome::Refused(refusals) => {
                self.learn(refusals).await?;
                None
            }
            CommitOutcome::Busy(error) => Some(error),
            CommitOutcome::Unknown(error) => {
                self.look().await?;
                Some(error)
            }
        };
        match error {
            _ if self.knowledge() != before => self.attempts = Attempts::start(),
            Some(error) => self.attempts.pause(error).await?,
            None => self.attempts.again()?,
        }
        Ok(false)
    }

    /// Changes whenever this run learns something that its next transaction depends on.
    fn knowledge(&self) -> (usize, u32, Option<(u64, bool)>) {
        let open = self.rows.iter().filter(|row| row.is_open()).count();
        (open, self.left, self.record.as_ref().map(|record| (record.writes, record.results.is_some())))
    }

    /// Decides rows by the reasons of a refused transaction.
    async fn learn(&mut self, refusals: Refusals) -> Result<(), StoreError> {
        let mut changed = false;
        for refusal in refusals.all() {
            match refusal.target {
                WriteTarget::Invitation => {
                    let stored = Stored::from_row(refusal.row.unwrap_or_default())?;
                    self.rows[refusal.entry].found(&stored)?;
                }
                WriteTarget::Lock => {
                    let rejected = already_invited(refusal.row)?;
                    self.rows[refusal.entry].reject(rejected);
                }
                WriteTarget::Quota => self.left = Store::quota_left(refusal.row, self.policy)?.min(self.left),
                WriteTarget::StoredResponse => {
                    self.update_record(refusal.row)?;
                    changed = true;
                }
                WriteTarget::Settings | WriteTarget::ExternalId => return Err(unexpected(refusal.target)),
            }
        }
        if changed && !self.is_recorded() {
            self.find_created().await?;
        }
        Ok(())
    }

    /// Looks for what was written, because a reply does not tell.
    async fn look(&mut self) -> Result<(), StoreError> {
        if let Some(record) = &self.record {
            let row = self.store.read_row(record.key.clone()).await?;
            self.update_record(row)?;
        }
        if self.is_recorded() { Ok(()) } else { self.find_created().await }
    }

    fn update_record(&mut self, row: Option<Row>) -> Result<(), StoreError> {
        if let Some(record) = &mut self.record {
            record.update(row)?;
        }
        Ok(())
    }

    fn outcome(self) -> Result<BulkOutcome, StoreError> {
        let (who, policy) = (self.who, self.policy);
        let rows = self.rows.into_iter().map(|row| match row.state {
            State::Done(RowResult::Created { at, lifetime }) => {
                let created = lifecycle::created_earlier(who, &row.row.invitation, row.id, &row.operation, (at, lifetime), policy);
                Ok(created.map(|invitation| CreatedRow { invitation, token: row.token }))
            }
            State::Done(RowResult::Rejected(rejected)) => Ok(Err(rejected)),
            State::Open(_) => Err(undecided()),
        });
        Ok(BulkOutcome { rows: rows.collect::<Result<_, _>>()?, replayed: self.replayed })
    }
}

/// The error for a row without a result at the end.
fn undecided() -> StoreError {
    StoreError::Defect { cause: "a row of a bulk is not decided".to_owned() }
}
