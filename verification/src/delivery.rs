//! Delivery: what becomes of mails and events while everything around them fails.
//!
//! Many small worlds, each with a table, three accounts, callers, couriers, and stand-ins for SES and EventBridge. The stream is
//! unreliable, couriers die at any request, and the clock jumps. Then the schedule turns calm, and all that was promised must be
//! there. A world leaves evidence: the mails, the events, every revision of every invitation, and what each courier knew of
//! each mail. From that it is judged.

mod account;
mod checks;
mod counts;
mod evidence;
mod fault_schedule;
mod history;
mod mutation;
mod process;
mod send_log;
mod simulation;
mod stream;
mod wire;
mod workload;

use futures_util::{StreamExt, stream as each};

use self::{
    counts::{Counts, What},
    simulation::Plan,
};
pub use mutation::Mutation;

use crate::report::{
    Bound::{Any, AtLeast, Exactly},
    Scale, Section,
};

/// How many worlds there are at once: most of the time they wait, for a pause after a failure.
const AT_ONCE: usize = 16;
/// How many violations are told in full.
const TOLD: usize = 30;

/// What was done, for the report.
const HOW: &str = "Each world has a table, three accounts that share invitees, four processes that deliver, and stand-ins for SES and \
EventBridge. Callers create, resend, revoke, accept, decline and look up while batches of the stream, the reconciler and the reports of SES \
are under way. One stream record in 20 is lost, one in 10 comes twice, and they come in any order; batches come again as a whole. One \
invocation in three is killed, before or after one of its requests to the table, to SES or to EventBridge is carried out, and \
whatever else it had under way ends with it. SES throttles, fails, pauses sending, and takes mails without a reply. EventBridge refuses \
calls and entries. The table refuses requests and loses replies. The clock jumps by seconds to days.\n\n\
After every few rounds the schedule turns calm for an hour, and every invitation that is open then must have its mail. At the end \
each mail is held against every revision that its invitation ever had, as the stream tells it without loss, and against what its \
courier knew; every link is opened; every event is held against the revision that wrote it.\n\n\
The same worlds without the reconciler show that records are really lost.";

/// Runs the worlds, and some without the reconciler for comparison.
pub async fn run(scale: &Scale) -> Section {
    let worlds = scale.of(2, 75);
    section(scale, worlds, scale.of(1, 8), &[]).await
}

/// One world with something broken.
pub async fn run_broken(scale: &Scale, mutations: &'static [Mutation]) -> Section {
    section(scale, 1, 0, mutations).await
}

async fn section(scale: &Scale, worlds: u64, without: u64, mutations: &'static [Mutation]) -> Section {
    let (phases, rounds) = if scale.long { (3, 4) } else { (2, 3) };
    let plan = |number| Plan { seed: scale.seed * 1_000_000 + number, reconciler: number < worlds, mutations, phases, rounds };
    let (with_reconciler, without_reconciler) = (Counts::default(), Counts::default());
    let mut section = Section::new("Delivery", HOW);
    let mut ends =
        each::iter((0..worlds + without).map(plan).map(|plan| async move { (plan, live(plan).await) })).buffer_unordered(AT_ONCE);
    while let Some((plan, end)) = ends.next().await {
        match end {
            Ok((counts, _)) if !plan.reconciler => without_reconciler.take_in(&counts),
            Ok((counts, violations)) => {
                with_reconciler.take_in(&counts);
                section.violations.extend(violations);
            }
            Err(panic) => section.violations.push(format!("world {}: {panic}", plan.seed)),
        }
    }
    let all = section.violations.len();
    if all > TOLD {
        section.violations.truncate(TOLD);
        section.violations.push(format!("and {} more", all - TOLD));
    }
    figures(&mut section, scale, &with_reconciler, &without_reconciler);
    section
}

/// A world on a thread of its own: what is in it takes turns, and worlds go on side by side.
async fn live(plan: Plan) -> Result<(Counts, Vec<String>), tokio::task::JoinError> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
        runtime.block_on(simulation::run(plan))
    })
    .await
}

fn figures(section: &mut Section, scale: &Scale, with: &Counts, without: &Counts) {
    // What a short run may be without.
    let rare = AtLeast(scale.of(0, 1));
    let mut add = |what: &str, count: What, bound| section.figure(what, with.get(count), bound);
    add("invitations", What::Invitations, AtLeast(1));
    add("sendings", What::Sendings, AtLeast(1));
    add("sendings that were over before their mail could be sent", What::NeverMailed, Any);
    add("mails that arrived", What::Mails, AtLeast(scale.of(100, 10_000)));
    add("sendings whose mail was owed", What::Owed, AtLeast(1));
    add("lost mails", What::Lost, Exactly(0));
    add("links opened, current and earlier ones", What::LinksOpened, AtLeast(1));
    add("second copies of a mail", What::SecondCopies, rare);
    add("second copies because SES's reply was lost", What::CopiesReplyLost, rare);
    add("second copies because the courier died before it had noted the reply", What::CopiesDied, rare);
    add("second copies because the table refused the note", What::CopiesNoteRefused, Any);
    add("second copies outside these windows", What::CopiesOutside, Exactly(0));
    add("claims of a mail", What::Claims, AtLeast(1));
    add("claims after it was revoked, answered, sent again, or sent", What::ClaimsOfNothing, Exactly(0));
    add("events told", What::EventsTold, AtLeast(1));
    add("events told twice", What::EventsTwice, AtLeast(1));
    add("expiries told", What::Expired, rare);
    add("events lost", What::EventsLost, Exactly(0));
    add("stream records", What::Records, AtLeast(1));
    add("stream records lost for good", What::RecordsLost, AtLeast(1));
    add("stream records duplicated", What::RecordsTwice, AtLeast(1));
    add("stream records out of order", What::RecordsOutOfOrder, AtLeast(1));
    add("batches handed over again", What::BatchesAgain, AtLeast(1));
    add("batches given up", What::BatchesGivenUp, Any);
    add("couriers killed", What::Killed, AtLeast(1));
    add("SES: throttled", What::Throttled, AtLeast(1));
    add("SES: sending was paused", What::Paused, rare);
    add("SES: failed", What::Failing, AtLeast(1));
    add("SES: replies lost", What::RepliesLost, AtLeast(1));
    add("EventBridge: refusals and lost replies", What::BusRefusals, AtLeast(1));
    add("table faults", What::TableFaults, AtLeast(1));
    add("reports of SES", What::Reports, AtLeast(1));
    add("jumps of the clock", What::Jumps, AtLeast(1));
    section.figure("without the reconciler: sendings whose mail was owed", without.get(What::Owed), Any);
    section.figure("without the reconciler: mails never sent", without.get(What::Lost), AtLeast(1));
    section.figure("without the reconciler: of them never tried, because the stream lost the record", without.get(What::NeverTried), rare);
    section.figure("without the reconciler: events never told", without.get(What::EventsLost), AtLeast(1));
}
