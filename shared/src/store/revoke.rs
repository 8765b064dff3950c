//! Revokes open invitations of an account, for operators.
//!
//! - revoke: change the invitation · release the lock
//!
//! The same write as a revocation by the account, decided and conditioned in the same way: see `modify`. It needs no
//! [`Principal`](crate::domain::Principal), because a revocation grants nothing and records nobody, and no link keys.

use std::time::Duration;

use super::{
    Failure, Page, Store, StoreError,
    command::{Command, Plan, unexpected},
    item::Stored,
    row::Row,
    transaction::{Attempts, Transaction, WriteTarget},
};
use crate::domain::{AccountId, InvitationId, Rejected, Timestamp, invitation::OperationId, page::Cursor, revocation::Revocation};

/// How long a revocation is tried while others write the same rows or DynamoDB throttles the account. Throttling can last, because an
/// account is one partition, and nobody waits for a single revocation.
const RETRY_FOR: Duration = Duration::from_secs(60);

impl Store {
    /// Returns the next invitations to revoke, at most `limit`. The page may be short or empty although more follow.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or a row cannot be read.
    pub async fn to_revoke(
        &self,
        account: &AccountId,
        revocation: &Revocation,
        limit: usize,
        cursor: Option<&Cursor>,
    ) -> Result<Page, StoreError> {
        self.page(account, revocation.list(), limit, cursor).await
    }

    /// Revokes an invitation if it is still one of `revocation`, and returns whether this call has revoked it.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read. It may still have been revoked.
    pub async fn revoke(
        &self,
        account: &AccountId,
        id: InvitationId,
        revocation: &Revocation,
        retention: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let stored = self.stored(account, id).await?;
        let (operation, now) = (OperationId::generate(), self.now());
        match self.commit(&mut Revoke { store: self, account, id, revocation, retention, operation, now }, stored).await {
            Ok(revoked) => Ok(revoked),
            // It was erased or purged.
            Err(Failure::Rejected(_)) => Ok(false),
            Err(Failure::Store(error)) => Err(error),
        }
    }
}

struct Revoke<'a> {
    store: &'a Store,
    account: &'a AccountId,
    id: InvitationId,
    revocation: &'a Revocation,
    retention: Option<Duration>,
    operation: OperationId,
    now: Timestamp,
}

impl Command for Revoke<'_> {
    /// Whether this operation has revoked the invitation.
    type Outcome = bool;

    fn operation(&self) -> &OperationId {
        &self.operation
    }

    fn invitation(&self) -> (&AccountId, InvitationId) {
        (self.account, self.id)
    }

    fn attempts(&self) -> Attempts {
        Attempts::within(RETRY_FOR)
    }

    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<bool>, Failure> {
        let stored = stored.ok_or(Rejected::NotFound)?;
        let Some(after) = self.revocation.revoke(&stored.invitation, &self.operation, self.now) else {
            return Ok(Plan::Unchanged(stored.is_current(), false));
        };
        let mut transaction = Transaction::default();
        transaction.change(self.store, stored, &after, (self.retention, self.now), stored.is_current());
        self.store.release_lock(&mut transaction, &after);
        Ok(Plan::Write(transaction, true))
    }

    fn condition_failed(&mut self, target: WriteTarget, _: Option<Row>) -> Result<Option<bool>, Failure> {
        match target {
            // Without the lock, the invitation has expired, independent of the clocks.
            WriteTarget::Lock => Ok(Some(false)),
            WriteTarget::Invitation
            | WriteTarget::StoredResponse
            | WriteTarget::Quota
            | WriteTarget::Settings
            | WriteTarget::ExternalId => Err(unexpected(target).into()),
        }
    }
}
