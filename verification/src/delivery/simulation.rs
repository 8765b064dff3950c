//! One simulation: a table, its callers, the couriers, and the faults of AWS.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use functions::delivery::{
    reconcile_deliveries,
    record_feedback::{self, Feedback},
    worker::invoke,
};
use futures_util::{StreamExt, future::join_all, stream};
use local::{
    events::Bus,
    ses::{Inbox, SentEmail, feedback},
};
use serde_json::{Value, json};
use shared::{
    config::read_retention,
    domain::{Invitation, courier::EmailKind, invitation::State, settings::EXTERNAL_ID_MARGIN},
    store::item,
};
use support::{ACCOUNT, OTHER_ACCOUNT, TestApp, run_as};

use super::{
    account::Account,
    bulks::Bulks,
    checks,
    counts::{Counter, Counts},
    defects::Defect,
    evidence::Evidence,
    fault_schedule::FaultSchedule,
    process::{Factory, Process},
    send_log::{Context, SendKey, send_of},
    stream::{Batch, Buffer, process_batches},
    workload::{self, Step},
};
use support::random::Random;

/// The external id that the first account gets.
const EXTERNAL_ID: &str = "Org/7";
/// The reminder's time before the expiry, in seconds: as long as the default lifetime allows, so that jumps of the clock reach it.
const REMIND_BEFORE: &str = "403200";
/// The number of processes that consume the stream concurrently.
const CONSUMERS: usize = 3;
/// The steps of all callers in a round.
const STEPS: usize = 30;
/// The number of concurrent calls, and of concurrent reports.
const CONCURRENCY: usize = 12;
/// The clock's jumps between rounds, in seconds: within a cooldown, past a claim, past a pause, days.
const CLOCK_JUMPS: [u64; 9] = [5, 61, 61, 61, 200, 200, 900, 7200, 200_000];
/// Longer than any pause between two attempts, in seconds.
const LONGEST_PAUSE: u64 = 3601;
/// Longer than the reconciler's delay behind the stream, and than a courier's claim, in seconds.
const AFTER_CLAIM: u64 = 200;

/// The parameters of a simulation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) reconciler: bool,
    pub(super) defects: &'static [Defect],
    /// Periods with faults, each followed by one without.
    pub(super) phases: usize,
    /// Rounds in a phase.
    pub(super) rounds: usize,
}

pub(super) struct Simulation {
    plan: Plan,
    app: Arc<TestApp>,
    context: Arc<Context>,
    inbox: Inbox,
    bus: Bus,
    feedback: Feedback,
    buffer: Buffer,
    consumers: Vec<Process>,
    reconciler: Process,
    accounts: Vec<Account>,
    /// The number of emails with reports so far.
    reported: usize,
    /// Reports that wait for delivery.
    reports: Vec<Value>,
    random: Random,
    /// Sends that were open in a period without faults.
    due: BTreeSet<SendKey>,
    /// Those whose email did not arrive.
    lost: BTreeSet<SendKey>,
    violations: Vec<String>,
}

/// Runs a simulation. Returns its counts and violations.
pub(super) async fn run(plan: Plan) -> (Counts, Vec<String>) {
    let mut simulation = Simulation::start(plan).await;
    for phase in 0..plan.phases {
        for round in 0..plan.rounds {
            // In the middle, while events wait to be published again.
            if (phase, round) == (plan.phases / 2, plan.rounds / 2) {
                simulation.set_external_id().await;
            }
            simulation.round().await;
        }
        simulation.fault_free_period().await;
    }
    simulation.finish().await
}

