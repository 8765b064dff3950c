//! The rows of a request in progress.

use super::super::{StoreError, item::Stored};
use crate::domain::{
    Invitation, InvitationId, Principal, Rejected, Timestamp,
    bulk::{BulkOperation, BulkRow, RowResult},
    lifecycle::{self, Operation, SendPolicy},
    link::Token,
    settings::AccountSettings,
};

/// A row, and what is known about it.
pub(super) struct RowProgress<'a> {
    pub(super) row: &'a BulkRow,
    pub(super) id: InvitationId,
    pub(super) operation: Operation,
    pub(super) state: State,
    /// The token of the link, if the caller gets it.
    pub(super) token: Option<Token>,
}

/// Whether a row is decided.
pub(super) enum State {
    /// Not decided yet: the invitation to create.
    Open(Box<Invitation>),
    /// Decided, though not yet recorded.
    Done(RowResult),
}

impl<'a> RowProgress<'a> {
    /// The row at the beginning of a run.
    pub(super) fn new(
        row: &'a BulkRow,
        who: &Principal,
        (policy, settings): (&SendPolicy, &AccountSettings),
        bulk: &BulkOperation,
        now: Timestamp,
    ) -> Self {
        let (id, operation) = (bulk.invitation(row.index), bulk.operation(row.index));
        let state = match lifecycle::create(who, &row.invitation, id, &operation, now, policy, settings) {
            Ok(invitation) => State::Open(Box::new(invitation)),
            Err(rejected) => State::Done(RowResult::Rejected(rejected)),
        };
        Self { row, id, operation, state, token: None }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub(super) fn is_created(&self) -> bool {
        matches!(self.state, State::Done(RowResult::Created { .. }))
    }

    /// Records that the row was created. `stored` is its invitation, perhaps changed since.
    pub(super) fn found(&mut self, stored: &Stored) -> Result<(), StoreError> {
        if !stored.has_applied(&self.operation.id) {
            return Err(StoreError::Defect { cause: format!("the id {} belongs to another operation", self.id) });
        }
        self.state = State::Done(RowResult::Created { at: stored.invitation.resource.created, lifetime: stored.invitation.lifetime });
        Ok(())
    }

    /// Records a rejection, unless the row was created.
    pub(super) fn reject(&mut self, rejected: Rejected) {
        if !self.is_created() {
            self.state = State::Done(RowResult::Rejected(rejected));
        }
    }
}
