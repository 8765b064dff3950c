//! Is a concurrent history linearizable?
//!
//! Wing and Gong's search with Lowe's memoisation: operations take effect one after the other, each at one moment between its
//! call and its answer, and the specification must give each the answer that its caller was told. A set of operations and a
//! state that have led nowhere once are not tried again. Beyond the textbook: an operation without an answer may have taken
//! effect or not, and a specification may allow several states after one operation.

use std::{collections::HashSet, fmt::Debug, hash::Hash};

/// What an object does when its operations come one after the other.
pub trait Specification {
    /// All that it remembers.
    type State: Clone + Eq + Hash + Debug;
    /// An operation with what its caller was told.
    type Operation: Debug;

    /// The states that it may be in after `operation`, if it may give that answer at all. An operation of unknown outcome may
    /// have given any.
    fn after(&self, state: &Self::State, operation: &Self::Operation) -> Vec<Self::State>;
}

/// An operation and the time it took, counted in events of its history.
#[derive(Debug, Clone)]
pub struct Span<O> {
    /// What was done, and what was told.
    pub operation: O,
    /// When it was called.
    pub called: u64,
    /// When it was answered; of an operation of unknown outcome, after when it can no longer take effect.
    pub over: u64,
    /// Whether there was an answer. If not, it may never have taken effect.
    pub answered: bool,
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains every answer.
    Linearizable {
        /// How many states the search has been in.
        visited: usize,
    },
    /// There is none. The longest order that explained some answers, as places in the history; what follows is what it could
    /// not explain.
    Inexplicable {
        /// Explained, in order.
        explained: Vec<usize>,
    },
}

/// Places in a history.
type Set = Vec<u64>;

fn has(set: &Set, place: usize) -> bool {
    set[place / 64] & (1 << (place % 64)) != 0
}

fn flip(set: &mut Set, place: usize) {
    set[place / 64] ^= 1 << (place % 64);
}

/// Looks for an order that explains the history from `initial` on.
pub fn check<S: Specification>(specification: &S, initial: S::State, history: &[Span<S::Operation>]) -> Verdict {
    let mut search = Search {
        specification,
        history,
        done: vec![0; history.len().div_ceil(64)],
        order: Vec::new(),
        longest: Vec::new(),
        dead: HashSet::new(),
    };
    if search.explains(&initial, 0) {
        Verdict::Linearizable { visited: search.dead.len() + search.order.len() }
    } else {
        Verdict::Inexplicable { explained: search.longest }
    }
}

struct Search<'a, S: Specification> {
    specification: &'a S,
    history: &'a [Span<S::Operation>],
    done: Set,
    order: Vec<usize>,
    longest: Vec<usize>,
    /// What has led nowhere.
    dead: HashSet<(Set, S::State)>,
}

impl<S: Specification> Search<'_, S> {
    /// Whether what is left can be explained from `state` on. `latest` is when the latest call was made of what is done.
    fn explains(&mut self, state: &S::State, latest: u64) -> bool {
        let left = || self.history.iter().enumerate().filter(|(place, _)| !has(&self.done, *place));
        // Whatever was called after this was over cannot come before it.
        let Some(soonest) = left().filter(|(_, span)| span.answered).map(|(_, span)| span.over).min() else { return true };
        if self.dead.contains(&(self.done.clone(), state.clone())) {
            return false;
        }
        let next: Vec<usize> = left().filter(|(_, span)| span.called <= soonest && span.over >= latest).map(|(place, _)| place).collect();
        for place in next {
            let span = &self.history[place];
            let mut tried = HashSet::new();
            for after in self.specification.after(state, &span.operation) {
                // An operation without an answer and without an effect need not have happened.
                if (!span.answered && after == *state) || !tried.insert(after.clone()) {
                    continue;
                }
                flip(&mut self.done, place);
                self.order.push(place);
                if self.order.len() > self.longest.len() {
                    self.longest.clone_from(&self.order);
                }
                if self.explains(&after, latest.max(span.called)) {
                    return true;
                }
                self.order.pop();
                flip(&mut self.done, place);
            }
        }
        self.dead.insert((self.done.clone(), state.clone()));
        false
    }
}
