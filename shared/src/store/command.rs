//! The commit loop: plan, send, look at what refused, and plan again.
//!
//! `create`, `modify` and `decide` are [`Command`]s; `idempotency` wraps one when the request has an Idempotency-Key.

use super::{
    Failure, Store, StoreError,
    item::Stored,
    keys,
    row::Row,
    transaction::{Attempts, CommitOutcome, Condition, Transaction, WriteTarget},
};
use crate::domain::{AccountId, InvitationId, invitation::OperationId};

/// One write that a caller asks for. It has one id and one time for all its attempts, so the effect is the same whichever of them
/// is carried out.
pub(super) trait Command {
    /// What the caller gets.
    type Outcome;

    /// The id that the write leaves on the invitation.
    fn operation(&self) -> &OperationId;

    /// The invitation that it is about.
    fn invitation(&self) -> (&AccountId, InvitationId);

    /// What to write, given the invitation as it was last seen.
    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Self::Outcome>, Failure>;

    /// What it means that another row's condition failed: an outcome, an error, or `None` to plan again.
    fn refused(&mut self, target: WriteTarget, row: Option<Row>) -> Result<Option<Self::Outcome>, Failure>;

    /// The outcome if the write turns out to have happened, although its reply was lost. `planned` is what the last attempt planned.
    /// A failing read says no: that tells no more than the unknown outcome that was to be looked into.
    async fn read_back(&self, store: &Store, planned: Self::Outcome) -> Option<Self::Outcome> {
        let (account, id) = self.invitation();
        let stored = store.stored(account, id).await.ok().flatten()?;
        stored.has_applied(self.operation()).then_some(planned)
    }
}

/// What one attempt is to do.
pub(super) enum Plan<T> {
    /// Write this.
    Write(Transaction, T),
    /// Write nothing; the outcome holds as long as the invitation meets the condition.
    Unchanged(Condition, T),
    /// Plan again: the invitation has changed since it was read.
    Again(Option<Box<Stored>>),
}

impl Store {
    /// Carries out a command, starting from the invitation as it was read.
    pub(super) async fn commit<C: Command>(&self, command: &mut C, mut stored: Option<Stored>) -> Result<C::Outcome, Failure> {
        let mut attempts = Attempts::start();
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
                CommitOutcome::Refused(WriteTarget::Invitation, row) => {
                    stored = row.map(Stored::from_row).transpose()?;
                    // An earlier attempt was carried out after all, and it planned the same as this one.
                    if stored.as_ref().is_some_and(|stored| stored.has_applied(command.operation())) {
                        return Ok(outcome);
                    }
                    attempts.again()?;
                    continue;
                }
                CommitOutcome::Refused(target, row) => match command.refused(target, row)? {
                    Some(outcome) => return Ok(outcome),
                    None => {
                        attempts.again()?;
                        continue;
                    }
                },
                CommitOutcome::Busy(error) => match attempts.pause(error).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                CommitOutcome::Unknown(error) => error,
            };
            return command.read_back(self, outcome).await.ok_or(error.into());
        }
    }

    /// An invitation and its row; `None` if it does not exist.
    pub(super) async fn stored(&self, account: &AccountId, id: InvitationId) -> Result<Option<Stored>, StoreError> {
        self.read_row(keys::invitation_key(account, id)).await?.map(Stored::from_row).transpose()
    }
}

/// The error for a failed condition that the command never set.
pub(super) fn unexpected(target: WriteTarget) -> Failure {
    StoreError::Defect { cause: format!("a condition failed that was not set: {target:?}") }.into()
}
