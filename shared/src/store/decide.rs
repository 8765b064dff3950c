//! Operations of an invitee: look up, accept or decline an invitation, by its link or by the address that it is for.
//!
//! - accept, decline: change the invitation · release the lock
//!
//! The link's secret is compared after the read, and is also a condition of the write. The address is compared by the decision, and needs
//! no condition: the address of an invitation never changes. Otherwise these changes are decided and conditioned like all others: see
//! `modify`.

use std::time::Duration;

use super::{
    Failure, Store, StoreError,
    command::{Command, Plan, unexpected},
    condition::Condition,
    item::{self, Stored},
    keys,
    row::{Row, bytes, bytes_in},
    transaction::{Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, Invitation, InvitationId, Rejected, Timestamp,
    invitation::OperationId,
    invitee::Access,
    lifecycle::{self, DecisionRequest},
    link::Token,
    settings::AccountSettings,
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

    /// Returns the invitation that an invitee wants to decide about, for [`Store::decide`]: with a link the same as
    /// [`Store::find_by_token`]; with an address whatever invitation has that id, because the decision compares the address.
    ///
    /// # Errors
    /// [`StoreError`] when the table fails or the row cannot be read.
    pub async fn find_to_decide(&self, access: &Access<'_>) -> Result<Option<Stored>, StoreError> {
        let row = match access {
            Access::Link(token, _) => self.opened_by(token).await?,
            Access::Address(account, id, _) => self.read_row_of(account, keys::invitation_key(account, *id)).await?,
        };
        row.map(Stored::from_row).transpose()
    }

    /// Compares the secret before parsing the row. Without a row it compares a dummy hash, so that the response time says little about
    /// whether the invitation exists.
    async fn opened_by(&self, token: &Token) -> Result<Option<Row>, StoreError> {
        let row = self.read_row_of(token.account(), keys::invitation_key(token.account(), token.id())).await?;
        let hash = row.as_ref().map_or(Ok([0; 32]), |row| bytes_in(row, "th"))?;
        Ok(if token.has_hash(&hash) { row } else { None })
    }

    /// Accepts or declines the invitation that [`Store::find_to_decide`] found.
    ///
    /// # Errors
    /// [`Rejected::NotFound`], and those of [`lifecycle::decide`]; [`StoreError`] when the table fails.
    pub async fn decide(
        &self,
        access: &Access<'_>,
        stored: Stored,
        request: &DecisionRequest,
        settings: &AccountSettings,
        retention: Option<Duration>,
    ) -> Result<Decided, Failure> {
        let (operation, now) = (OperationId::generate(), self.now());
        self.commit(&mut Decide { store: self, access, request, settings, retention, operation, now }, Some(stored)).await
    }
}

/// The result of a decision.
#[derive(Debug)]
pub struct Decided {
    /// The invitation after the decision.
    pub invitation: Invitation,
    /// The time of this decision.
    pub at: Timestamp,
    /// Whether it has changed the invitation. A repeated decision has not.
    pub changed: bool,
}

struct Decide<'a> {
    store: &'a Store,
    access: &'a Access<'a>,
    request: &'a DecisionRequest,
    settings: &'a AccountSettings,
    retention: Option<Duration>,
    operation: OperationId,
    now: Timestamp,
}

impl Decide<'_> {
    /// The condition that the access is still valid when the row is written.
    fn unchanged(&self, stored: &Stored) -> Condition {
        match self.access {
            Access::Link(token, _) => stored.is_current().and("#th = :th", ":th", bytes(&token.hash())),
            Access::Address(..) => stored.is_current(),
        }
    }

    /// Whether the row is the one that the access is for.
    fn is_accessible(&self, stored: &Stored) -> bool {
        match self.access {
            Access::Link(token, _) => token.opens(&stored.invitation.link),
            Access::Address(..) => true,
        }
    }
}

impl Command for Decide<'_> {
    type Outcome = Decided;

    fn operation(&self) -> &OperationId {
        &self.operation
    }

    fn invitation(&self) -> (&AccountId, InvitationId) {
        (self.access.account(), self.access.id())
    }

    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Self::Outcome>, Failure> {
        let stored = stored.filter(|stored| self.is_accessible(stored)).ok_or(Rejected::NotFound)?;
        let before = &stored.invitation;
        let after = lifecycle::decide(before, self.request, self.access.invitee(), self.settings, &self.operation, self.now)?;
        let Some(after) = after else {
            let decided = Decided { invitation: before.clone(), at: self.now, changed: false };
            return Ok(Plan::Unchanged(stored.is_current(), decided));
        };
        let mut transaction = Transaction::default();
        transaction.change(self.store, stored, &after, (self.retention, self.now), self.unchanged(stored));
        self.store.release_lock(&mut transaction, &after);
        Ok(Plan::Write(transaction, Decided { invitation: after, at: self.now, changed: true }))
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
