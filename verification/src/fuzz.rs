//! Fuzzing of every parser, and of every function from the text of its event to its response.
//!
//! It runs in process and without instrumentation, so it needs only what the tests need. Inputs are mutated from valid ones, and
//! depend on the seed alone, except for the random numbers in ES256 signatures: work is split into blocks with their own seeds, so that
//! the number of threads does not matter.

mod corpus;
mod issuers;
mod mutate;
mod table;
mod target;
mod targets;

use std::{
    any::Any,
    cell::RefCell,
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, Once,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use support::random::Random;

use crate::report::{Bound, Scale, Section};

pub use table::key_text;
pub use target::{Target, TargetSpec, Verdict};
pub use targets::{Rule, inputs_until_omissions_show};

/// The number of executions in a block.
const BLOCK: u64 = 500;
/// The number of panics, and of violations, that are reported in full for each target. All are counted.
const REPORTED: usize = 3;

/// Fuzzes every target.
#[must_use]
pub fn run(scale: &Scale) -> Section {
    run_targets(scale, &targets())
}

/// All targets.
#[must_use]
pub fn targets() -> Vec<TargetSpec> {
    targets::all()
}

/// Fuzzes these targets.
#[must_use]
pub fn run_targets(scale: &Scale, targets: &[TargetSpec]) -> Section {
    capture_panics();
    let blocks = |target: &TargetSpec| scale.of(target.short, target.long).div_ceil(BLOCK);
    let jobs: Vec<Job> =
        targets.iter().enumerate().flat_map(|(target, it)| (0..blocks(it)).map(move |block| Job { target, block })).collect();
    let (next, findings) = (AtomicUsize::new(0), Mutex::new(vec![Findings::default(); targets.len()]));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut built = BTreeMap::new();
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let target = built.entry(job.target).or_insert_with(|| (targets[job.target].build)());
                    let of_block = job.run(scale.seed, &**target);
                    findings.lock().expect("no thread panics while it holds the lock")[job.target].add(of_block);
                }
            });
        }
    });
    let findings = findings.into_inner().expect("no thread panics while it holds the lock");
    section(scale, targets, &findings)
}

fn section(scale: &Scale, targets: &[TargetSpec], findings: &[Findings]) -> Section {
    let how = "Valid inputs are mutated at random: bit flips, deletions, splices, a dictionary of strings that often break parsers, and \
               changes to the structure of JSON. Each input goes to a parser, or to a whole function over a stub of the table. A \
               function must not panic and must not respond with a 5xx. A value that a parser accepts must survive a round trip \
               through its text. A bearer token must be accepted exactly if a second verifier, written for this comparison, accepts it, \
               and both must read the same from it.";
    let mut section = Section::new("Hostile input", how);
    let planned = targets.iter().map(|target| scale.of(target.short, target.long)).sum();
    section.figure("executions in all", findings.iter().map(|it| it.executions).sum(), Bound::AtLeast(planned));
    for (target, found) in targets.iter().zip(findings) {
        let figure = |name: &str| format!("{}: {name}", target.name);
        section.figure(&figure("executions"), found.executions, Bound::AtLeast(scale.of(target.short, target.long)));
        section.figure(&figure("accepted"), found.accepted, Bound::AtLeast(1));
        section.figure(&figure("panics"), found.panics, Bound::Exactly(0));
        section.figure(&figure("violations"), found.violations, Bound::Exactly(0));
        let reported = found.first(true).chain(found.first(false));
        section.violations.extend(reported.map(|it| format!("{}, seed {}, {it}", target.name, scale.seed)));
    }
    section
}

/// A block of executions of one target.
struct Job {
    target: usize,
    block: u64,
}

/// The results of one target.
#[derive(Debug, Clone, Default)]
struct Findings {
    executions: u64,
    accepted: u64,
    panics: u64,
    violations: u64,
    /// Whether it is a panic, and its description. By block and case, so that the order does not depend on threads.
    reported: BTreeMap<(u64, u64), (bool, String)>,
}

impl Findings {
    fn add(&mut self, other: Self) {
        self.executions += other.executions;
        self.accepted += other.accepted;
        self.panics += other.panics;
        self.violations += other.violations;
        self.reported.extend(other.reported);
    }

    /// The first panics, or the first violations.
    fn first(&self, panics: bool) -> impl Iterator<Item = &String> {
        self.reported.values().filter(move |(panic, _)| *panic == panics).map(|(_, description)| description).take(REPORTED)
    }
}

impl Job {
    fn run(&self, seed: u64, target: &dyn Target) -> Findings {
        let target_index = u64::try_from(self.target).unwrap_or_default();
        let mut random = Random::new(seed ^ (target_index << 48) ^ (self.block << 16)).fork();
        let mut found = Findings::default();
        for number in 0..BLOCK {
            let input = target.make(&mut random);
            found.executions += 1;
            let outcome = observe(target, &input);
            match &outcome {
                Outcome::Verdict(Verdict::Accepted) => found.accepted += 1,
                Outcome::Verdict(Verdict::Rejected) => {}
                Outcome::Verdict(Verdict::Violation(_)) => found.violations += 1,
                Outcome::Panic(_) => found.panics += 1,
            }
            let panic = matches!(outcome, Outcome::Panic(_));
            if outcome.is_finding() && found.first(panic).count() < REPORTED {
                let minimized = mutate::minimized(&input, |shorter| observe(target, shorter).is_same_kind(&outcome));
                let description = format!("block {}, case {number}: {outcome:?} for {minimized:?}", self.block);
                found.reported.insert((self.block, number), (panic, description));
            }
        }
        found
    }
}

#[derive(Debug)]
enum Outcome {
    Verdict(Verdict),
    Panic(String),
}

impl Outcome {
    fn is_finding(&self) -> bool {
        matches!(self, Self::Panic(_) | Self::Verdict(Verdict::Violation(_)))
    }

    /// Whether it is the same kind of finding.
    fn is_same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Panic(one), Self::Panic(other)) => one == other,
            (Self::Verdict(Verdict::Violation(_)), Self::Verdict(Verdict::Violation(_))) => true,
            _ => false,
        }
    }
}

/// Runs the target. A panic counts even if the function caught it and responded.
fn observe(target: &dyn Target, input: &str) -> Outcome {
    PANIC.set(Some(None));
    let verdict = catch_unwind(AssertUnwindSafe(|| target.check(input)));
    let captured = PANIC.take().flatten();
    match (verdict, captured) {
        (_, Some(panic)) => Outcome::Panic(panic),
        (Ok(verdict), None) => Outcome::Verdict(verdict),
        (Err(panic), None) => Outcome::Panic(message(&*panic)),
    }
}

thread_local! {
    /// Set while this thread captures panics: the first one, if any.
    static PANIC: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Captures the panics of targets with their locations. Other panics are printed as usual.
fn capture_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let capturing = PANIC.with_borrow_mut(|capturing| {
                if let Some(first) = capturing {
                    let location = info.location().map(ToString::to_string).unwrap_or_default();
                    first.get_or_insert_with(|| format!("{} at {location}", message(info.payload())));
                }
                capturing.is_some()
            });
            if !capturing {
                default_hook(info);
            }
        }));
    });
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
