//! Months of a service in minutes: nothing is left behind, and nothing grows without end.
//!
//! One service with mixed load, its stream, its reconciler and its reports, on a clock that advances by half a day after each step. Rows
//! are purged as TTL does, and API keys and the keys of the issuer rotate. Lifetime and retention are a day each, so that after
//! the first quarter as much ends as begins.

mod load;
mod rows;

use std::time::{Duration, Instant};

use support::{ACCOUNT, TestApp, Workers, tokens::ISSUERS};

use self::{load::Load, rows::Sample};
use crate::report::{
    Bound::{Any, AtLeast, AtMost, Exactly},
    Scale, Section,
};

/// The time between two steps.
const STEP: Duration = Duration::from_hours(12);
/// The steps of a short run.
const SHORT: u64 = 24;
/// The length of a long run, in which the clock must run a thousand times faster, also on a busy machine. An idle one simulates years.
const LONG: Duration = Duration::from_mins(20);
const LONG_DAYS: u64 = LONG.as_secs() * 1000 / (24 * 3600) + 1;
/// The steps between two rotations of each kind of key: three days.
const ROTATION: u64 = 6;
/// The largest row: an invitation with the longest names, all sendings and all changes stays far below the limit of DynamoDB, 400 KB.
const LARGEST_ROW: u64 = 2048;

const VARIABLES: [(&str, &str); 5] = [
    ("ISSUERS", ISSUERS),
    ("INVITATION_LIFETIME_SECONDS", "86400"),
    ("REMIND_BEFORE_SECONDS", "43200"),
    ("RETENTION_DAYS", "1"),
    ("SEND_QUOTA", "100000"),
];

/// The method, for the report.
const HOW: &str = "One service in which three callers create, one by one and in bulk, resend, change and revoke, and invitees accept and \
decline, by link and signed in, while stream, reconciler, reminders and reports run. After each step the clock advances by half a day, and TTL \
deletes what has ended. Invitations live for a day and are kept for one more. API keys and the issuer's keys rotate every three days. After each \
step no work may be due, and at the end the table must not have more rows than after the first half, apart from chance.";

/// What a run can leave out, to show that its checks find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// TTL deletes nothing.
    NothingPurged,
    /// The reconciler does not run.
    NothingReconciled,
}

/// Runs the service.
pub async fn run(scale: &Scale) -> Section {
    section(scale, None).await
}

/// A short run with a defect.
pub async fn run_with_defect(defect: Defect) -> Section {
    section(&Scale::short(), Some(defect)).await
}

async fn section(scale: &Scale, defect: Option<Defect>) -> Section {
    let app = TestApp::with(&VARIABLES).await;
    let mut workers = Workers::of(&app).await;
    let mut load = Load::start(&app, scale.seed).await;
    let (started, mut steps) = (Instant::now(), 0);
    let (mut samples, mut section) = (Vec::new(), Section::new("Months of operation", HOW));
    let (mut purged, mut left, mut unsent, mut rounds) = (0, 0, 0, 0);
    let short = if defect.is_some() { SHORT / 2 } else { SHORT };
    while if scale.long { started.elapsed() < LONG } else { steps < short } {
        load.step(&app, &mut workers).await;
        app.advance(STEP);
        load.refresh(&app).await;
        if steps % ROTATION == ROTATION - 1 {
            load.rotate(&app).await;
        }
        if defect != Some(Defect::NothingReconciled) {
            rounds += until_nothing_is_due(&app, &mut workers).await;
        }
        left += rows::due(&app).await;
        unsent += rows::without_email(&app).await;
        if defect != Some(Defect::NothingPurged) {
            purged += rows::purge(&app).await;
        }
        samples.push(Sample::of(&app).await);
        steps += 1;
    }
    let half = samples.len() / 2;
    // The first quarter fills the table.
    let (before, after) = (Sample::max(&samples[half / 2..half]), Sample::max(&samples[half..]));
    for (what, before, after) in before.compared(&after) {
        section.figure(&format!("{what}, first half"), before, Any);
        section.figure(&format!("{what}, second half"), after, AtMost(before + before / 5 + 10));
    }
    section.figure("largest row, bytes", after.largest.max(before.largest), AtMost(LARGEST_ROW));
    let counts = &load.counts;
    section.figure("days", steps / 2, AtLeast(scale.of(SHORT / 2, LONG_DAYS)));
    section.figure("requests", counts.requests, AtLeast(1));
    section.figure("invitations created", counts.created, AtLeast(1));
    section.figure("accepted or declined", counts.decided, AtLeast(1));
    section.figure("changes that were refused at their maximum", counts.refused_at_maximum, AtLeast(1));
    section.figure("emails", counts.emails, AtLeast(1));
    section.figure("of these reminders", counts.reminders, AtLeast(1));
    section.figure("expiry events", counts.expired, AtLeast(1));
    section.figure("rotations of an API key and of the issuer's keys", counts.rotations, AtLeast(scale.of(3, LONG_DAYS / 4)));
    section.figure("rounds of the reconciler", rounds, AtLeast(steps));
    section.figure("rows purged", purged, AtLeast(1));
    section.figure("due invitations left behind", left, Exactly(0));
    section.figure("open invitations without an email", unsent, Exactly(0));
    section.violations.append(&mut load.violations);
    section
}

/// Runs the reconciler, and what its writes trigger, until it finds nothing. Returns the number of rounds.
async fn until_nothing_is_due(app: &TestApp, workers: &mut Workers) -> u64 {
    for round in 1.. {
        let done = workers.reconcile().await;
        workers.deliver().await;
        if done.processed + done.failed == 0 {
            return round;
        }
        assert!(round < 1000, "{} invitations of {ACCOUNT} and others are due again and again", rows::due(app).await);
    }
    unreachable!("rounds do not end")
}
