//! Everything that can happen next, as `stateright` wants to be told it.

use stateright::{Model, Property};

use super::{
    client::{Answer, Client, Phase, Refusal},
    defects::Defect,
    properties,
    scenarios::{Kind, Scenario},
    table::{BEFORE, Status, Table, Time, Transaction, Write},
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

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A client does what it does by itself.
    Step(usize),
    /// Its transaction is judged, and it hears of it.
    Reply(usize),
    /// It is told of a conflict. Its transaction may arrive all the same.
    Conflict(usize),
    /// It hears nothing. Its transaction may arrive, or may have.
    Silence(usize),
    /// It dies once it has sent its transaction, which may arrive.
    Crash(usize),
    /// A transaction is carried out of which its client knows nothing: at once, which is a reply that was lost, or late.
    Arrive(usize, usize),
    /// Time passes.
    Tick,
    /// The lock of what has expired is purged.
    Purge,
}

impl Model for Protocol {
    type State = Moment;
    type Action = Event;

    fn init_states(&self) -> Vec<Moment> {
        let moment = |scenario: &Scenario| Moment {
            table: scenario.table.clone(),
            clients: (0..).zip(&scenario.requests).map(|(number, request)| Client::new(number, *request, self.attempts)).collect(),
            now: scenario.now,
            seen: Seen::default(),
        };
        self.scenarios.iter().map(moment).collect()
    }

    fn actions(&self, moment: &Moment, events: &mut Vec<Event>) {
        for (number, client) in moment.clients.iter().enumerate() {
            match client.phase {
                Phase::Send(..) => {
                    events.extend([Event::Reply, Event::Conflict, Event::Silence, Event::Crash].map(|status| status(number)))
                }
                Phase::Done(_) | Phase::Crashed => {}
                _ => events.push(Event::Step(number)),
            }
            // What is refused on its late arrival might as well never have arrived.
            let welcome = |transaction: &&Transaction| moment.table.classify(transaction, self.defect).is_ok();
            let arriving = client.astray.iter().enumerate().filter(|(_, transaction)| welcome(transaction));
            events.extend(arriving.map(|(place, _)| Event::Arrive(number, place)));
        }
        if moment.now < self.end {
            events.push(Event::Tick);
        }
        if moment.table.lock.is_some_and(|lock| lock.expiry <= moment.now) {
            events.push(Event::Purge);
        }
    }

    fn next_state(&self, before: &Moment, event: Event) -> Option<Moment> {
        let mut after = before.clone();
        let defect = self.defect;
        match event {
            Event::Tick => after.now += 1,
            Event::Purge => after.table.lock = None,
            Event::Arrive(number, place) => {
                let transaction = after.clients[number].astray.remove(place);
                after.carry_out(number, &transaction, defect).ok()?;
            }
            Event::Step(number) => after.clients[number].step(&mut after.table, before.now, defect),
            Event::Reply(number) | Event::Conflict(number) | Event::Silence(number) | Event::Crash(number) => {
                let Phase::Send(_, transaction) = before.clients[number].phase else { return None };
                if defect == Some(Defect::QuotaCountedBefore) {
                    after.table.sendings += u8::from(transaction.charge);
                }
                match event {
                    Event::Reply(_) => {
                        let reply = after.carry_out(number, &transaction, defect);
                        after.clients[number].hear(reply, &after.table, defect);
                    }
                    Event::Conflict(_) => after.clients[number].conflict(),
                    Event::Silence(_) => after.clients[number].silence(defect),
                    _ => after.clients[number].crash(),
                }
            }
        }
        for client in &mut after.clients {
            client.astray.retain(|transaction| !after.table.has_outrun(transaction, defect));
        }
        if let Event::Step(number) | Event::Reply(number) = event {
            after.note_answer(number);
        }
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Moment {
    fn carry_out(&mut self, number: usize, transaction: &Transaction, defect: Option<Defect>) -> Result<(), super::table::Refused> {
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
    fn effects_of(&self, request: super::scenarios::Request) -> u8 {
        let same = self.clients.iter().zip(self.seen.effects).filter(|(client, _)| client.request == request);
        same.map(|(_, effects)| effects).sum()
    }

    fn note_answer(&mut self, number: usize) {
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
