//! What the holder of a link does: looks at the invitation, and answers it.
//!
//! - answer: change the invitation · release the lock
//!
//! The secret is compared when the row is read, and is a condition again when it is written. Decided and conditioned as every
//! change is: see `modify`.

use super::{
    Failure, Store, StoreError, item, keys,
    row::{Row, bytes, number},
    transaction::{Attempts, CommitOutcome, Condition, Transaction, WriteTarget},
};
use crate::domain::{
    Invitation, Rejected, Timestamp,
    invitation::OperationId,
    lifecycle::{self, Change, InviteeDecision},
    link::Token,
};
use std::time::Duration;

impl Store {
    /// The invitation that a token opens; `None` if there is none, if it was never made for it, or if another has been sent
    /// since. One read in every case.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn find_by_token(&self, token: &Token) -> Result<Option<Invitation>, StoreError> {
        opened(token, self.row_of(token).await?)
    }

    /// Answers the invitation that a token opens, and gives it back with the time of it. `permit` may refuse, for what it sees
    /// in the invitation at that time; `by` is who accepts, where the host application says so.
    ///
    /// # Errors
    /// [`Rejected::NotFound`], [`Rejected::Closed`], [`Rejected::Expired`], those of `permit`; [`StoreError`] when the table
    /// fails.
    pub async fn answer(
        &self,
        token: &Token,
        answer: InviteeDecision,
        by: Option<&str>,
        retention: Option<Duration>,
        permit: impl Fn(&Invitation, Timestamp) -> Result<(), Rejected>,
    ) -> Result<(Invitation, Timestamp), Failure> {
        let operation = OperationId::generate();
        let key = keys::invitation_key(token.account(), token.id());
        let mut row = self.row_of(token).await?;
        let mut attempts = Attempts::start();
        // One time for all attempts: who answered in time is not too late because his answer is tried again.
        let now = self.now();
        loop {
            let before = opened(token, row.clone())?.ok_or(Rejected::NotFound)?;
            // What an earlier attempt did.
            if before.operations.contains(&operation) {
                return Ok((before, now));
            }
            permit(&before, now)?;
            let Change::Closed(after) = lifecycle::answer(&before, answer, by, &operation, now)? else {
                return Ok((before, now));
            };
            let mut transaction = Transaction::default();
            let unchanged = Condition::new("#rev = :rev AND #th = :th", [(":rev", number(before.revision)), (":th", bytes(&token.hash()))]);
            let stored = row.take().unwrap_or_default();
            transaction.change(self, WriteTarget::Invitation, &stored, item::to_row(&after, retention), unchanged);
            self.release_lock(&mut transaction, &after);
            let error = match self.send(transaction).await? {
                CommitOutcome::Committed => return Ok((after, now)),
                CommitOutcome::Refused(WriteTarget::Invitation, stored) => {
                    row = stored;
                    attempts.again()?;
                    continue;
                }
                // Whoever has lost the lock has expired, whatever the clocks say.
                CommitOutcome::Refused(..) => return Err(Rejected::Expired.into()),
                CommitOutcome::Busy(error) => match attempts.pause(error).await {
                    Ok(()) => {
                        row = Some(stored);
                        continue;
                    }
                    Err(error) => error,
                },
                CommitOutcome::Unknown(error) => error,
            };
            // This attempt or an earlier one may have been carried out after all.
            let stored = self.read_row(key).await.ok().flatten().and_then(|row| item::from_row(row).ok());
            let own = stored.filter(|stored| stored.operations.contains(&operation));
            return Ok((own.ok_or(error)?, now));
        }
    }

    /// The row that a token names.
    async fn row_of(&self, token: &Token) -> Result<Option<Row>, StoreError> {
        self.read_row_of(token.account(), keys::invitation_key(token.account(), token.id())).await
    }
}

/// The invitation in a row, if the token opens it.
///
/// The secret is compared before the row is read, and with something also when there is none: how long it takes then says little
/// about whether there is such an invitation.
fn opened(token: &Token, row: Option<Row>) -> Result<Option<Invitation>, StoreError> {
    let hash = row.as_ref().map_or(Ok([0; 32]), item::link_hash)?;
    let row = if token.has_hash(&hash) { row } else { None };
    row.map(item::from_row).transpose()
}
