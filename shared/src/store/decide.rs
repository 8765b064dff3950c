//! Operations of an invitee: look up, accept or decline the invitation of a link.
//!
//! - accept, decline: change the invitation · release the lock
//!
//! The secret is compared after the read, and is also a condition of the write. Otherwise these changes are decided and conditioned like
//! all others: see `modify`.

use std::time::Duration;

use super::{
    Failure, Store, StoreError,
    command::{Command, Plan, unexpected},
    item::{self, Stored},
    keys,
    row::{Row, bytes, bytes_in},
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, Invitation, InvitationId, Rejected, Timestamp,
    invitation::OperationId,
    lifecycle::{self, InviteeDecision},
    link::Token,
};

impl Store {
    /// Returns the invitation that a token opens; `None` if it does not exist, if the token is not its own, or if a newer link was sent.
    /// One read in every case.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn find_by_token(&self, token: &Token) -> Result<Option<Invitation>, StoreError> {
        self.opened_by(token).await?.map(item::from_row).transpose()
    }

    /// The same as [`Store::find_by_token`], for [`Store::decide`].
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn find_to_decide(&self, token: &Token) -> Result<Option<Stored>, StoreError> {
        self.opened_by(token).await?.map(Stored::from_row).transpose()
    }

    /// Compares the secret before parsing the row. Without a row it compares a dummy hash, so that the response time says little about
    /// whether the invitation exists.
    async fn opened_by(&self, token: &Token) -> Result<Option<Row>, StoreError> {
        let row = self.read_row_of(token.account(), keys::invitation_key(token.account(), token.id())).await?;
        let hash = row.as_ref().map_or(Ok([0; 32]), |row| bytes_in(row, "th"))?;
        Ok(if token.has_hash(&hash) { row } else { None })
    }

    /// Accepts or declines the invitation that [`Store::find_to_decide`] found, and returns it with the time of the decision. `permit` may
    /// reject the decision, given the invitation at that time. `by` identifies the accepting user in the host application, if it says so.
    ///
    /// # Errors
    /// [`Rejected::NotFound`], [`Rejected::Closed`], [`Rejected::Expired`], those of `permit`; [`StoreError`] when the table
    /// fails.
    pub async fn decide(
        &self,
        token: &Token,
        stored: Stored,
        decision: InviteeDecision,
        by: Option<&str>,
        retention: Option<Duration>,
        permit: impl Fn(&Invitation, Timestamp) -> Result<(), Rejected>,
    ) -> Result<(Invitation, Timestamp), Failure> {
        let (operation, now) = (OperationId::generate(), self.now());
        self.commit(&mut Decide { store: self, token, decision, by, retention, permit, operation, now }, Some(stored)).await
    }
}

struct Decide<'a, P> {
    store: &'a Store,
    token: &'a Token,
    decision: InviteeDecision,
    by: Option<&'a str>,
    retention: Option<Duration>,
    permit: P,
    operation: OperationId,
    now: Timestamp,
}

impl<P: Fn(&Invitation, Timestamp) -> Result<(), Rejected>> Command for Decide<'_, P> {
    type Outcome = (Invitation, Timestamp);

    fn operation(&self) -> &OperationId {
        &self.operation
    }

    fn invitation(&self) -> (&AccountId, InvitationId) {
        (self.token.account(), self.token.id())
    }

    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Self::Outcome>, Failure> {
        let opened = stored.filter(|stored| self.token.has_hash(&stored.invitation.link.hash));
        let stored = opened.ok_or(Rejected::NotFound)?;
        let before = &stored.invitation;
        (self.permit)(before, self.now)?;
        let Some(after) = lifecycle::decide(before, self.decision, self.by, &self.operation, self.now)? else {
            return Ok(Plan::Unchanged(stored.is_current(), (before.clone(), self.now)));
        };
        let mut transaction = Transaction::default();
        let current = stored.is_current().and("#th = :th", ":th", bytes(&self.token.hash()));
        transaction.change(self.store, stored, &after, (self.retention, self.now), current);
        self.store.release_lock(&mut transaction, &after);
        Ok(Plan::Write(transaction, (after, self.now)))
    }

    fn condition_failed(&mut self, target: WriteTarget, _: Option<Row>) -> Result<Option<Self::Outcome>, Failure> {
        Err(match target {
            // Without the lock, the invitation has expired, independent of the clocks.
            WriteTarget::Lock => Rejected::Expired.into(),
            WriteTarget::Invitation
            | WriteTarget::StoredResponse
            | WriteTarget::Quota
            | WriteTarget::Settings
            | WriteTarget::ExternalId => unexpected(target).into(),
        })
    }
}
