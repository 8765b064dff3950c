//! Records a history: operations, their responses, and the clock.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    checker::{Interval, Specification},
    histories::{callers::Token, publications::Outcome},
    model::{
        operations::Operation,
        responses::Actual,
        snapshot::Snapshot,
        state::{Handle, Limits, Millis, State},
    },
};

/// An event in the history of an account.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request.
    Operation(Operation),
    /// Expired rows were purged.
    Purge,
    /// The table was read.
    Snapshot(Snapshot),
}

/// An event with everything that the specification needs to check it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The account, by its index.
    pub account: usize,
    /// The address concerned.
    pub email: Arc<str>,
    /// The event.
    pub event: Event,
    /// The caller's token, if it has one.
    pub token: Option<Token>,
    /// The response that the caller received, if any.
    pub response: Option<Actual>,
    /// All times that the clock showed between invocation and response.
    pub times: Vec<Millis>,
    /// The model's id of the invitation that it may create.
    pub handle: Handle,
    /// Whether it succeeded although no reply to its commit arrived.
    pub recovered: bool,
}

impl Entry {
    /// An entry without a response.
    #[must_use]
    pub fn new(account: usize, email: Arc<str>, event: Event) -> Self {
        Self { account, email, event, token: None, response: None, times: Vec::new(), handle: 0, recovered: false }
    }

    /// What became of the caller's token, if there is one and a response.
    #[must_use]
    pub fn outcome(&self) -> Option<(Token, Outcome)> {
        Some((self.token?, Outcome::of(self.response.as_ref()?)))
    }
}

/// The record of one history.
#[derive(Debug, Default)]
pub struct Recorder {
    tick: u64,
    /// The clock's time from a tick on.
    clock: Vec<(u64, Millis)>,
    intervals: Vec<Interval<Entry>>,
    /// The first interval that may still be pending.
    open: usize,
}

impl Recorder {
    /// An empty record.
    #[must_use]
    pub fn starting_at(now: Millis) -> Self {
        Self { clock: vec![(0, now)], ..Self::default() }
    }

    fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// Records that the clock has jumped.
    pub fn jump(&mut self, now: Millis) {
        let tick = self.tick();
        self.clock.push((tick, now));
    }

    /// The first tick at which the clock was past a time.
    ///
    /// # Panics
    /// If it never was.
    #[must_use]
    pub fn first_tick_past(&self, time: Millis) -> u64 {
        self.clock.iter().find(|(_, now)| *now > time).expect("the time has passed").0
    }

    /// Records an invocation, and returns its tick.
    pub fn invoke(&mut self) -> u64 {
        self.tick()
    }

    /// Records the end of the operation invoked at `invoked`: its response, or that none will come.
    pub fn respond(&mut self, invoked: u64, entry: Entry) {
        let returned = self.tick();
        let completed = entry.response.is_some();
        let operation = Entry { handle: self.intervals.len(), ..entry };
        self.intervals.push(Interval { operation, invoked, returned, completed });
    }

    /// Records an event during which nothing else happens.
    pub fn instant(&mut self, account: usize, email: Arc<str>, event: Event) {
        let invoked = self.invoke();
        self.respond(invoked, Entry::new(account, email, event));
        if let Some(interval) = self.intervals.last_mut() {
            interval.completed = true;
        }
        self.close_round();
    }

    /// Records that no request is in progress: a pending operation has taken effect by now, or never will.
    pub fn close_round(&mut self) {
        let now = self.tick();
        for interval in &mut self.intervals[self.open..] {
            if !interval.completed {
                interval.returned = now;
            }
            let before = self.clock.iter().rev().find(|(tick, _)| *tick <= interval.invoked);
            let during = self.clock.iter().filter(|(tick, _)| (interval.invoked..=interval.returned).contains(tick));
            let mut times: Vec<Millis> = before.into_iter().chain(during).map(|(_, now)| *now).collect();
            times.dedup();
            interval.operation.times = times;
        }
        self.open = self.intervals.len();
    }

    /// All intervals.
    #[must_use]
    pub fn intervals(&self) -> &[Interval<Entry>] {
        &self.intervals
    }

    /// The parts of the history that are independent of each other: one for each account, or for each of its addresses. Requests with a
    /// refused token are in none, so they must have had no effect.
    #[must_use]
    pub fn partitions(&self, by_account: bool) -> Vec<Vec<Interval<Entry>>> {
        let mut partitions = BTreeMap::new();
        let refused = |entry: &Entry| entry.outcome().is_some_and(|(_, outcome)| outcome != Outcome::Accepted);
        for interval in self.intervals.iter().filter(|interval| !refused(&interval.operation)) {
            let key = (interval.operation.account, (!by_account).then(|| Arc::clone(&interval.operation.email)));
            partitions.entry(key).or_insert_with(Vec::new).push(interval.clone());
        }
        partitions.into_values().collect()
    }
}

/// The model of the service, as the checker's specification.
#[derive(Debug, Clone, Copy)]
pub struct Service(pub Limits);

impl Specification for Service {
    type State = State;
    type Operation = Entry;

    fn next_states(&self, state: &State, entry: &Entry) -> Vec<State> {
        let next = |now: &Millis| match &entry.event {
            Event::Operation(operation) => {
                let steps = state.steps(operation, entry.handle, *now, &self.0, entry.response.is_some()).into_iter();
                let matching = steps.filter_map(|(after, expected)| match &entry.response {
                    None => Some(after),
                    Some(actual) => after.match_response(&expected, actual),
                });
                matching.collect()
            }
            Event::Purge => vec![state.purged(*now, &self.0)],
            Event::Snapshot(snapshot) => state.clone().match_snapshot(snapshot, *now, &self.0).into_iter().collect(),
        };
        entry.times.iter().flat_map(next).collect()
    }
}
