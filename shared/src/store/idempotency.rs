//! Stored responses: written in the same transaction as their effect, replayed for 24 hours.
//!
//! No record has the status "in progress": before the transaction no record exists, after it the record contains the response.

use std::time::Duration;

use super::{
    Failure, Store, StoreError,
    command::{Command, Plan},
    condition::Condition,
    item::Stored,
    keys,
    row::{Attributes, Row, number, text, time},
    transaction::{Attempts, Transaction, WriteTarget},
};
use crate::domain::{
    AccountId, Invitation, InvitationId, Principal, Rejected, Resource, Timestamp,
    idempotency::{Fingerprint, RecordId, StoredResponse},
    invitation::OperationId,
    lifecycle::{Operation, SendPolicy},
    link::Token,
};

/// How long a response is stored.
pub(super) const STORED_FOR: Duration = Duration::from_secs(24 * 3600);

/// The condition that nothing is stored under a key, or only what has expired.
pub(super) fn free(now: Timestamp) -> Condition {
    Condition::new("attribute_not_exists(#pk) OR #exp <= :now", [(":now", time(now))])
}

/// A caller's request for idempotency: repeating it has one effect and one response.
#[derive(Debug, Clone)]
pub struct IdempotencyRequest {
    /// Identifies the stored response.
    pub id: RecordId,
    /// Identifies the request that the response may be replayed for.
    pub fingerprint: Fingerprint,
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The response for the caller.
    pub response: StoredResponse,
    /// The invitation that the response shows.
    pub id: InvitationId,
    /// Whether the response is one of an earlier request.
    pub replayed: bool,
    /// The link that the caller gets with the response.
    pub link: Option<CallersLink>,
}

/// A link for the caller. It is stored nowhere: a replay derives it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallersLink {
    /// The sending.
    version: u32,
    /// The link's token; `None` if it is not derived yet, no longer the current one, or not for this caller any more.
    pub token: Option<Token>,
}

impl CallersLink {
    /// The link of an invitation that the caller gets.
    pub(super) fn of(invitation: &Invitation, policy: &SendPolicy) -> Option<Self> {
        let Resource { account, id, link_only, .. } = &invitation.resource;
        let token = || policy.link_keys.token(account, *id, &invitation.link);
        link_only.then(|| Self { version: invitation.link.version, token: token() })
    }
}

impl Store {
    /// Commits a command, at most once for each Idempotency-Key.
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

    /// Returns the stored response instead of a rejection, because the rejection may be a consequence of the same request's earlier
    /// success. A caller who has lost the right to grant the role does not get the earlier response.
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

    /// Derives the link of a stored response again. That of the operation itself, whose reply was lost, follows from the operation, also if
    /// the invitation has been sent again meanwhile. A replay has its link if it is still the invitation's and the caller may grant the role
    /// that it gives now.
    pub(super) async fn with_link(
        &self,
        who: &Principal,
        policy: &SendPolicy,
        operation: &Operation,
        mut outcome: Outcome,
    ) -> Result<Outcome, Failure> {
        let Some(link) = outcome.link.as_mut().filter(|link| link.token.is_none()) else { return Ok(outcome) };
        let (account, id) = (who.account(), outcome.id);
        if !outcome.replayed {
            let own = policy.link_keys.link(account, id, link.version, operation.nonce);
            link.token = policy.link_keys.token(account, id, &own);
        } else if let Some(stored) = self.stored(account, id).await?
            && who.may_grant(&stored.invitation.resource.role)
        {
            link.token = CallersLink::of(&stored.invitation, policy).filter(|now| now.version == link.version).and_then(|now| now.token);
        }
        Ok(outcome)
    }

    /// The response stored under the request's key, if any.
    async fn find_stored(
        &self,
        who: &Principal,
        request: &IdempotencyRequest,
        operation: &OperationId,
    ) -> Result<Option<Outcome>, Failure> {
        let row = self.read_row(keys::key(who.account(), keys::stored_response(&request.id))).await?;
        let Some(row) = row else { return Ok(None) };
        // An expired record counts as absent, even if TTL has not deleted it and the rest of it cannot be read.
        let mut row = Attributes::of(row);
        if row.time("exp")? <= self.now() {
            return Ok(None);
        }
        Record::read(row)?.replay(request, operation).map(Some)
    }
}

/// A command with an Idempotency-Key: its transaction also stores the response.
struct Once<'a, C> {
    store: &'a Store,
    who: &'a Principal,
    request: &'a IdempotencyRequest,
    now: Timestamp,
    command: C,
}

impl<C> Once<'_, C> {
    /// Adds the response. Its condition fails while an earlier response is stored under the same key.
    fn put(&self, transaction: &mut Transaction, operation: &OperationId, outcome: &Outcome) {
        let until = self.now.plus(STORED_FOR);
        let link = outcome.link.as_ref().map(|link| ("link", number(link.version)));
        let response = [
            ("op", text(operation.0.as_str())),
            ("fp", text(self.request.fingerprint.as_str())),
            ("status", number(outcome.response.status)),
            ("body", text(outcome.response.body.as_str())),
            ("inv", text(outcome.id.to_string())),
            ("exp", time(until)),
            ("ttl", number(until.as_secs())),
        ];
        let row = keys::key(self.who.account(), keys::stored_response(&self.request.id)).row(response.into_iter().chain(link));
        transaction.put(self.store, WriteTarget::StoredResponse, row, free(self.now));
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

    fn attempts(&self) -> Attempts {
        self.command.attempts()
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

    fn condition_failed(&mut self, target: WriteTarget, row: Option<Row>) -> Result<Option<Outcome>, Failure> {
        match target {
            WriteTarget::StoredResponse => {
                Record::read(Attributes::of(row.unwrap_or_default()))?.replay(self.request, self.command.operation()).map(Some)
            }
            WriteTarget::Invitation | WriteTarget::Lock | WriteTarget::Quota | WriteTarget::Settings | WriteTarget::ExternalId => {
                self.command.condition_failed(target, row)
            }
        }
    }

    /// The record is written in the same transaction as the effect, so it shows whether the effect happened, even if the invitation does
    /// not.
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
    /// The sending whose link the caller got.
    link: Option<u32>,
}

impl Record {
    fn read(mut row: Attributes) -> Result<Self, StoreError> {
        Ok(Self {
            operation: row.optional_text("op")?.map(OperationId),
            fingerprint: row.text("fp")?,
            response: StoredResponse { status: row.number("status")?, body: row.text("body")? },
            id: row.parsed("inv")?,
            link: Some(row.number_or("link", 0)?).filter(|version| *version > 0),
        })
    }

    /// The response, if the request is the same. It is not a replay if this operation itself stored it.
    fn replay(self, request: &IdempotencyRequest, operation: &OperationId) -> Result<Outcome, Failure> {
        if self.fingerprint != request.fingerprint.as_str() {
            return Err(Rejected::KeyReused.into());
        }
        let link = self.link.map(|version| CallersLink { version, token: None });
        Ok(Outcome { response: self.response, id: self.id, replayed: self.operation.as_ref() != Some(operation), link })
    }
}
