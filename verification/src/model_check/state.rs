//! A state of the model, and what an observer notes on the way to it.

use super::{
    client::{Answer, Client, Phase, Refusal},
    defects::Defect,
    request::{Kind, Request},
    scenarios::Scenario,
    table::{BEFORE, Refused, Status, Table, Time, Transaction, Write},
};

/// The most clients of a scenario.
pub(super) const CLIENTS: usize = 3;

/// Scenarios, and how far they go.
pub(super) struct Protocol {
    pub(super) scenarios: Vec<Scenario>,
    /// How often an operation sends a transaction at most.
    pub(super) attempts: u8,
    /// When time stops.
    pub(super) end: Time,
    /// What is wrong with the protocol, if anything.
    pub(super) defect: Option<Defect>,
}

/// What an observer has noted, who sees everything and is asked by nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// How often each operation has changed something.
    pub(super) effects: [u8; CLIENTS],
    /// A closed invitation was changed.
    pub(super) reopened: bool,
    /// An invitation was accepted too late, by an old link, or while another was open.
    pub(super) wrongly_accepted: bool,
    /// Somebody was refused after his own effect, or that of his key.
    pub(super) denied: bool,
    /// Somebody was told of a success that there was not.
    pub(super) unfounded: bool,
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Moment {
    pub(super) table: Table,
    pub(super) clients: Vec<Client>,
    pub(super) now: Time,
    pub(super) seen: Seen,
}

impl Moment {
    pub(super) fn carry_out(&mut self, number: usize, transaction: &Transaction, defect: Option<Defect>) -> Result<(), Refused> {
        let (place, row) = (transaction.place, self.table.invitations[transaction.place]);
        self.table.execute(transaction, defect)?;
        self.seen.effects[number] += u8::from(!matches!(transaction.write, Write::Check { .. }));
        let (Write::Change { .. }, Some(row)) = (transaction.write, row) else { return Ok(()) };
        self.seen.reopened |= row.status != Status::Pending;
        if self.clients[number].request.kind == Kind::Accept {
            let others = self.table.invitations.iter().enumerate().filter(|(other, _)| *other != place);
            let replaced = others.filter_map(|(_, other)| *other).any(|other| other.is_open(self.now));
            self.seen.wrongly_accepted |= replaced || row.link != BEFORE || row.expiry <= transaction.decided;
        }
        Ok(())
    }

    /// What the clients of an idempotency key and an operation have done.
    fn effects_of(&self, request: Request) -> u8 {
        let same = self.clients.iter().zip(self.seen.effects).filter(|(client, _)| client.request == request);
        same.map(|(_, effects)| effects).sum()
    }

    pub(super) fn note_answer(&mut self, number: usize) {
        let client = &self.clients[number];
        let Phase::Done(answer) = client.phase else { return };
        let by_key = client.request.key.map_or(0, |_| self.effects_of(client.request));
        let effects = self.seen.effects[number] + by_key;
        match answer {
            Answer::Success => {
                let wanted = match client.request.kind {
                    Kind::Accept => Some(Status::Accepted),
                    Kind::Decline => Some(Status::Declined),
                    Kind::Revoke => Some(Status::Revoked),
                    Kind::Create | Kind::Resend => None,
                };
                let already = wanted.is_some() && self.table.invitations[0].map(|row| row.status) == wanted;
                self.seen.unfounded |= effects == 0 && !already;
            }
            Answer::Refused(Refusal::KeyReused) | Answer::Unavailable => {}
            Answer::Refused(_) => self.seen.denied |= effects > 0,
        }
    }
}
