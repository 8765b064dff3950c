//! Hostile input: every parser, and every function's whole way from the text of its event to its answer.
//!
//! In process and without instrumentation, so it runs wherever the tests do. Inputs are made from valid ones by changes that
//! only the seed decides. Work is cut into blocks, each with a seed of its own, so that it is the same on any number of threads.

mod corpus;
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
pub use target::{Kind, Target, Verdict};

/// How many executions one seed decides.
const BLOCK: u64 = 500;
/// How many panics of a target are shown, and how many broken promises. All are counted.
const SHOWN: usize = 3;

/// Tries every target.
#[must_use]
pub fn run(scale: &Scale) -> Section {
    run_kinds(scale, &kinds())
}

/// All targets.
#[must_use]
pub fn kinds() -> Vec<Kind> {
    targets::all()
}

/// Tries these targets.
#[must_use]
pub fn run_kinds(scale: &Scale, kinds: &[Kind]) -> Section {
    listen_to_panics();
    let blocks = |kind: &Kind| scale.of(kind.short, kind.long).div_ceil(BLOCK);
    let jobs: Vec<Job> = kinds.iter().enumerate().flat_map(|(kind, it)| (0..blocks(it)).map(move |block| Job { kind, block })).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(vec![Found::default(); kinds.len()]));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut built = BTreeMap::new();
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let target = built.entry(job.kind).or_insert_with(|| (kinds[job.kind].build)());
                    let of_block = job.run(scale.seed, &**target);
                    found.lock().expect("nothing panics in here")[job.kind].add(of_block);
                }
            });
        }
    });
    let found = found.into_inner().expect("nothing panicked in there");
    section(scale, kinds, &found)
}

fn section(scale: &Scale, kinds: &[Kind], found: &[Found]) -> Section {
    let how = "Valid inputs are changed at random: bits, pieces, splices, a dictionary of what has broken parsers before, and JSON by its \
               structure. Each is given to the parser, or to the whole function over a table whose answers are ready. A function must \
               not panic and must not answer 5xx; what a parser accepts, it must read again from how it is written.";
    let mut section = Section::new("Hostile input", how);
    let planned = kinds.iter().map(|kind| scale.of(kind.short, kind.long)).sum();
    section.figure("executions in all", found.iter().map(|it| it.executions).sum(), Bound::AtLeast(planned));
    for (kind, found) in kinds.iter().zip(found) {
        let figure = |what: &str| format!("{}: {what}", kind.name);
        section.figure(&figure("executions"), found.executions, Bound::AtLeast(scale.of(kind.short, kind.long)));
        section.figure(&figure("accepted"), found.accepted, Bound::AtLeast(1));
        section.figure(&figure("panics"), found.panics, Bound::Exactly(0));
        section.figure(&figure("broken promises"), found.broken, Bound::Exactly(0));
        let shown = found.first(true).chain(found.first(false));
        section.violations.extend(shown.map(|it| format!("{}, seed {}, {it}", kind.name, scale.seed)));
    }
    section
}

/// A block of one target's executions.
struct Job {
    kind: usize,
    block: u64,
}

/// What was found of one target.
#[derive(Debug, Clone, Default)]
struct Found {
    executions: u64,
    accepted: u64,
    panics: u64,
    broken: u64,
    /// By block and case, so that no thread's haste decides which come first; whether it is a panic, and what to tell of it.
    shown: BTreeMap<(u64, u64), (bool, String)>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.executions += other.executions;
        self.accepted += other.accepted;
        self.panics += other.panics;
        self.broken += other.broken;
        self.shown.extend(other.shown);
    }

    /// The first panics, or the first broken promises.
    fn first(&self, panics: bool) -> impl Iterator<Item = &String> {
        self.shown.values().filter(move |(panic, _)| *panic == panics).map(|(_, told)| told).take(SHOWN)
    }
}

impl Job {
    fn run(&self, seed: u64, target: &dyn Target) -> Found {
        let kind = u64::try_from(self.kind).unwrap_or_default();
        let mut random = Random::new(seed ^ (kind << 48) ^ (self.block << 16)).fork();
        let mut found = Found::default();
        for number in 0..BLOCK {
            let input = target.make(&mut random);
            found.executions += 1;
            let seen = observe(target, &input);
            match &seen {
                Seen::Verdict(Verdict::Accepted) => found.accepted += 1,
                Seen::Verdict(Verdict::Refused) => {}
                Seen::Verdict(Verdict::Broken(_)) => found.broken += 1,
                Seen::Panic(_) => found.panics += 1,
            }
            let panic = matches!(seen, Seen::Panic(_));
            if seen.is_finding() && found.first(panic).count() < SHOWN {
                let short = mutate::shortened(&input, |shorter| observe(target, shorter).is_like(&seen));
                let told = format!("block {}, case {number}: {seen:?} for {short:?}", self.block);
                found.shown.insert((self.block, number), (panic, told));
            }
        }
        found
    }
}

#[derive(Debug)]
enum Seen {
    Verdict(Verdict),
    Panic(String),
}

impl Seen {
    fn is_finding(&self) -> bool {
        matches!(self, Self::Panic(_) | Self::Verdict(Verdict::Broken(_)))
    }

    /// Whether it is a finding of the same sort.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Panic(one), Self::Panic(other)) => one == other,
            (Self::Verdict(Verdict::Broken(_)), Self::Verdict(Verdict::Broken(_))) => true,
            _ => false,
        }
    }
}

/// Also a panic that the function itself has caught and answered is one.
fn observe(target: &dyn Target, input: &str) -> Seen {
    PANIC.set(Some(None));
    let verdict = catch_unwind(AssertUnwindSafe(|| target.check(input)));
    let heard = PANIC.take().flatten();
    match (verdict, heard) {
        (_, Some(panic)) => Seen::Panic(panic),
        (Ok(verdict), None) => Seen::Verdict(verdict),
        (Err(panic), None) => Seen::Panic(words(&*panic)),
    }
}

thread_local! {
    /// Set while this thread listens for panics; the first one that it has heard.
    static PANIC: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Keeps panics of what is tried, with their places, and shows all others as ever.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let listening = PANIC.with_borrow_mut(|listening| {
                if let Some(first) = listening {
                    let place = info.location().map(ToString::to_string).unwrap_or_default();
                    first.get_or_insert_with(|| format!("{} at {place}", words(info.payload())));
                }
                listening.is_some()
            });
            if !listening {
                others(info);
            }
        }));
    });
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
