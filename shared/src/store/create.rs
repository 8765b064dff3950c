//! Creating an invitation: one transaction.
//!
//! Put the stored response (only with an idempotency key) · take the address's lock · put the invitation · consume quota.

use super::{
    Failure, IdempotencyRequest, Outcome, Store, StoreError,
    command::{Command, Plan, unexpected},
    condition::Condition,
    idempotency::CallersLink,
    item::{self, Stored},
    keys,
    lock::already_invited,
    row::Row,
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, Invitation, InvitationId, Principal, Timestamp,
    idempotency::StoredResponse,
    invitation::OperationId,
    lifecycle::{self, NewInvitation, Operation, SendPolicy, quota_window},
    settings::AccountSettings,
};

impl Store {
    /// Creates the requested invitation. `render` makes the response from the invitation and its creation time.
    ///
    /// # Errors
    /// A [`Rejected`](crate::domain::Rejected): those of [`lifecycle::create`], `AlreadyInvited`, `Quota` or `KeyReused`;
    /// [`StoreError`] when the table fails.
    pub async fn create(
        &self,
        who: &Principal,
        request: &NewInvitation,
        policy: &SendPolicy,
        settings: &AccountSettings,
        idempotency: Option<&IdempotencyRequest>,
        render: impl Fn(&Invitation, Timestamp) -> StoredResponse,
    ) -> Result<Outcome, Failure> {
        let now = self.now();
        let (id, operation) = (self.ids.next(now), Operation::generate());
        let create = async {
            let invitation = lifecycle::create(who, request, id, &operation, now, policy, settings)?;
            let link = CallersLink::of(&invitation, policy);
            let outcome = Outcome { response: render(&invitation, now), id, replayed: false, link };
            let create = Create { store: self, who, policy, operation: operation.id.clone(), invitation, now, outcome };
            self.commit_once(who, idempotency, now, create, None).await
        };
        let outcome = self.replay_on_rejection(who, idempotency, &operation.id, create.await).await?;
        self.with_link(who, policy, &operation, outcome).await
    }
}

struct Create<'a> {
    store: &'a Store,
    who: &'a Principal,
    policy: &'a SendPolicy,
    operation: OperationId,
    invitation: Invitation,
    now: Timestamp,
    outcome: Outcome,
}

impl Command for Create<'_> {
    type Outcome = Outcome;

    fn operation(&self) -> &OperationId {
        &self.operation
    }

    fn invitation(&self) -> (&AccountId, InvitationId) {
        (&self.invitation.resource.account, self.invitation.resource.id)
    }

    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Outcome>, Failure> {
        if stored.is_some() {
            return Err(StoreError::Defect { cause: format!("the fresh id {} is taken", self.invitation.resource.id) }.into());
        }
        let mut transaction = Transaction::default();
        self.store.take_lock(&mut transaction, &self.invitation, self.now);
        let row = item::to_row(&self.invitation, self.policy.retention);
        transaction.put(self.store, WriteTarget::Invitation, row, Condition::new(keys::ABSENT, []));
        self.store.consume_quota(&mut transaction, self.who, self.now, self.policy, 1);
        Ok(Plan::Write(transaction, self.outcome.clone()))
    }

    fn condition_failed(&mut self, target: WriteTarget, row: Option<Row>) -> Result<Option<Outcome>, Failure> {
        Err(match target {
            WriteTarget::Lock => already_invited(row)?.into(),
            WriteTarget::Quota => quota_window(self.now, self.policy).1.into(),
            WriteTarget::Invitation | WriteTarget::StoredResponse | WriteTarget::Settings | WriteTarget::ExternalId => {
                unexpected(target).into()
            }
        })
    }
}
