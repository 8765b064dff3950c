//! Delivery of emails and events while everything around it fails.
//!
//! Runs many small simulations, each with a table, three accounts, callers, couriers, and stand-ins for SES and EventBridge. The
//! stream is unreliable, couriers crash at any request, and the clock jumps. Then faults stop, and everything promised must
//! arrive. A simulation leaves evidence: the emails, the events, every revision of every invitation, and what each courier knew
//! about each email. The checks use only this evidence.

mod account;
mod bulks;
mod checks;
mod counts;
mod defects;
mod evidence;
mod fault_schedule;
mod history;
mod process;
mod send_log;
mod simulation;
mod stream;
mod wire;
mod workload;

use futures_util::{StreamExt, stream as futures};

use self::{
    counts::{Counter, Counts},
    simulation::Plan,
};
pub use defects::Defect;

use crate::report::{
    Bound::{Any, AtLeast, Exactly},
    Scale, Section,
};

/// The number of concurrent simulations. They keep two cores busy; more would only wait for a core, until time limits of requests end
/// that no fault has exceeded.
const CONCURRENCY: usize = 6;
/// The number of violations that are reported in full.
const MAX_REPORTED: usize = 100;

/// The method, for the report.
const HOW: &str = "Each simulation has a table, three accounts that share invitees, four processes that deliver, and stand-ins for SES \
and EventBridge. Callers create, one by one and up to 100 at once, resend, revoke, accept, decline and look up while stream batches, the reconciler and SES reports are \
processed. One stream record in 20 is lost, one in 10 is duplicated, their order is random, and batches are redelivered as a whole. One \
invocation in three crashes before or after the execution of one of its requests to the table, SES or EventBridge, along with all its \
other requests in progress. SES throttles, fails, pauses sending, and accepts emails without a reply. EventBridge rejects calls and \
entries. The table rejects requests and loses replies. The clock jumps by seconds to days.\n\n\
After every few rounds, an hour passes without faults, and every invitation that is then open must have its email, and its reminder \
if that is due. At the end each \
email is compared with every revision of its invitation, read from the stream without loss, and with what its courier knew; every link \
is opened; every event is compared with the revision that wrote it.\n\n\
The same simulations without the reconciler show that stream records really are lost.";

/// Runs the simulations, and some without the reconciler for comparison.
pub async fn run(scale: &Scale) -> Section {
    let simulations = scale.of(2, 75);
    section(scale, simulations, scale.of(1, 8), &[]).await
}

/// Runs one simulation with these defects.
pub async fn run_with_defects(scale: &Scale, defects: &'static [Defect]) -> Section {
    section(scale, 1, 0, defects).await
}

async fn section(scale: &Scale, simulations: u64, without: u64, defects: &'static [Defect]) -> Section {
    let (phases, rounds) = if scale.long { (3, 4) } else { (2, 3) };
    let plan = |number| Plan { seed: scale.seed * 1_000_000 + number, reconciler: number < simulations, defects, phases, rounds };
    let (with_reconciler, without_reconciler) = (Counts::default(), Counts::default());
    let mut section = Section::new("Delivery", HOW);
    let mut results = futures::iter((0..simulations + without).map(plan).map(|plan| async move { (plan, run_simulation(plan).await) }))
        .buffer_unordered(CONCURRENCY);
    while let Some((plan, result)) = results.next().await {
        match result {
            Ok((counts, _)) if !plan.reconciler => without_reconciler.merge(&counts),
            Ok((counts, violations)) => {
                with_reconciler.merge(&counts);
                section.violations.extend(violations);
            }
            Err(panic) => section.violations.push(format!("simulation {}: {panic}", plan.seed)),
        }
    }
    let all = section.violations.len();
    if all > MAX_REPORTED {
        section.violations.truncate(MAX_REPORTED);
        section.violations.push(format!("and {} more", all - MAX_REPORTED));
    }
    figures(&mut section, scale, &with_reconciler, &without_reconciler);
    section
}

/// Runs a simulation on a thread of its own: its tasks take turns, and simulations run in parallel.
async fn run_simulation(plan: Plan) -> Result<(Counts, Vec<String>), tokio::task::JoinError> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(simulation::run(plan))
    })
    .await
}

fn figures(section: &mut Section, scale: &Scale, with: &Counts, without: &Counts) {
    // A short run may lack these.
    let rare = AtLeast(scale.of(0, 1));
    let mut add = |name: &str, counter: Counter, bound| section.figure(name, with.get(counter), bound);
    add("invitations", Counter::Invitations, AtLeast(1));
    add("bulks of 100 rows", Counter::Bulks, AtLeast(scale.of(5, 500)));
    add("bulks without an answer", Counter::BulksUnanswered, Any);
    add("invitations that bulks have created", Counter::BulkRows, AtLeast(scale.of(100, 10_000)));
    add("sends", Counter::Sendings, AtLeast(1));
    add("sends that ended before their email could be sent", Counter::NeverEmailed, Any);
    add("emails received", Counter::Emails, AtLeast(scale.of(100, 10_000)));
    add("of these reminders", Counter::Reminders, rare);
    add("sends whose email was due", Counter::Due, AtLeast(1));
    add("lost emails", Counter::Lost, Exactly(0));
    add("links opened, current and superseded", Counter::LinksOpened, AtLeast(1));
    add("duplicate emails", Counter::SecondCopies, rare);
    add("duplicates because SES's reply was lost", Counter::CopiesReplyLost, rare);
    add("duplicates because the courier crashed before it recorded the reply", Counter::CopiesCrashed, rare);
    add("duplicates because the table rejected the record", Counter::CopiesRecordFailed, Any);
    add("unexplained duplicates", Counter::CopiesUnexplained, Exactly(0));
    add("claims of an email", Counter::Claims, AtLeast(1));
    add("claims of an email that must not be sent", Counter::InvalidClaims, Exactly(0));
    add("events published", Counter::EventsPublished, AtLeast(1));
    add("events published again", Counter::EventsRepublished, AtLeast(1));
    add("expiry events", Counter::Expired, rare);
    add("events lost", Counter::EventsLost, Exactly(0));
    add("stream records", Counter::Records, AtLeast(1));
    add("stream records lost", Counter::RecordsLost, AtLeast(1));
    add("stream records duplicated", Counter::RecordsDuplicated, AtLeast(1));
    add("stream records out of order", Counter::RecordsOutOfOrder, AtLeast(1));
    add("batches retried", Counter::BatchesRetried, AtLeast(1));
    add("batches abandoned", Counter::BatchesGivenUp, Any);
    add("courier crashes", Counter::Crashes, AtLeast(1));
    add("SES: throttled", Counter::Throttled, AtLeast(1));
    add("SES: sending paused", Counter::Paused, rare);
    add("SES: failed", Counter::Failed, AtLeast(1));
    add("SES: replies lost", Counter::RepliesLost, AtLeast(1));
    add("EventBridge: errors and lost replies", Counter::BusRefusals, AtLeast(1));
    add("table faults", Counter::TableFaults, AtLeast(1));
    add("SES reports", Counter::Reports, AtLeast(1));
    add("clock jumps", Counter::Jumps, AtLeast(1));
    section.figure("without the reconciler: sends whose email was due", without.get(Counter::Due), Any);
    section.figure("without the reconciler: lost emails", without.get(Counter::Lost), AtLeast(1));
    section.figure("without the reconciler: never tried, because the stream lost the record", without.get(Counter::NeverTried), rare);
    section.figure("without the reconciler: lost events", without.get(Counter::EventsLost), AtLeast(1));
}
