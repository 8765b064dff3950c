//! The transitions of the model, for `stateright`.

use stateright::{Model, Property};

use super::{
    client::{Client, Phase},
    defects::Defect,
    properties,
    scenarios::Scenario,
    state::{Observations, Protocol, SystemState},
    table::Transaction,
};

/// A transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A client takes a step that needs no reply.
    Step(usize),
    /// A client's transaction is executed or refused, and the reply arrives.
    Reply(usize),
    /// A client receives a conflict. Its transaction may still execute.
    Conflict(usize),
    /// A client receives no reply. Its transaction may execute.
    Timeout(usize),
    /// A client crashes after it has sent its transaction, which may execute.
    Crash(usize),
    /// A transaction in flight executes: at once, so that its reply was lost, or late.
    Deliver(usize, usize),
    /// Time passes.
    Tick,
    /// An expired lock is purged.
    Purge,
}

impl Model for Protocol {
    type State = SystemState;
    type Action = Event;

    fn init_states(&self) -> Vec<SystemState> {
        let state = |scenario: &Scenario| SystemState {
            table: scenario.table.clone(),
            clients: (0..).zip(&scenario.requests).map(|(number, request)| Client::new(number, *request, self.attempts)).collect(),
            now: scenario.now,
            observed: Observations::default(),
        };
        self.scenarios.iter().map(state).collect()
    }

    fn actions(&self, state: &SystemState, events: &mut Vec<Event>) {
        for (number, client) in state.clients.iter().enumerate() {
            match client.phase {
                Phase::Send(..) => events.extend([Event::Reply, Event::Conflict, Event::Timeout, Event::Crash].map(|event| event(number))),
                Phase::Done(_) | Phase::Crashed => {}
                _ => events.push(Event::Step(number)),
            }
            // A transaction that is refused when it arrives late has no effect.
            let executable = |transaction: &&Transaction| state.table.check(transaction, self.defect).is_ok();
            let deliverable = client.in_flight.iter().enumerate().filter(|(_, transaction)| executable(transaction));
            events.extend(deliverable.map(|(index, _)| Event::Deliver(number, index)));
        }
        if state.now < self.end {
            events.push(Event::Tick);
        }
        if state.table.lock.is_some_and(|lock| lock.expiry <= state.now) {
            events.push(Event::Purge);
        }
    }

    fn next_state(&self, before: &SystemState, event: Event) -> Option<SystemState> {
        let mut after = before.clone();
        let defect = self.defect;
        match event {
            Event::Tick => after.now += 1,
            Event::Purge => after.table.lock = None,
            Event::Deliver(number, index) => {
                let transaction = after.clients[number].in_flight.remove(index);
                after.execute(number, &transaction, defect).ok()?;
            }
            Event::Step(number) => after.clients[number].step(&mut after.table, before.now, defect),
            Event::Reply(number) | Event::Conflict(number) | Event::Timeout(number) | Event::Crash(number) => {
                let Phase::Send(_, transaction) = before.clients[number].phase else { return None };
                if defect == Some(Defect::QuotaCountedEarly) {
                    after.table.quota_used += u8::from(transaction.counts_send);
                }
                match event {
                    Event::Reply(_) => {
                        let reply = after.execute(number, &transaction, defect);
                        after.clients[number].receive(reply, &after.table, defect);
                    }
                    Event::Conflict(_) => after.clients[number].conflict(),
                    Event::Timeout(_) => after.clients[number].timeout(defect),
                    _ => after.clients[number].crash(),
                }
            }
        }
        for client in &mut after.clients {
            client.in_flight.retain(|transaction| !after.table.is_obsolete(transaction, defect));
        }
        if let Event::Step(number) | Event::Reply(number) = event {
            after.observe_response(number);
        }
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
