//! Everything that can happen next, as `stateright` wants to be told it.

use stateright::{Model, Property};

use super::{
    client::{Client, Phase},
    defects::Defect,
    properties,
    scenarios::Scenario,
    state::{Moment, Protocol, Seen},
    table::Transaction,
};

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
