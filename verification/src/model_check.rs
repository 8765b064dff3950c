//! Model-checks the store's protocol: four kinds of rows, and two or three callers.
//!
//! A caller reads, decides by the clock, and sends a transaction with the store's conditions. The reply arrives, is lost, or
//! reports a conflict; the transaction executes at once, later, or never; the caller may crash; time may pass between any two
//! steps; an expired lock may be purged. The checker visits every reachable state.
//!
//! The result applies to the code only as far as the model matches it. The tests in `tests/concurrency` and the other parts of the
//! verification run the code itself. The model omits clocks that are ahead of the true time, the expiry of stored responses,
//! purged and erased invitations, and changes by delivery functions.

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

/// The protocols to check, in parts that fit into memory.
fn protocols(scale: &Scale) -> Vec<Protocol> {
    // A caller that receives a conflict must be able to retry; in a long run twice.
    let (attempts, end) = if scale.long { (3, 4) } else { (2, 3) };
    let mut parts = vec![Protocol { scenarios: scenarios::pairs(), attempts, end, defect: None }];
    if scale.long {
        let alone = |scenario| Protocol { scenarios: vec![scenario], attempts: 2, end: 3, defect: None };
        parts.extend(scenarios::triples().into_iter().map(alone));
    }
    parts
}

/// The result of a check.
struct Checked {
    steps: u64,
    states: u64,
    counterexamples: Vec<String>,
}

fn check(protocol: Protocol) -> Checked {
    // With one thread the first counterexample is always the same.
    let (finish, threads) = match protocol.defect {
        Some(_) => (HasDiscoveries::Any, 1),
        None => (HasDiscoveries::AllFailures, thread::available_parallelism().map_or(1, NonZero::get)),
    };
    let checker = protocol.checker().threads(threads).finish_when(finish).spawn_bfs().join();
    let counterexamples = checker.discoveries().into_iter().map(|(property, path)| {
        let first = path.clone().into_states().swap_remove(0);
        let requests: Vec<_> = first.clients.iter().map(|client| client.request).collect();
        format!("{property}: violated by {requests:?} at {} with {:?} in these steps: {:?}", first.now, first.table, path.into_actions())
    });
    Checked { counterexamples: counterexamples.collect(), steps: count(checker.state_count()), states: count(checker.unique_state_count()) }
}

/// One of the shortest counterexamples for a protocol with this defect, if any.
#[must_use]
pub fn counterexample(defect: Defect) -> Option<String> {
    check(Protocol { scenarios: scenarios::pairs(), attempts: 3, end: 3, defect: Some(defect) }).counterexamples.pop()
}

/// Checks the protocol, and then that the check finds every seeded defect.
#[must_use]
pub fn run(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Model check of the protocol",
        "All reachable states of a model of the store's protocol are visited, for every pair of create, resend, revoke, accept and \
         decline, with no, one or two idempotency keys, from three initial states; in a long run also for every three of them. A \
         transaction executes and its reply arrives; or it executes at once, late or never, while its caller receives no reply, \
         receives a conflict, or has crashed. The invitation may expire between any two steps. The same check then runs on \
         protocols with one seeded defect each.",
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
    section.figure("seeded defects", all, Bound::Any);
    section.figure("seeded defects found", all - count(missed.len()), Bound::Exactly(all));
    section.violations.extend(missed.into_iter().map(|defect| format!("no counterexample for {defect:?}")));
    section
}

fn count(number: usize) -> u64 {
    number.try_into().expect("a count")
}
