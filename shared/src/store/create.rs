//! Creating an invitation: one transaction.
//!
//! Put the kept answer (only with a key) · take the address's lock · put the invitation · count the sending.

use super::{
    Failure, Keep, Outcome, Store, StoreError, item, keys,
    lock::already_invited,
    transaction::{Attempts, Condition, Part, Sent, Transaction},
};
use crate::domain::{
    Invitation, InvitationId, Principal, Timestamp,
    idempotency::Answer,
    lifecycle::{self, NewInvitation, Operation, SendPolicy, quota_window},
};

impl Store {
    /// Creates the invitation of `wish`. `render` makes the answer from the invitation and the time it was created at.
    ///
    /// # Errors
    /// A [`Rejected`](crate::domain::Rejected): `RoleNotGrantable`, `Expiry`, `AlreadyInvited`, `Quota` or `KeyReused`;
    /// [`StoreError`] when the table fails.
    pub async fn create(
        &self,
        who: &Principal,
        wish: &NewInvitation,
        policy: &SendPolicy,
        keep: Option<&Keep>,
        render: impl Fn(&Invitation, Timestamp) -> Answer,
    ) -> Result<Outcome, Failure> {
        let operation = Operation::generate();
        let result = self.try_create(who, wish, policy, keep, &operation, render).await;
        self.recalled(who, keep, &operation.id, result).await
    }

    async fn try_create(
        &self,
        who: &Principal,
        wish: &NewInvitation,
        policy: &SendPolicy,
        keep: Option<&Keep>,
        operation: &Operation,
        render: impl Fn(&Invitation, Timestamp) -> Answer,
    ) -> Result<Outcome, Failure> {
        // One time, one id and one operation for all attempts: whichever is carried out, it has created the same, whatever others
        // have made of it since.
        let now = self.now();
        let id = self.ids.next(now);
        let invitation = lifecycle::create(who, wish, id, operation, now, policy)?;
        let created = Outcome { answer: render(&invitation, now), id, replayed: false };
        let mut attempts = Attempts::start();
        loop {
            let mut transaction = Transaction::default();
            if let Some(keep) = keep {
                self.keep(&mut transaction, who, keep, &operation.id, &created, now);
            }
            self.take_lock(&mut transaction, &invitation, now);
            let row = item::to_row(&invitation, policy.retention);
            transaction.put(self, Part::Invitation, row, Condition::new("attribute_not_exists(#pk)", []));
            self.charge(&mut transaction, who, now, policy);

            let error = match self.send(transaction).await? {
                Sent::Committed => return Ok(created),
                Sent::Refused(Part::Invitation, row) => {
                    let stored = item::from_row(row.unwrap_or_default())?;
                    if !stored.operations.contains(&operation.id) {
                        return Err(StoreError::Defect { cause: format!("the fresh id {id} is taken") }.into());
                    }
                    return self.own_answer(who, keep, &operation.id, created).await;
                }
                Sent::Refused(Part::Kept, row) => return self.replay(keep, &operation.id, row),
                Sent::Refused(Part::Lock, row) => return Err(already_invited(row)?.into()),
                Sent::Refused(Part::Quota, _) => return Err(quota_window(now, policy).1.into()),
                Sent::Busy(error) => match attempts.pause(error).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Sent::Unknown(error) => error,
            };
            // This attempt or an earlier one may have been carried out after all.
            if !self.was_carried_out(who, id, operation).await {
                return Err(error.into());
            }
            return self.own_answer(who, keep, &operation.id, created).await;
        }
    }

    /// Whether `operation` is among those that made the invitation what it is. What cannot be read says no: it tells no more than
    /// the unknown outcome that was to be looked into.
    pub(super) async fn was_carried_out(&self, who: &Principal, id: InvitationId, operation: &Operation) -> bool {
        let row = self.read_row(keys::invitation_key(who.account(), id)).await.ok().flatten();
        row.and_then(|row| item::from_row(row).ok()).is_some_and(|stored| stored.operations.contains(&operation.id))
    }
}
