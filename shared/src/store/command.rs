//! The commit loop: plan, send, check which condition failed, and plan again.
//!
//! `create`, `modify`, `decide` and `revoke` are [`Command`]s; `idempotency` wraps one when the request has an Idempotency-Key.

use super::{
    Failure, Store, StoreError,
    condition::Condition,
    item::Stored,
    keys,
    row::Row,
    transaction::{Attempts, CommitOutcome, Transaction, WriteTarget},
};
use crate::domain::{AccountId, InvitationId, invitation::OperationId};

/// A write that a caller requests. All its attempts share one id and one time, so the effect is the same whichever attempt succeeds.
pub(super) trait Command {
    /// The result for the caller.
    type Outcome;

    /// The id that the write records on the invitation.
    fn operation(&self) -> &OperationId;

    /// The invitation that the command writes.
    fn invitation(&self) -> (&AccountId, InvitationId);

    /// How often and how long the write is tried.
    fn attempts(&self) -> Attempts {
        Attempts::start()
    }

    /// Plans the write from the most recently read invitation.
    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Self::Outcome>, Failure>;

    /// Handles the failed condition of another row: an outcome, an error, or `None` to plan again.
    fn condition_failed(&mut self, target: WriteTarget, row: Option<Row>) -> Result<Option<Self::Outcome>, Failure>;

    /// Returns the outcome if the write succeeded although its reply was lost. `planned` is the outcome of the last attempt. A failed
    /// read counts as `None`: the outcome remains unknown.
    async fn read_back(&self, store: &Store, planned: Self::Outcome) -> Option<Self::Outcome> {
        let (account, id) = self.invitation();
        let stored = store.stored(account, id).await.ok().flatten()?;
        stored.has_applied(self.operation()).then_some(planned)
    }
}

/// The plan of one attempt.
pub(super) enum Plan<T> {
    /// Write this transaction.
    Write(Transaction, T),
    /// Write nothing; the outcome is valid as long as the invitation meets the condition.
    Unchanged(Condition, T),
    /// Plan again: the invitation has changed since it was read.
    Again(Option<Box<Stored>>),
}

impl Store {
    /// Commits a command, starting from the invitation as it was read.
    pub(super) async fn commit<C: Command>(&self, command: &mut C, mut stored: Option<Stored>) -> Result<C::Outcome, Failure> {
        let mut attempts = command.attempts();
        loop {
            let (transaction, outcome) = match command.plan(stored.as_ref()).await? {
                Plan::Write(transaction, outcome) => (transaction, outcome),
                Plan::Unchanged(_, outcome) => return Ok(outcome),
                Plan::Again(newer) => {
                    stored = newer.map(|newer| *newer);
                    attempts.again()?;
                    continue;
                }
            };
            let error = match self.send(transaction).await? {
                CommitOutcome::Committed => return Ok(outcome),
                CommitOutcome::Refused(refusals) => {
                    match refusals.first() {
                        (WriteTarget::Invitation, row) => {
                            stored = row.map(Stored::from_row).transpose()?;
                            // An earlier attempt succeeded after all, with the same plan.
                            if stored.as_ref().is_some_and(|stored| stored.has_applied(command.operation())) {
                                return Ok(outcome);
                            }
                        }
                        (target, row) => {
                            if let Some(outcome) = command.condition_failed(target, row)? {
                                return Ok(outcome);
                            }
                        }
                    }
                    attempts.again()?;
                    continue;
                }
                CommitOutcome::Busy(error) => match attempts.pause(error).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                CommitOutcome::Unknown(error) => error,
            };
            return command.read_back(self, outcome).await.ok_or(error.into());
        }
    }

    /// The invitation with its row; `None` if it does not exist.
    pub(super) async fn stored(&self, account: &AccountId, id: InvitationId) -> Result<Option<Stored>, StoreError> {
        self.read_row(keys::invitation_key(account, id)).await?.map(Stored::from_row).transpose()
    }
}

/// The error for a failed condition that was not set.
pub(super) fn unexpected(target: WriteTarget) -> StoreError {
    StoreError::Defect { cause: format!("a condition failed that was not set: {target:?}") }
}
