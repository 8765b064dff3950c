//! Stored responses: written in the same transaction as their effect, replayed for 24 hours.
//!
//! There is no "in progress": before the transaction there is no record, after it there is the response.

use std::time::Duration;

use super::{
    Failure, Store, StoreError,
    command::{Command, Plan},
    item::Stored,
    keys,
    row::{Attributes, Row, number, text, time},
    transaction::{Condition, Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, InvitationId, Principal, Rejected, Timestamp,
    idempotency::{Fingerprint, RecordId, StoredResponse},
    invitation::OperationId,
};

/// How long a response is stored.
const STORED_FOR: Duration = Duration::from_secs(24 * 3600);

/// A caller's request that repeating it has one effect and one response.
#[derive(Debug, Clone)]
pub struct IdempotencyRequest {
    /// Identifies the stored response.
    pub id: RecordId,
    /// What the request must be for the response to be replayed.
    pub fingerprint: Fingerprint,
}

/// What an operation returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The response for the caller.
    pub response: StoredResponse,
    /// The invitation that it is about.
    pub id: InvitationId,
    /// Whether it is that of an earlier request.
    pub replayed: bool,
}

impl Store {
    /// Carries out a command, at most once for each Idempotency-Key.
    pub(super) async fn commit_once(
        &self,
        who: &Principal,
        idempotency: Option<&IdempotencyRequest>,
        now: Timestamp,
        mut command: impl Command<Outcome = Outcome>,
        stored: Option<Stored>,
    ) -> Result<Outcome, Failure> {
        match idempotency {
            None => self.commit(&mut command, stored).await,
            Some(request) => self.commit(&mut Once { store: self, who, request, now, command }, stored).await,
        }
    }

    /// A rejection may be the consequence of this very request's earlier success: then the stored response is returned. A caller
    /// who has lost the right to grant gets no response from the time before.
    pub(super) async fn replay_on_rejection(
        &self,
        who: &Principal,
        idempotency: Option<&IdempotencyRequest>,
        operation: &OperationId,
        result: Result<Outcome, Failure>,
    ) -> Result<Outcome, Failure> {
        match (result, idempotency) {
            (Err(Failure::Rejected(rejected)), Some(request))
                if !matches!(rejected, Rejected::KeyReused | Rejected::RoleNotGrantable { .. }) =>
            {
                self.find_stored(who, request, operation).await?.ok_or(rejected.into())
            }
            (result, _) => result,
        }
    }

    /// The response stored under the request's key, if there is one.
    async fn find_stored(
        &self,
        who: &Principal,
        request: &IdempotencyRequest,
        operation: &OperationId,
    ) -> Result<Option<Outcome>, Failure> {
        let row = self.read_row(keys::key(who.account(), keys::stored_response(&request.id))).await?;
        let record = row.map(Record::from_row).transpose()?.filter(|record| record.until > self.now());
        record.map(|record| record.replay(request, operation)).transpose()
    }
}

/// A command with an Idempotency-Key: its transaction stores the response, too.
struct Once<'a, C> {
    store: &'a Store,
    who: &'a Principal,
    request: &'a IdempotencyRequest,
    now: Timestamp,
    command: C,
}

impl<C> Once<'_, C> {
    /// Refused while an earlier response is stored under the same key.
    fn put(&self, transaction: &mut Transaction, operation: &OperationId, outcome: &Outcome) {
        let until = self.now.plus(STORED_FOR);
        let row = keys::key(self.who.account(), keys::stored_response(&self.request.id)).row([
            ("op", text(operation.0.as_str())),
            ("fp", text(self.request.fingerprint.as_str())),
            ("status", number(outcome.response.status)),
            ("body", text(outcome.response.body.as_str())),
            ("inv", text(outcome.id.to_string())),
            ("exp", time(until)),
            ("ttl", number(until.as_secs())),
        ]);
        let absent_or_expired = Condition::new("attribute_not_exists(#pk) OR #exp <= :now", [(":now", time(self.now))]);
        transaction.put(self.store, WriteTarget::StoredResponse, row, absent_or_expired);
    }
}

impl<C: Command<Outcome = Outcome>> Command for Once<'_, C> {
    type Outcome = Outcome;

    fn operation(&self) -> &OperationId {
        self.command.operation()
    }

    fn invitation(&self) -> (&AccountId, InvitationId) {
        self.command.invitation()
    }

    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan<Outcome>, Failure> {
        let (mut transaction, outcome) = match self.command.plan(stored).await? {
            Plan::Write(transaction, outcome) => (transaction, outcome),
            Plan::Unchanged(condition, outcome) => {
                let (account, id) = self.command.invitation();
                let mut transaction = Transaction::default();
                transaction.check(self.store, WriteTarget::Invitation, keys::invitation_key(account, id), condition);
                (transaction, outcome)
            }
            Plan::Again(stored) => return Ok(Plan::Again(stored)),
        };
        self.put(&mut transaction, self.command.operation(), &outcome);
        Ok(Plan::Write(transaction, outcome))
    }

    fn refused(&mut self, target: WriteTarget, row: Option<Row>) -> Result<Option<Outcome>, Failure> {
        match target {
            WriteTarget::StoredResponse => {
                Record::from_row(row.unwrap_or_default())?.replay(self.request, self.command.operation()).map(Some)
            }
            WriteTarget::Invitation | WriteTarget::Lock | WriteTarget::Quota => self.command.refused(target, row),
        }
    }

    /// The record is written with the effect, so it tells whether that happened, also where the invitation shows no trace.
    async fn read_back(&self, store: &Store, _: Outcome) -> Option<Outcome> {
        store.find_stored(self.who, self.request, self.command.operation()).await.ok().flatten()
    }
}

/// A stored response as a row.
struct Record {
    operation: Option<OperationId>,
    fingerprint: String,
    response: StoredResponse,
    id: InvitationId,
    until: Timestamp,
}

impl Record {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        let mut row = Attributes::of(row);
        Ok(Self {
            operation: row.optional_text("op")?.map(OperationId),
            fingerprint: row.text("fp")?,
            response: StoredResponse { status: row.number("status")?, body: row.text("body")? },
            id: row.parsed("inv")?,
            until: row.time("exp")?,
        })
    }

    /// The response, if it was given to the same request. It is no replay if this very operation stored it.
    fn replay(self, request: &IdempotencyRequest, operation: &OperationId) -> Result<Outcome, Failure> {
        if self.fingerprint != request.fingerprint.as_str() {
            return Err(Rejected::KeyReused.into());
        }
        Ok(Outcome { response: self.response, id: self.id, replayed: self.operation.as_ref() != Some(operation) })
    }
}
