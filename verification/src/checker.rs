//! Checks whether a concurrent history is linearizable.
//!
//! Wing and Gong's search with Lowe's memoization: operations take effect one after the other, each at one point between its
//! invocation and its response, and the specification must allow every response. A set of linearized operations with a state
//! that led nowhere is not searched again. Beyond the textbook: a pending operation may have taken effect or not, and a
//! specification may allow several states after one operation.

use std::{collections::HashSet, fmt::Debug, hash::Hash};

/// The sequential behaviour of an object.
pub trait Specification {
    /// The object's state.
    type State: Clone + Eq + Hash + Debug;
    /// An operation with its response.
    type Operation: Debug;

    /// The possible states after `operation`; none if its response is not allowed. A pending operation allows every response.
    fn next_states(&self, state: &Self::State, operation: &Self::Operation) -> Vec<Self::State>;
}

/// An operation from its invocation to its response, in events of its history.
#[derive(Debug, Clone)]
pub struct Interval<O> {
    /// The operation and its response.
    pub operation: O,
    /// When it was invoked.
    pub invoked: u64,
    /// When it returned. A pending operation cannot take effect after this.
    pub returned: u64,
    /// Whether it had a response. Otherwise it is pending, and may never have taken effect.
    pub completed: bool,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A linearization exists.
    Linearizable {
        /// The number of states visited.
        visited: usize,
    },
    /// No linearization exists.
    NotLinearizable {
        /// The longest sequence that could be linearized, as indices into the history.
        longest: Vec<usize>,
    },
}

/// A set of indices into a history.
type BitSet = Vec<u64>;

fn contains(set: &BitSet, index: usize) -> bool {
    set[index / 64] & (1 << (index % 64)) != 0
}

fn toggle(set: &mut BitSet, index: usize) {
    set[index / 64] ^= 1 << (index % 64);
}

/// Searches for a linearization of the history, starting at `initial`.
pub fn check<S: Specification>(specification: &S, initial: S::State, history: &[Interval<S::Operation>]) -> Verdict {
    let mut search = Search {
        specification,
        history,
        linearized: vec![0; history.len().div_ceil(64)],
        order: Vec::new(),
        longest: Vec::new(),
        failed: HashSet::new(),
    };
    if search.linearize(&initial, 0) {
        Verdict::Linearizable { visited: search.failed.len() + search.order.len() }
    } else {
        Verdict::NotLinearizable { longest: search.longest }
    }
}

struct Search<'a, S: Specification> {
    specification: &'a S,
    history: &'a [Interval<S::Operation>],
    linearized: BitSet,
    order: Vec<usize>,
    longest: Vec<usize>,
    /// From here no linearization exists.
    failed: HashSet<(BitSet, S::State)>,
}

impl<S: Specification> Search<'_, S> {
    /// Whether the remaining operations can be linearized from `state`. `latest` is the last invocation among those linearized.
    fn linearize(&mut self, state: &S::State, latest: u64) -> bool {
        let remaining = || self.history.iter().enumerate().filter(|(index, _)| !contains(&self.linearized, *index));
        // An operation invoked after this return cannot come before it.
        let completed = remaining().filter(|(_, interval)| interval.completed);
        let Some(first_return) = completed.map(|(_, interval)| interval.returned).min() else { return true };
        if self.failed.contains(&(self.linearized.clone(), state.clone())) {
            return false;
        }
        let candidates = remaining().filter(|(_, interval)| interval.invoked <= first_return && interval.returned >= latest);
        let candidates: Vec<usize> = candidates.map(|(index, _)| index).collect();
        for index in candidates {
            let interval = &self.history[index];
            let mut tried = HashSet::new();
            for next in self.specification.next_states(state, &interval.operation) {
                // A pending operation without an effect can be left out.
                if (!interval.completed && next == *state) || !tried.insert(next.clone()) {
                    continue;
                }
                toggle(&mut self.linearized, index);
                self.order.push(index);
                if self.order.len() > self.longest.len() {
                    self.longest.clone_from(&self.order);
                }
                if self.linearize(&next, latest.max(interval.invoked)) {
                    return true;
                }
                self.order.pop();
                toggle(&mut self.linearized, index);
            }
        }
        self.failed.insert((self.linearized.clone(), state.clone()));
        false
    }
}
