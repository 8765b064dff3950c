//! The store's protocol, as a model of four rows and two or three callers, in everything that can happen to it.
//!
//! A caller reads, decides by the clock, and sends a transaction whose conditions are those of the store. The reply comes, or is
//! lost, or says conflict; what was sent is carried out at once, or later, or never; the caller may crash; time passes between
//! any two steps, and the lock of what has expired is purged or not yet. The checker visits every state that this can lead to.
//!
//! It is a model: what it shows holds for the code as far as the code does these steps. That it does is what the tests of
//! `tests/concurrency` and the other parts of the verification show, which run the code itself. What is left out: clocks that are
//! ahead of the true time, the end of kept answers after a day, purged and erased invitations, and the background's changes.

mod client;
mod defects;
mod model;
mod properties;
mod request;
mod scenarios;
mod state;
mod table;

use std::{num::NonZero, thread};

use stateright::{Checker, HasDiscoveries, Model};

pub use defects::Defect;

use crate::report::{Bound, Scale, Section};
use state::Protocol;

/// What is checked, in parts that fit into memory.
fn protocols(scale: &Scale) -> Vec<Protocol> {
    // Whoever is told of a conflict must be able to try again; and at length once more.
    let (attempts, end) = if scale.long { (3, 4) } else { (2, 3) };
    let mut parts = vec![Protocol { scenarios: scenarios::pairs(), attempts, end, defect: None }];
    if scale.long {
        let alone = |scenario| Protocol { scenarios: vec![scenario], attempts: 2, end: 3, defect: None };
        parts.extend(scenarios::triples().into_iter().map(alone));
    }
    parts
}

/// What was visited, and what was found to be wrong.
struct Checked {
    steps: u64,
    states: u64,
    counterexamples: Vec<String>,
}

fn check(protocol: Protocol) -> Checked {
    // With one thread the counterexample that is found first is always the same.
    let (finish, threads) = match protocol.defect {
        Some(_) => (HasDiscoveries::Any, 1),
        None => (HasDiscoveries::AllFailures, thread::available_parallelism().map_or(1, NonZero::get)),
    };
    let checker = protocol.checker().threads(threads).finish_when(finish).spawn_bfs().join();
    let counterexamples = checker.discoveries().into_iter().map(|(property, path)| {
        let first = path.clone().into_states().swap_remove(0);
        let requests: Vec<_> = first.clients.iter().map(|client| client.request).collect();
        format!("{property}: not when {requests:?} at {} over {:?} go on like this: {:?}", first.now, first.table, path.into_actions())
    });
    Checked { counterexamples: counterexamples.collect(), steps: count(checker.state_count()), states: count(checker.unique_state_count()) }
}

/// What the check says of a protocol that has this defect: one of the shortest ways to break a promise, or nothing.
#[must_use]
pub fn counterexample(defect: Defect) -> Option<String> {
    check(Protocol { scenarios: scenarios::pairs(), attempts: 3, end: 3, defect: Some(defect) }).counterexamples.pop()
}

/// Checks the protocol, and then that the check would notice what could be wrong with it.
#[must_use]
pub fn run(scale: &Scale) -> Section {
    let mut section = Section::new(
        "The protocol in a small scope",
        "A model of the store's steps is visited in every state that it can reach: every pair of create, resend, revoke, accept \
         and decline, without a key, with one, or with two, from three beginnings; at length every three of them, too. A \
         transaction is carried out and answered; or carried out at once, late or never, while its caller hears nothing, is told of \
         a conflict, or has crashed; and time may pass the expiry between any two steps. The same check is then given protocols \
         with one defect each.",
    );
    let parts = protocols(scale);
    section.figure("scenarios", parts.iter().map(|part| count(part.scenarios.len())).sum(), Bound::AtLeast(scale.of(120, 160)));
    section.figure("properties", count(parts[0].properties().len()), Bound::AtLeast(10));
    let (mut steps, mut states, mut counterexamples) = (0, 0, Vec::new());
    for checked in parts.into_iter().map(check) {
        steps += checked.steps;
        states += checked.states;
        counterexamples.extend(checked.counterexamples);
    }
    section.figure("steps", steps, Bound::Any);
    section.figure("states", states, Bound::AtLeast(scale.of(500_000, 5_000_000)));
    section.figure("counterexamples", count(counterexamples.len()), Bound::Exactly(0));
    section.violations.extend(counterexamples);

    let missed: Vec<Defect> = thread::scope(|scope| {
        let searches = Defect::ALL.map(|defect| (defect, scope.spawn(move || counterexample(defect))));
        let found = searches.into_iter().map(|(defect, search)| (defect, search.join().expect("a search does not panic")));
        found.filter(|(_, counterexample)| counterexample.is_none()).map(|(defect, _)| defect).collect()
    });
    let all = count(Defect::ALL.len());
    section.figure("protocols with a defect", all, Bound::Any);
    section.figure("protocols with a defect, found out", all - count(missed.len()), Bound::Exactly(all));
    section.violations.extend(missed.into_iter().map(|defect| format!("nothing is found in a protocol with {defect:?}")));
    section
}

fn count(number: usize) -> u64 {
    number.try_into().expect("a count")
}
