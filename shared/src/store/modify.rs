//! Changing an invitation: read it, decide, and write on the condition that it still is what was read.
//!
//! - revoke: change the invitation · release the lock
//! - resend: change the invitation · take the lock · count the sending
//! - either with the kept answer before it; no change at all with the kept answer and a check.
//!
//! The condition names the revision, and every change of what a decision depends on makes a new revision. So the decision
//! holds when the transaction commits; when the condition fails, the row that refused is decided upon again.

use super::{
    Failure, IdempotencyRequest, Outcome, Store, StoreError, item, keys,
    lock::already_invited,
    row::{Row, number},
    transaction::{Attempts, CommitOutcome, Condition, Transaction, WriteTarget},
};
use crate::domain::{
    Invitation, InvitationId, Principal, Rejected, Timestamp,
    idempotency::StoredResponse,
    lifecycle::{self, Action, Change, Operation, SendPolicy, quota_window},
};

impl Store {
    /// Carries out `action`. `render` makes the answer from the invitation after it and the time of it.
    ///
    /// # Errors
    /// [`Rejected::NotFound`], [`Rejected::Closed`], [`Rejected::RoleNotGrantable`], [`Rejected::MaxSends`],
    /// [`Rejected::Cooldown`], [`Rejected::Quota`], [`Rejected::AlreadyInvited`], [`Rejected::KeyReused`];
    /// [`StoreError`] when the table fails.
    pub async fn modify(
        &self,
        who: &Principal,
        id: InvitationId,
        action: Action,
        policy: &SendPolicy,
        idempotency: Option<&IdempotencyRequest>,
        render: impl Fn(&Invitation, Timestamp) -> StoredResponse,
    ) -> Result<Outcome, Failure> {
        let modification = Modification { store: self, who, id, action, policy, idempotency, operation: Operation::generate() };
        let result = modification.run(render).await;
        self.replay_on_rejection(who, idempotency, &modification.operation.id, result).await
    }
}

/// One operation on one invitation, the same for all its attempts.
struct Modification<'a> {
    store: &'a Store,
    who: &'a Principal,
    id: InvitationId,
    action: Action,
    policy: &'a SendPolicy,
    idempotency: Option<&'a IdempotencyRequest>,
    operation: Operation,
}

impl Modification<'_> {
    async fn run(&self, render: impl Fn(&Invitation, Timestamp) -> StoredResponse) -> Result<Outcome, Failure> {
        let key = keys::invitation_key(self.who.account(), self.id);
        let mut row = self.store.read_row(key.clone()).await?.ok_or(Rejected::NotFound)?;
        let mut holds_lock = true;
        // One time for all attempts: whichever is carried out, this is when.
        let now = self.store.now();
        let mut attempts = Attempts::start();
        loop {
            let before = item::from_row(row.clone())?;
            let change = match lifecycle::modify(self.who, &before, self.action, &self.operation, now, self.policy) {
                Err(cooldown @ Rejected::Cooldown { .. }) => {
                    let Some(quota) = self.store.quota_beyond(self.who, before.next_send, now, self.policy).await? else {
                        return Err(cooldown.into());
                    };
                    // Only if it still was so when the quota was read: it may have been used up by what came after a revocation.
                    let again = self.store.read_row(key.clone()).await?.ok_or(Rejected::NotFound)?;
                    if again == row {
                        return Err(quota.into());
                    }
                    row = again;
                    attempts.again()?;
                    continue;
                }
                decided => decided?,
            };
            let after = match &change {
                Change::Nothing => &before,
                Change::Closed(after) | Change::Sent(after) => after,
            };
            // What was carried out is what was last tried: an earlier attempt has been refused for good, or was the same.
            let done = Outcome { answer: render(after, now), id: self.id, replayed: false };
            let Some(transaction) = self.transaction(&row, &before, &change, holds_lock, &done, now)? else {
                return Ok(done);
            };
            let error = match self.store.send(transaction).await? {
                CommitOutcome::Committed => return Ok(done),
                CommitOutcome::Refused(WriteTarget::Invitation, stored) => {
                    row = stored.ok_or(Rejected::NotFound)?;
                    // Whoever changed it may have taken the lock for it.
                    holds_lock = true;
                    if item::from_row(row.clone())?.operations.contains(&self.operation.id) {
                        return self.store.stored_or(self.who, self.idempotency, &self.operation.id, done).await;
                    }
                    attempts.again()?;
                    continue;
                }
                CommitOutcome::Refused(WriteTarget::StoredResponse, row) => {
                    return self.store.replay(self.idempotency, &self.operation.id, row);
                }
                // An expired invitation may have lost its lock: then there is none to release.
                CommitOutcome::Refused(WriteTarget::Lock, _) if matches!(change, Change::Closed(_)) => {
                    holds_lock = false;
                    attempts.again()?;
                    continue;
                }
                CommitOutcome::Refused(WriteTarget::Lock, row) => return Err(already_invited(row)?.into()),
                CommitOutcome::Refused(WriteTarget::Quota, _) => return Err(quota_window(now, self.policy).1.into()),
                CommitOutcome::Busy(error) => match attempts.pause(error).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                CommitOutcome::Unknown(error) => error,
            };
            // This attempt or an earlier one may have been carried out after all. An answer kept without a change leaves its only
            // trace under its key.
            if let (Change::Nothing, Some(idempotency)) = (&change, self.idempotency) {
                return Ok(self.store.find_stored(self.who, idempotency, &self.operation.id).await?.ok_or(error)?);
            }
            if !self.store.was_carried_out(self.who, self.id, &self.operation).await {
                return Err(error.into());
            }
            return self.store.stored_or(self.who, self.idempotency, &self.operation.id, done).await;
        }
    }

    /// The writes of a change; `None` when there is nothing to write.
    fn transaction(
        &self,
        row: &Row,
        before: &Invitation,
        change: &Change,
        holds_lock: bool,
        done: &Outcome,
        now: Timestamp,
    ) -> Result<Option<Transaction>, StoreError> {
        if *change == Change::Nothing && self.idempotency.is_none() {
            return Ok(None);
        }
        let mut transaction = Transaction::default();
        if let Some(idempotency) = self.idempotency {
            self.store.put_stored_response(&mut transaction, self.who, idempotency, &self.operation.id, done, now);
        }
        let unchanged = Condition::new("#rev = :rev", [(":rev", number(before.revision))]);
        let changed = |after| item::to_row(after, self.policy.retention);
        match change {
            Change::Nothing => {
                let key = keys::invitation_key(self.who.account(), self.id);
                transaction.check(self.store, WriteTarget::Invitation, key, unchanged);
            }
            Change::Closed(after) => {
                transaction.change(self.store, WriteTarget::Invitation, row, changed(after), unchanged);
                if holds_lock {
                    self.store.release_lock(&mut transaction, after);
                }
            }
            Change::Sent(after) => {
                transaction.change(self.store, WriteTarget::Invitation, row, changed(after), unchanged);
                self.store.take_lock(&mut transaction, after, now);
                self.store.consume_quota(&mut transaction, self.who, now, self.policy);
            }
        }
        Ok(Some(transaction))
    }
}
