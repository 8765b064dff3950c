//! A state of the model, with an observer's record of how it was reached.

use super::{
    client::{Client, Phase, Refusal, Response},
    defects::Defect,
    request::{Kind, Request},
    scenarios::Scenario,
    table::{FailedCondition, INITIAL_OPERATION, Status, Table, Time, Transaction, Write},
};

/// The most clients in a scenario.
pub(super) const CLIENTS: usize = 3;

/// The protocol with its scenarios and bounds.
pub(super) struct Protocol {
    pub(super) scenarios: Vec<Scenario>,
    /// The most transactions that an operation sends.
    pub(super) attempts: u8,
    /// The last time.
    pub(super) end: Time,
    /// The seeded defect, if any.
    pub(super) defect: Option<Defect>,
}

/// The record of an observer that sees every step but affects none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Observations {
    /// The number of effects of each operation.
    pub(super) effects: [u8; CLIENTS],
    /// A closed invitation was changed.
    pub(super) reopened: bool,
    /// An invitation was accepted too late, by a superseded link, or while another was open.
    pub(super) wrongly_accepted: bool,
    /// A caller was refused after an effect of its operation or its key.
    pub(super) wrongly_refused: bool,
    /// A caller received a success without an effect.
    pub(super) false_success: bool,
}

/// A state of the table and all clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SystemState {
    pub(super) table: Table,
    pub(super) clients: Vec<Client>,
    pub(super) now: Time,
    pub(super) observed: Observations,
}

impl SystemState {
    pub(super) fn execute(&mut self, number: usize, transaction: &Transaction, defect: Option<Defect>) -> Result<(), FailedCondition> {
        let (slot, row) = (transaction.slot, self.table.invitations[transaction.slot]);
        self.table.execute(transaction, defect)?;
        self.observed.effects[number] += u8::from(!matches!(transaction.write, Write::Check { .. }));
        let (Write::Change { .. }, Some(row)) = (transaction.write, row) else { return Ok(()) };
        self.observed.reopened |= row.status != Status::Pending;
        if self.clients[number].request.kind == Kind::Accept {
            let others = self.table.invitations.iter().enumerate().filter(|(other, _)| *other != slot);
            let replaced = others.filter_map(|(_, other)| *other).any(|other| other.is_open(self.now));
            self.observed.wrongly_accepted |= replaced || row.link != INITIAL_OPERATION || row.expiry <= transaction.decided_at;
        }
        Ok(())
    }

    /// The effects of all clients with the same operation and idempotency key.
    fn effects_of(&self, request: Request) -> u8 {
        let same = self.clients.iter().zip(self.observed.effects).filter(|(client, _)| client.request == request);
        same.map(|(_, effects)| effects).sum()
    }

    pub(super) fn observe_response(&mut self, number: usize) {
        let client = &self.clients[number];
        let Phase::Done(response) = client.phase else { return };
        let by_key = client.request.key.map_or(0, |_| self.effects_of(client.request));
        let effects = self.observed.effects[number] + by_key;
        match response {
            Response::Success => {
                let wanted = match client.request.kind {
                    Kind::Accept => Some(Status::Accepted),
                    Kind::Decline => Some(Status::Declined),
                    Kind::Revoke => Some(Status::Revoked),
                    Kind::Create | Kind::Resend => None,
                };
                let already = wanted.is_some() && self.table.invitations[0].map(|row| row.status) == wanted;
                self.observed.false_success |= effects == 0 && !already;
            }
            Response::Refused(Refusal::KeyReused) | Response::Unavailable => {}
            Response::Refused(_) => self.observed.wrongly_refused |= effects > 0,
        }
    }
}
