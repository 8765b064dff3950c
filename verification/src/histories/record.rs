//! What was done, what was told, and when.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    checker::{Span, Specification},
    model::{
        answers::Told,
        operations::Operation,
        snapshot::Snapshot,
        state::{Limits, Millis, Name, State},
    },
};

/// Something that happens to an account.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request.
    Operation(Operation),
    /// What is over was purged.
    Purge,
    /// The table was looked at.
    Snapshot(Snapshot),
}

/// An event, and what a specification needs to check it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose.
    pub account: usize,
    /// The address that it is about.
    pub email: Arc<str>,
    /// What happens.
    pub event: Event,
    /// What the caller was told, if he was.
    pub told: Option<Told>,
    /// The times that clocks showed meanwhile.
    pub times: Vec<Millis>,
    /// What an invitation is called that it makes.
    pub name: Name,
    /// Whether it was told its success although it heard of none.
    pub rescued: bool,
}

/// The record of one history.
#[derive(Debug, Default)]
pub struct Recorder {
    tick: u64,
    /// What the clock shows from a tick on.
    clock: Vec<(u64, Millis)>,
    spans: Vec<Span<Entry>>,
    /// The first that may not be over.
    open: usize,
}

impl Recorder {
    /// An empty one.
    #[must_use]
    pub fn starting_at(now: Millis) -> Self {
        Self { clock: vec![(0, now)], ..Self::default() }
    }

    fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// The clock has jumped.
    pub fn jump(&mut self, now: Millis) {
        let tick = self.tick();
        self.clock.push((tick, now));
    }

    /// Somebody calls.
    pub fn call(&mut self) -> u64 {
        self.tick()
    }

    /// Who called at `called` has been answered, or never will be.
    pub fn answer(&mut self, called: u64, account: usize, email: Arc<str>, event: Event, told: Option<Told>, rescued: bool) {
        let over = self.tick();
        let answered = told.is_some();
        let operation = Entry { account, email, event, told, times: Vec::new(), name: self.spans.len(), rescued };
        self.spans.push(Span { operation, called, over, answered });
    }

    /// Something that nobody else has a part in.
    pub fn at_once(&mut self, account: usize, email: Arc<str>, event: Event) {
        let called = self.call();
        self.answer(called, account, email, event, None, false);
        if let Some(span) = self.spans.last_mut() {
            span.answered = true;
        }
        self.close();
    }

    /// Nothing is under way any more: what had no answer has happened or never will.
    pub fn close(&mut self) {
        let now = self.tick();
        for span in &mut self.spans[self.open..] {
            if !span.answered {
                span.over = now;
            }
            let before = self.clock.iter().rev().find(|(tick, _)| *tick <= span.called);
            let meanwhile = self.clock.iter().filter(|(tick, _)| (span.called..=span.over).contains(tick));
            let mut times: Vec<Millis> = before.into_iter().chain(meanwhile).map(|(_, now)| *now).collect();
            times.dedup();
            span.operation.times = times;
        }
        self.open = self.spans.len();
    }

    /// All of it.
    #[must_use]
    pub fn spans(&self) -> &[Span<Entry>] {
        &self.spans
    }

    /// The parts that are judged each by itself: by account, and unless an account is judged as a whole by address.
    #[must_use]
    pub fn parts(&self, whole: bool) -> Vec<Vec<Span<Entry>>> {
        let mut parts = BTreeMap::new();
        for span in &self.spans {
            let of = (span.operation.account, (!whole).then(|| Arc::clone(&span.operation.email)));
            parts.entry(of).or_insert_with(Vec::new).push(span.clone());
        }
        parts.into_values().collect()
    }
}

/// The service, as the model has it.
#[derive(Debug, Clone, Copy)]
pub struct Service(pub Limits);

impl Specification for Service {
    type State = State;
    type Operation = Entry;

    fn after(&self, state: &State, entry: &Entry) -> Vec<State> {
        let after = |now: &Millis| match &entry.event {
            Event::Operation(operation) => {
                let (after, expected) = state.step(operation, entry.name, *now, &self.0);
                match &entry.told {
                    None => Some(after),
                    Some(told) => after.told(&expected, told),
                }
            }
            Event::Purge => Some(state.purged(*now, &self.0)),
            Event::Snapshot(snapshot) => state.clone().snapshots(snapshot, *now, &self.0),
        };
        entry.times.iter().filter_map(after).collect()
    }
}
