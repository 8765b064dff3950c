//! Concurrent histories under faults. The [`checker`](crate::checker) checks each against the [`model`](crate::model).

pub mod callers;
pub mod choice;
pub mod fixture;
pub mod profile;
pub mod publications;
pub mod record;

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use futures_util::stream::{self, StreamExt};
use support::{faults::wire::Wire, random::Random};

use crate::{
    checker::{Interval, Verdict, check},
    model::{operations::Operation, state::State},
    report::{Bound, Scale, Section},
};
use fixture::{History, run_history};
use profile::{CONTENTION, EXPIRY, Profile, QUOTA, SEQUENTIAL};
use record::{Entry, Event, Service};

/// The number of histories that run concurrently: they spend most of their time waiting.
const CONCURRENCY: usize = 48;

/// The reasons for which some tokens must be refused.
const REFUSALS: [&str; 5] = [
    "the token has expired",
    "the token is signed with a key that its issuer has not published",
    "the signature of the token is not valid",
    "the token is for another application",
    "no account has the external id",
];

/// The totals of some histories.
#[derive(Debug, Default)]
pub struct Tally {
    /// Histories.
    pub histories: u64,
    /// Requests.
    pub operations: u64,
    /// Rows of bulks among them.
    pub rows: u64,
    /// Requests without a response, or with a 503.
    pub unknown: u64,
    /// Responses with a link.
    pub links: u64,
    /// Requests whose token was accepted.
    pub with_tokens: u64,
    /// Decisions of people who had signed in, and their lists.
    pub by_invitees: u64,
    /// Requests whose token was refused, by the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Faults of reads that accept or refuse a token.
    pub faults_of_tokens: u64,
    /// Requests that succeeded although no reply to their commit arrived.
    pub recovered: u64,
    /// Comparisons of the table with the model.
    pub snapshots: u64,
    /// Rows purged by TTL.
    pub purged: u64,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// States that the search visited.
    pub visited: u64,
    /// Histories that are not linearizable.
    pub violations: Vec<String>,
}

/// Runs and checks histories of a profile. `wire` may break the service.
pub async fn run_profile(profile: Profile, seed: u64, count: u64, wire: Option<Arc<dyn Wire>>) -> Tally {
    let mut random = Random::new(seed);
    let seeds: Vec<u64> = (0..count).map(|_| random.bits()).collect();
    let run = |seed| {
        let wire = wire.clone();
        tokio::spawn(async move {
            let history = run_history(profile, seed, wire).await;
            let (purged, faults_of_tokens) = (history.purged as u64, history.faults_of_tokens as u64);
            let mut tally = Tally { histories: 1, purged, faults_of_tokens, ..Tally::default() };
            for (name, count) in &history.faults {
                *tally.faults.entry(name).or_default() += *count as u64;
            }
            tally.check_tokens(profile, seed, &history);
            for partition in history.recorder.partitions(profile.by_account) {
                tally.check(profile, seed, &partition);
            }
            tally
        })
    };
    let mut sum = Tally::default();
    let mut tallies = stream::iter(seeds.into_iter().map(run)).buffer_unordered(CONCURRENCY);
    while let Some(tally) = tallies.next().await {
        sum.add(tally.expect("a history does not panic"));
    }
    sum
}

impl Tally {
    /// Checks that each token was rightly accepted or refused.
    fn check_tokens(&mut self, profile: Profile, seed: u64, history: &History) {
        for interval in history.recorder.intervals() {
            let Some((token, outcome)) = interval.operation.outcome() else { continue };
            match outcome.refusal() {
                None => self.with_tokens += 1,
                Some(reason) => *self.refused.entry(reason).or_default() += 1,
            }
            if !history.publications.permit(&history.recorder, &token, interval, outcome) {
                let problem = "a token was wrongly accepted or refused";
                let publications = &history.publications;
                self.violations.push(format!("history '{}' of seed {seed}: {problem}: {interval:?} {publications:?}", profile.name));
            }
        }
    }

    fn check(&mut self, profile: Profile, seed: u64, history: &[Interval<Entry>]) {
        for interval in history {
            match &interval.operation.event {
                Event::Operation(operation) => {
                    let signed_in = match operation {
                        Operation::Invitee { access, .. } => access.invitee().is_some(),
                        Operation::ListOwn { .. } => true,
                        Operation::Request { .. } | Operation::Row { .. } | Operation::Describe { .. } => false,
                    };
                    self.by_invitees += u64::from(signed_in && interval.completed);
                    self.operations += 1;
                    self.rows += u64::from(matches!(operation, Operation::Row { .. }));
                    self.unknown += u64::from(!interval.completed);
                    self.recovered += u64::from(interval.operation.recovered);
                    self.links += u64::from(interval.operation.response.as_ref().is_some_and(|response| response.link().is_some()));
                }
                Event::Snapshot(_) => self.snapshots += 1,
                Event::Purge => {}
            }
        }
        match check(&Service(profile.limits), State::default(), history) {
            Verdict::Linearizable { visited } => self.visited += visited as u64,
            Verdict::NotLinearizable { longest } => self.violations.push(violation(profile, seed, history, &longest)),
        }
    }

    fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.operations += other.operations;
        self.rows += other.rows;
        self.unknown += other.unknown;
        self.with_tokens += other.with_tokens;
        self.by_invitees += other.by_invitees;
        self.faults_of_tokens += other.faults_of_tokens;
        self.recovered += other.recovered;
        self.links += other.links;
        self.snapshots += other.snapshots;
        self.purged += other.purged;
        self.visited += other.visited;
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
        self.violations.extend(other.violations);
    }
}

/// Describes a history that is not linearizable.
fn violation(profile: Profile, seed: u64, history: &[Interval<Entry>], longest: &[usize]) -> String {
    let mut text =
        format!("history '{}' of seed {seed} is not linearizable; the longest linearizable sequence: {longest:?}\n", profile.name);
    for (index, interval) in history.iter().enumerate() {
        let Entry { account, event, response, times, .. } = &interval.operation;
        let response = response.as_ref().map_or("no response".to_owned(), |actual| format!("{} {}", actual.status, actual.text));
        let _ =
            writeln!(text, "{index}: {}..{} account {account} at {times:?} {event:?} -> {response}", interval.invoked, interval.returned);
    }
    text
}

/// The service under concurrency and faults.
pub async fn run(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Linearizable under faults",
        "Callers of two accounts, each with a process of its own, and invitees create, one by one and in bulk, resend, get links themselves, change, revoke, \
         re-invite, describe, look up, accept and decline. They share few addresses and few idempotency keys, and also use ids of the other account and superseded \
         links. Callers use API keys, or the tokens of two issuers: two people with the same id at different issuers, each with several \
         tokens, and one with a read-only role. Invitees, two of them with the same address, decide with a link, signed in, or both, and \
         list their own invitations. Meanwhile the issuers publish other keys, tokens expire, and an account gets its external id; some \
         tokens are forged or for another application. Faults are injected into requests to the table; processes crash after a commit; \
         the clock jumps between and during calls; TTL purges expired rows. Between rounds the table's invitations, locks and stored \
         responses are compared with the model, and where the quota is small its counter, too. Each history, with its operations of \
         unknown outcome, must be linearizable with respect to the sequential model, in every byte of a replay, every `Retry-After` and \
         every timestamp, whichever credentials its callers used. A token must be accepted or refused as the keys and external ids in \
         the table allow at some time in the period for which a function caches them, and a refused one must have no effect.",
    );
    let mut sum = Tally::default();
    for (profile, short, long) in [(CONTENTION, 40, 1400), (EXPIRY, 40, 900), (QUOTA, 20, 500), (SEQUENTIAL, 10, 200)] {
        sum.add(run_profile(profile, scale.seed, scale.of(short, long), None).await);
    }
    let faults = sum.faults.values().sum();
    section.figure("histories", sum.histories, Bound::AtLeast(scale.of(100, 2000)));
    section.figure("operations", sum.operations, Bound::AtLeast(scale.of(2000, 50_000)));
    section.figure("rows of bulks", sum.rows, Bound::AtLeast(scale.of(200, 5_000)));
    section.figure("operations of unknown outcome", sum.unknown, Bound::AtLeast(1));
    section.figure("responses with a link", sum.links, Bound::AtLeast(scale.of(20, 1_000)));
    section.figure("operations with an accepted token", sum.with_tokens, Bound::AtLeast(scale.of(500, 10_000)));
    section.figure("decisions and lists of people who have signed in", sum.by_invitees, Bound::AtLeast(scale.of(200, 5_000)));
    for reason in REFUSALS {
        let refused = sum.refused.remove(reason).unwrap_or_default();
        section.figure(&format!("tokens refused: {reason}"), refused, Bound::AtLeast(1));
    }
    section.figure("tokens refused for another reason", sum.refused.values().sum(), Bound::Exactly(0));
    section.figure("faults of reads of the keys and external ids", sum.faults_of_tokens, Bound::AtLeast(1));
    section.figure("responses recovered by detecting an own commit", sum.recovered, Bound::AtLeast(1));
    section.figure("comparisons with the table", sum.snapshots, Bound::Any);
    section.figure("rows purged", sum.purged, Bound::AtLeast(1));
    section.figure("states visited", sum.visited, Bound::Any);
    section.figure("faults", faults, Bound::AtLeast(scale.of(500, 20_000)));
    for (name, count) in &sum.faults {
        section.figure(&format!("faults: {name}"), *count, Bound::AtLeast(1));
    }
    section.figure("violations", sum.violations.len() as u64, Bound::Exactly(0));
    section.violations = sum.violations;
    section
}
