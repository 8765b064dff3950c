//! Creating an invitation: one transaction.
//!
//! Put the kept answer (only with a key) · take the address's lock · put the invitation · count the sending.

use super::{
    Failure, IdempotencyRequest, Outcome, Store, StoreError, item, keys,
    lock::already_invited,
    transaction::{Attempts, CommitOutcome, Condition, Transaction, WriteTarget},
};
use crate::domain::{
    Invitation, InvitationId, Principal, Timestamp,
    idempotency::StoredResponse,
    lifecycle::{self, NewInvitation, Operation, SendPolicy, quota_window},
};

impl Store {
    /// Creates the invitation of `request`. `render` makes the answer from the invitation and the time it was created at.
    ///
    /// # Errors
    /// A [`Rejected`](crate::domain::Rejected): `RoleNotGrantable`, `Expiry`, `AlreadyInvited`, `Quota` or `KeyReused`;
    /// [`StoreError`] when the table fails.
    pub async fn create(
        &self,
        who: &Principal,
        request: &NewInvitation,
        policy: &SendPolicy,
        idempotency: Option<&IdempotencyRequest>,
        render: impl Fn(&Invitation, Timestamp) -> StoredResponse,
    ) -> Result<Outcome, Failure> {
        let operation = Operation::generate();
        let result = self.try_create(who, request, policy, idempotency, &operation, render).await;
        self.replay_on_rejection(who, idempotency, &operation.id, result).await
    }

    async fn try_create(
        &self,
        who: &Principal,
        request: &NewInvitation,
        policy: &SendPolicy,
        idempotency: Option<&IdempotencyRequest>,
        operation: &Operation,
        render: impl Fn(&Invitation, Timestamp) -> StoredResponse,
    ) -> Result<Outcome, Failure> {
        // One time, one id and one operation for all attempts: whichever is carried out, it has created the same, whatever others
        // have made of it since.
        let now = self.now();
        let id = self.ids.next(now);
        let invitation = lifecycle::create(who, request, id, operation, now, policy)?;
        let created = Outcome { answer: render(&invitation, now), id, replayed: false };
        let mut attempts = Attempts::start();
        loop {
            let mut transaction = Transaction::default();
            if let Some(idempotency) = idempotency {
                self.put_stored_response(&mut transaction, who, idempotency, &operation.id, &created, now);
            }
            self.take_lock(&mut transaction, &invitation, now);
            let row = item::to_row(&invitation, policy.retention);
            transaction.put(self, WriteTarget::Invitation, row, Condition::new("attribute_not_exists(#pk)", []));
            self.consume_quota(&mut transaction, who, now, policy);

            let error = match self.send(transaction).await? {
                CommitOutcome::Committed => return Ok(created),
                CommitOutcome::Refused(WriteTarget::Invitation, row) => {
                    let stored = item::from_row(row.unwrap_or_default())?;
                    if !stored.operations.contains(&operation.id) {
                        return Err(StoreError::Defect { cause: format!("the fresh id {id} is taken") }.into());
                    }
                    return self.stored_or(who, idempotency, &operation.id, created).await;
                }
                CommitOutcome::Refused(WriteTarget::StoredResponse, row) => return self.replay(idempotency, &operation.id, row),
                CommitOutcome::Refused(WriteTarget::Lock, row) => return Err(already_invited(row)?.into()),
                CommitOutcome::Refused(WriteTarget::Quota, _) => return Err(quota_window(now, policy).1.into()),
                CommitOutcome::Busy(error) => match attempts.pause(error).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                CommitOutcome::Unknown(error) => error,
            };
            // This attempt or an earlier one may have been carried out after all.
            if !self.was_carried_out(who, id, operation).await {
                return Err(error.into());
            }
            return self.stored_or(who, idempotency, &operation.id, created).await;
        }
    }

    /// Whether `operation` is among those that made the invitation what it is. What cannot be read says no: it tells no more than
    /// the unknown outcome that was to be looked into.
    pub(super) async fn was_carried_out(&self, who: &Principal, id: InvitationId, operation: &Operation) -> bool {
        let row = self.read_row(keys::invitation_key(who.account(), id)).await.ok().flatten();
        row.and_then(|row| item::from_row(row).ok()).is_some_and(|stored| stored.operations.contains(&operation.id))
    }
}