impl Simulation {
    async fn start(plan: Plan) -> Self {
        let mut random = Random::new(plan.seed);
        let app = Arc::new(TestApp::with(&[("REMIND_BEFORE_SECONDS", REMIND_BEFORE)]).await);
        let context = Arc::new(Context::new(Counts::default(), plan.defects));
        let inbox = Inbox::on_free_port().expect("a free port exists");
        let bus = Bus::on_free_port().expect("a free port exists");
        inbox.guard_by(app.guard());
        bus.guard_by(app.guard());
        let mut accounts = Vec::new();
        for (id, name) in [(ACCOUNT, "Alder"), (OTHER_ACCOUNT, "Birch"), ("333333333333", "Cedar")] {
            app.manage_settings(&json!({ "action": "set", "account": id, "name": format!("{name} Works") })).await;
            let key = json!({ "action": "create", "account": id, "role": "full-access", "name": format!("Jane {name}") });
            let key = app.manage_keys(&key).await["key"].as_str().expect("the response has a key").to_owned();
            accounts.push(Account { id, name, key, external: None });
        }
        let factory = Arc::new(Factory {
            app: Arc::clone(&app),
            context: Arc::clone(&context),
            ses: inbox.endpoint().to_owned(),
            event_bridge: bus.endpoint().to_owned(),
            random: Mutex::new(random.fork()),
        });
        let retention = read_retention(&|name| app.variable(name)).expect("the configuration is valid");
        Self {
            feedback: Feedback { store: app.state().store.clone(), retention },
            buffer: Buffer::open(&app, context.counts.clone(), random.fork()).await,
            consumers: (0..CONSUMERS).map(|_| Process::start(&factory)).collect(),
            reconciler: Process::start(&factory),
            reported: 0,
            reports: Vec::new(),
            due: BTreeSet::new(),
            lost: BTreeSet::new(),
            violations: Vec::new(),
            plan,
            app,
            context,
            inbox,
            bus,
            accounts,
            random,
        }
    }

    /// Gives one account its external id.
    async fn set_external_id(&mut self) {
        let account = &mut self.accounts[0];
        let since = self.app.now().plus(EXTERNAL_ID_MARGIN);
        let set = json!({ "action": "set", "account": account.id, "externalID": EXTERNAL_ID });
        // The table's faults may last; an operator repeats the call.
        while self.app.manage_settings(&set).await["externalID"] != EXTERNAL_ID {}
        account.external = Some((EXTERNAL_ID, since));
    }

    /// Runs everything concurrently with faults, and then lets the clock jump.
    async fn round(&mut self) {
        FaultSchedule::draw(&mut self.random).apply(&self.app, &self.context, &self.inbox, &self.bus, &mut self.random);
        self.buffer.fill().await;
        let mut batches = self.buffer.batches(false);
        let emails = self.inbox.emails();
        self.report(&emails);
        let reports: Vec<Value> =
            (0..self.reports.len() * 4 / 5).map(|_| self.reports.swap_remove(self.random.below(self.reports.len()))).collect();
        let steps = workload::draw(STEPS, &self.invitations().await, &emails, &self.accounts, self.app.now(), &mut self.random);

        let Self { app, consumers, reconciler, feedback, context, plan, .. } = self;
        let counts = &context.counts;
        let share = batches.len().div_ceil(CONSUMERS);
        let mut shares = || batches.drain(..share.min(batches.len())).collect::<Vec<Batch>>();
        let delivering = consumers.iter_mut().map(|process| process_batches(process, shares(), true, counts)).collect::<Vec<_>>();
        let bulks = Mutex::new(Bulks::default());
        let calling = stream::iter(steps).map(|step| async {
            match step {
                Step::Call(call) => drop(app.send(*call).await),
                Step::Bulk(key, call) => {
                    let response = app.send(*call).await;
                    bulks.lock().unwrap_or_else(PoisonError::into_inner).add(key, response);
                }
                Step::Wait(time) => app.advance(time),
            }
        });
        let reporting = stream::iter(reports).map(|report| deliver_report(feedback, report, counts));
        let reconciling = async {
            if plan.reconciler {
                let _ = reconciler.invoke(true, "reconcile-deliveries", "{}", &reconcile_deliveries::handle).await;
            }
        };
        let (calling, reporting) = (calling.buffer_unordered(CONCURRENCY), reporting.buffer_unordered(CONCURRENCY));
        tokio::join!(join_all(delivering), calling.collect::<Vec<()>>(), reporting.collect::<Vec<()>>(), reconciling);
        let bulks = bulks.into_inner().unwrap_or_else(PoisonError::into_inner);
        for violation in bulks.check(&self.invitations().await, &self.context.counts) {
            self.violation(violation);
        }
        let seconds = *self.random.pick(&CLOCK_JUMPS);
        self.jump(seconds);
    }

