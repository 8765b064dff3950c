//! Changes an invitation: reads it, decides, and writes on the condition that it has not changed since.
//!
//! - revoke: change the invitation · release the lock
//! - resend: change the invitation · take the lock · consume quota
//! - update: change the invitation · extend the lock, if the expiry changes
//!
//! The condition compares the revision, and every change that affects a decision increments the revision. So the decision is valid when
//! the transaction commits. If the condition fails, the command decides again, on the row that the refusal returns. The same holds for
//! the precondition of `If-Match`: every write of what the response shows increments the revision, too.

use super::{
    Failure, IdempotencyRequest, Outcome, Store,
    command::{Command, Plan, unexpected},
    idempotency::CallersLink,
    item::Stored,
    lock::already_invited,
    row::Row,
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, Invitation, InvitationId, Principal, Rejected, Timestamp,
    entity_tag::{EntityTag, EntityTags},
    idempotency::StoredResponse,
    invitation::OperationId,
    lifecycle::{self, Action, Change, Operation, SendPolicy, quota_window},
    settings::AccountSettings,
};

/// A caller's request to change an invitation.
#[derive(Debug, Clone)]
pub struct ModifyRequest {
    /// The invitation.
    pub id: InvitationId,
    /// The change.
    pub action: Action,
    /// The change requires that a response showing the invitation before it would have one of these tags.
    pub if_match: Option<EntityTags>,
}

impl Store {
    /// Carries out `request`. `render` makes the response from the changed invitation and the time of the change.
    ///
    /// # Errors
    /// [`Rejected::NotFound`], [`Rejected::Changed`], [`Rejected::KeyReused`], [`Rejected::Quota`], [`Rejected::AlreadyInvited`], and
    /// those of [`lifecycle::modify`];
    /// [`StoreError`](super::StoreError) when the table fails.
    pub async fn modify(
        &self,
        who: &Principal,
        request: &ModifyRequest,
        policy: &SendPolicy,
        settings: &AccountSettings,
        idempotency: Option<&IdempotencyRequest>,
        render: impl Fn(&Invitation, Timestamp) -> StoredResponse,
    ) -> Result<Outcome, Failure> {
        let operation = Operation::generate();
        let modify = async {
            let stored = self.stored(who.account(), request.id).await?.ok_or(Rejected::NotFound)?;
            let (now, operation) = (self.now(), operation.clone());
            let modify = Modify { store: self, who, request, policy, settings, operation, now, render, closes: None, without_lock: None };
            self.commit_once(who, idempotency, now, modify, Some(stored)).await
        };
        let outcome = self.replay_on_rejection(who, idempotency, &operation.id, modify.await).await?;
        self.with_link(who, policy, &operation, outcome).await
    }
}

struct Modify<'a, R> {
    store: &'a Store,
    who: &'a Principal,
    request: &'a ModifyRequest,
    policy: &'a SendPolicy,
    settings: &'a AccountSettings,
    operation: Operation,
    now: Timestamp,
    render: R,
    /// The revision that the last plan closes.
    closes: Option<u64>,
    /// The revision that does not hold the lock. An expired invitation may have lost it.
    without_lock: Option<u64>,
}

impl<R: Fn(&Invitation, Timestamp) -> StoredResponse> Modify<'_, R> {
    fn outcome(&self, invitation: &Invitation) -> Outcome {
        Outcome { response: (self.render)(invitation, self.now), id: self.request.id, replayed: false, link: None }
    }

    /// Whether the invitation has a tag that the caller requires. It is that of the response that would show it now.
    fn is_expected(&self, invitation: &Invitation) -> bool {
        let tag = || EntityTag::of(&(self.render)(invitation, self.now).body);
        self.request.if_match.as_ref().is_none_or(|expected| expected.include_strongly(&tag()))
    }

    /// During the cooldown: returns the rejection that lasts longer, so that waiting for Retry-After is sufficient.
    async fn cooling_down(&self, stored: &Stored, cooldown: Rejected) -> Result<Plan<Outcome>, Failure> {
        let next_send = stored.invitation.next_send;
        let Some(quota) = self.store.quota_beyond(self.who, next_send, self.now, self.policy).await? else {
            return Err(cooldown.into());
        };
        // Valid only if nothing changed before the quota was read: the invitation may have been revoked first, and the quota used up by
        // others.
        let newer = self.store.stored(self.who.account(), self.request.id).await?;
        let unchanged = newer.as_ref().is_some_and(|newer| newer.invitation.revision == stored.invitation.revision);
        if unchanged { Err(quota.into()) } else { Ok(Plan::Again(newer.map(Box::new))) }
    }
}

impl<R: Fn(&Invitation, Timestamp) -> StoredResponse> Command for Modify<'_, R> {
    type Outcome = Outcome;

    fn operation(&self) -> &OperationId {
        &self.operation.id
    }

    fn invitation(&self) -> (&AccountId, InvitationId) {
        (self.who.account(), self.request.id)
    }

    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Outcome>, Failure> {
        let stored = stored.ok_or(Rejected::NotFound)?;
        let before = &stored.invitation;
        self.closes = None;
        let result = lifecycle::modify(self.who, before, &self.request.action, &self.operation, self.now, self.policy, self.settings);
        // Permissions come first, and what is already as requested needs no change. All else depends on a state that the caller may not
        // have seen.
        let depends_on_state = !matches!(result, Ok(Change::Nothing) | Err(Rejected::RoleNotGrantable { .. }));
        if depends_on_state && !self.is_expected(before) {
            return Err(Rejected::Changed.into());
        }
        let mut transaction = Transaction::default();
        let mut change =
            |after: &Invitation| transaction.change(self.store, stored, after, (self.policy.retention, self.now), stored.is_current());
        let mut link = None;
        let after = match result {
            Err(cooldown @ Rejected::Cooldown { .. }) => return self.cooling_down(stored, cooldown).await,
            Err(rejected) => return Err(rejected.into()),
            Ok(Change::Nothing) => return Ok(Plan::Unchanged(stored.is_current(), self.outcome(before))),
            Ok(Change::Closed(after)) => {
                change(&after);
                self.closes = Some(before.revision);
                if self.without_lock != self.closes {
                    self.store.release_lock(&mut transaction, &after);
                }
                after
            }
            Ok(Change::Sent(after)) => {
                change(&after);
                self.store.take_lock(&mut transaction, &after, self.now);
                self.store.consume_quota(&mut transaction, self.who, self.now, self.policy, 1);
                link = CallersLink::of(&after, self.policy);
                after
            }
            Ok(Change::Updated(after)) => {
                change(&after);
                if after.resource.expiry != before.resource.expiry {
                    self.store.take_lock(&mut transaction, &after, self.now);
                }
                after
            }
        };
        Ok(Plan::Write(transaction, Outcome { link, ..self.outcome(&after) }))
    }

    fn condition_failed(&mut self, target: WriteTarget, row: Option<Row>) -> Result<Option<Outcome>, Failure> {
        match target {
            WriteTarget::Lock if self.closes.is_some() => {
                self.without_lock = self.closes;
                Ok(None)
            }
            WriteTarget::Lock => Err(already_invited(row)?.into()),
            WriteTarget::Quota => Err(quota_window(self.now, self.policy).1.into()),
            WriteTarget::Invitation | WriteTarget::StoredResponse | WriteTarget::Settings | WriteTarget::ExternalId => {
                Err(unexpected(target).into())
            }
        }
    }
}
