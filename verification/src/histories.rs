//! Concurrent histories under faults, each judged against the [`model`](crate::model) by the [`checker`](crate::checker).

pub mod choice;
pub mod fixture;
pub mod record;
pub mod shape;

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use futures_util::stream::{self, StreamExt};
use support::{faults::wire::Wire, random::Random};

use crate::{
    checker::{Span, Verdict, check},
    model::state::State,
    report::{Bound, Scale, Section},
};
use fixture::happen;
use record::{Entry, Event, Service};
use shape::{CROWD, EXPIRY, QUOTA, SEQUENCE, Shape};

/// How many histories happen at a time: most of their time they wait.
const AT_A_TIME: usize = 48;

/// What became of some histories.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many there were.
    pub histories: u64,
    /// Requests.
    pub operations: u64,
    /// Those of them whose callers were told nothing, or 503.
    pub unknown: u64,
    /// Those that were told their success although they had heard of none.
    pub rescued: u64,
    /// How often the table was compared with the model.
    pub surveys: u64,
    /// Rows purged by TTL.
    pub purged: u64,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// States that the search was in.
    pub visited: u64,
    /// What could not be explained.
    pub violations: Vec<String>,
}

/// Lets histories of a shape happen, and judges them. `wire` may break the service.
pub async fn run_shape(shape: Shape, seed: u64, count: u64, wire: Option<Arc<dyn Wire>>) -> Tally {
    let mut random = Random::new(seed);
    let seeds: Vec<u64> = (0..count).map(|_| random.bits()).collect();
    let run = |seed| {
        let wire = wire.clone();
        tokio::spawn(async move {
            let history = happen(shape, seed, wire).await;
            let mut tally = Tally { histories: 1, purged: history.purged as u64, ..Tally::default() };
            for (name, count) in &history.faults {
                *tally.faults.entry(name).or_default() += *count as u64;
            }
            for part in history.recorder.parts(shape.whole) {
                tally.check(shape, seed, &part);
            }
            tally
        })
    };
    let mut sum = Tally::default();
    let mut tallies = stream::iter(seeds.into_iter().map(run)).buffer_unordered(AT_A_TIME);
    while let Some(tally) = tallies.next().await {
        sum.add(tally.expect("a history does not panic"));
    }
    sum
}

impl Tally {
    fn check(&mut self, shape: Shape, seed: u64, part: &[Span<Entry>]) {
        for span in part {
            match span.operation.event {
                Event::Operation(_) => {
                    self.operations += 1;
                    self.unknown += u64::from(!span.answered);
                    self.rescued += u64::from(span.operation.rescued);
                }
                Event::Snapshot(_) => self.surveys += 1,
                Event::Purge => {}
            }
        }
        match check(&Service(shape.limits), State::default(), part) {
            Verdict::Linearizable { visited } => self.visited += visited as u64,
            Verdict::Inexplicable { explained } => self.violations.push(tell(shape, seed, part, &explained)),
        }
    }

    fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.operations += other.operations;
        self.unknown += other.unknown;
        self.rescued += other.rescued;
        self.surveys += other.surveys;
        self.purged += other.purged;
        self.visited += other.visited;
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        self.violations.extend(other.violations);
    }
}

/// A history that cannot be explained, for a person.
fn tell(shape: Shape, seed: u64, part: &[Span<Entry>], explained: &[usize]) -> String {
    let mut text = format!("history '{}' of seed {seed} cannot be explained; explained in this order: {explained:?}\n", shape.name);
    for (place, span) in part.iter().enumerate() {
        let Entry { account, event, told, times, .. } = &span.operation;
        let told = told.as_ref().map_or("nothing".to_owned(), |told| format!("{} {}", told.status, told.text));
        let _ = writeln!(text, "{place}: {}..{} account {account} at {times:?} {event:?} -> {told}", span.called, span.over);
    }
    text
}

/// The service under concurrency and faults.
pub async fn run(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Linearizable under faults",
        "Callers of two accounts, each in a process of its own, and invitees create, resend, revoke, re-invite, describe, look up, \
         accept and decline over few addresses and few idempotency keys, also with the other account's ids and with links of earlier \
         sendings. Requests to the table meet faults; processes die after a commit; clocks jump between and during calls; what is \
         over is purged. Between rounds the table is compared: invitations, locks, kept answers, and where it is small the quota. Each \
         history, operations of unknown outcome included, must be explained by the sequential model: every byte of a replay, every \
         `Retry-After`, every time.",
    );
    let mut sum = Tally::default();
    for (shape, short, long) in [(CROWD, 40, 1400), (EXPIRY, 40, 900), (QUOTA, 20, 500), (SEQUENCE, 10, 200)] {
        sum.add(run_shape(shape, scale.seed, scale.of(short, long), None).await);
    }
    let faults = sum.faults.values().sum();
    section.figure("histories", sum.histories, Bound::AtLeast(scale.of(100, 2000)));
    section.figure("operations", sum.operations, Bound::AtLeast(scale.of(2000, 50_000)));
    section.figure("operations of unknown outcome", sum.unknown, Bound::AtLeast(1));
    section.figure("answers rescued by self-recognition", sum.rescued, Bound::AtLeast(1));
    section.figure("comparisons with the table", sum.surveys, Bound::Any);
    section.figure("rows purged", sum.purged, Bound::AtLeast(1));
    section.figure("states searched", sum.visited, Bound::Any);
    section.figure("faults", faults, Bound::AtLeast(scale.of(500, 20_000)));
    for (name, count) in &sum.faults {
        section.figure(&format!("faults: {name}"), *count, Bound::AtLeast(1));
    }
    section.figure("violations", sum.violations.len() as u64, Bound::Exactly(0));
    section.violations = sum.violations;
    section
}