    /// Stops all faults, delivers all remaining records, and lets time pass: then every due email must have arrived.
    async fn fault_free_period(&mut self) {
        FaultSchedule::NONE.apply(&self.app, &self.context, &self.inbox, &self.bus, &mut self.random);
        self.jump(LONGEST_PAUSE);
        for _ in 0..2 {
            self.buffer.fill().await;
            let batches = self.buffer.batches(true);
            process_batches(&mut self.consumers[0], batches, false, &self.context.counts).await;
            self.reconcile().await;
            self.jump(AFTER_CLAIM);
        }
        if self.plan.reconciler {
            // For invitations that have expired meanwhile.
            self.reconcile().await;
            match self.reconcile().await {
                Some(reconcile_deliveries::Round { processed: 0, failed: 0 }) => {}
                other => self.violation(format!("without faults, work remains due: {other:?}")),
            }
        }
        let emailed: BTreeSet<_> = self.inbox.emails().iter().filter_map(send_of).collect();
        let now = self.app.now();
        for invitation in self.invitations().await.iter().filter(|it| it.state(now) == State::Invited) {
            let key = |kind| SendKey { id: invitation.resource.id.to_string(), version: invitation.link.version, kind };
            let send = key(EmailKind::Invitation);
            let (reminded, has_reminder) = (invitation.resource.reminded.is_some(), emailed.contains(&key(EmailKind::Reminder)));
            // A bounce or complaint ends the attempts, also of a reminder whose sending was not recorded.
            let is_refused = invitation.resource.delivery.as_ref().is_some_and(|delivery| delivery.status.blocks());
            if self.plan.reconciler && invitation.reminder_due().is_some_and(|due| due <= now) {
                self.violation(format!("the reminder of {send:?} is overdue: {:?}", invitation.send_attempts));
            }
            if reminded != has_reminder && !(has_reminder && is_refused) {
                self.violation(format!("the reminder of {send:?}: sent {has_reminder}, recorded {reminded}"));
            }
            if !emailed.contains(&send) {
                let new = self.lost.insert(send.clone());
                self.context.counts.add(Counter::NeverTried, usize::from(new && invitation.send_attempts.tries == 0));
                self.violation(format!("send {send:?} has no email: {:?}, {:?}", invitation.send_attempts, invitation.resource.delivery));
            } else if invitation.resource.delivery.is_none() {
                self.violation(format!("the email of {send:?} is not recorded as sent: {:?}", invitation.send_attempts));
            }
            self.due.insert(send);
        }
    }

    async fn reconcile(&mut self) -> Option<reconcile_deliveries::Round> {
        if !self.plan.reconciler {
            return None;
        }
        self.reconciler.invoke(false, "reconcile-deliveries", "{}", &reconcile_deliveries::handle).await.and_then(Result::ok)
    }

    /// Collects and checks the evidence.
    async fn finish(mut self) -> (Counts, Vec<String>) {
        let send_log = self.context.send_log().clone();
        let mut evidence = Evidence::collect(&self.app, &self.inbox, &self.bus, send_log).await;
        for defect in self.plan.defects {
            evidence.corrupt(*defect, &self.accounts);
        }
        for violation in checks::check(&evidence, &self.accounts, &self.context.counts) {
            self.violation(violation);
        }
        self.context.counts.add(Counter::Due, self.due.len());
        self.context.counts.add(Counter::Lost, self.lost.len());
        (self.context.counts.clone(), self.violations)
    }

    /// Queues SES's reports on new emails: in one of ten cases none, in another each twice.
    fn report(&mut self, emails: &[SentEmail]) {
        for email in &emails[self.reported..] {
            let mut reports = feedback::events(email);
            if self.random.chance(1, 5) {
                let mut send = reports[0].clone();
                send["detail"]["eventType"] = "Send".into();
                reports.push(send);
            }
            let times = *self.random.pick(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
            self.reports.extend(reports.iter().cycle().take(reports.len() * times).cloned());
        }
        self.reported = emails.len();
    }

    async fn invitations(&self) -> Vec<Invitation> {
        let rows = self.app.rows().await;
        let is_invitation = |row: &shared::store::Row| row["sk"].as_s().is_ok_and(|key| key.starts_with("I#"));
        rows.into_iter().filter(is_invitation).map(|row| item::from_row(row).expect("a row of the service can be parsed")).collect()
    }

    fn jump(&mut self, seconds: u64) {
        self.context.counts.add(Counter::Jumps, 1);
        self.app.advance(Duration::from_secs(seconds));
    }

    fn violation(&mut self, violation: String) {
        self.violations.push(format!("simulation {}: {violation}", self.plan.seed));
    }
}

/// Delivers one report as EventBridge does: in up to three attempts.
async fn deliver_report(feedback: &Feedback, report: Value, counts: &Counts) {
    counts.add(Counter::Reports, 1);
    for _ in 0..3 {
        let report = report.to_string();
        if run_as("record-feedback", invoke(Ok(feedback), &report, &record_feedback::handle)).await.is_ok() {
            return;
        }
    }
}
