//! One world: a table, its callers, the couriers, and what AWS does to them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
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
    ses::{Inbox, Mail, feedback},
};
use serde_json::{Value, json};
use shared::{
    config::read_retention,
    domain::{Invitation, invitation::State},
    store::item,
};
use support::{ACCOUNT, OTHER_ACCOUNT, TestApp};

use super::{
    account::Account,
    checks,
    counts::{Counts, What},
    evidence::Evidence,
    fault_schedule::FaultSchedule,
    mutation::Mutation,
    process::{Factory, Process},
    send_log::{Context, Sending, sending},
    stream::{Batch, Buffer, hand_over},
    workload::{self, Step},
};
use support::random::Random;

/// How many processes take batches at once.
const LANES: usize = 3;
/// How much callers do in a round.
const STEPS: usize = 30;
/// How many calls, and how many reports, are under way at once.
const AT_ONCE: usize = 12;
/// The clock jumps so many seconds between two rounds: less than a cooldown, a claim's end, a pause's end, days.
const JUMPS: [u64; 9] = [5, 61, 61, 61, 200, 200, 900, 7200, 200_000];
/// Longer than any pause between two tries, in seconds.
const LONGEST_PAUSE: u64 = 3601;
/// Longer than the stream's grace, and than a mail is in one courier's hands.
const LATER: u64 = 200;

/// What a world is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) reconciler: bool,
    pub(super) mutations: &'static [Mutation],
    /// Stretches of bad schedule, a calm after each.
    pub(super) phases: usize,
    /// Rounds of a phase.
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
    lanes: Vec<Process>,
    reconciler: Process,
    accounts: Vec<Account>,
    /// So many mails have been reported on, and these reports are on their way.
    reported: usize,
    reports: Vec<Value>,
    random: Random,
    /// The sendings that were open in calm schedule, and those of them whose mail had not come.
    owed: BTreeSet<Sending>,
    lost: BTreeSet<Sending>,
    violations: Vec<String>,
}

/// Lives through a world, and says what was counted and what should not have been.
pub(super) async fn run(plan: Plan) -> (Counts, Vec<String>) {
    let mut world = Simulation::start(plan).await;
    for _ in 0..plan.phases {
        for _ in 0..plan.rounds {
            world.round().await;
        }
        world.calm().await;
    }
    world.end().await
}

impl Simulation {
    async fn start(plan: Plan) -> Self {
        let mut random = Random::new(plan.seed);
        let app = Arc::new(TestApp::start().await);
        let context = Arc::new(Context::new(Counts::default(), plan.mutations));
        let inbox = Inbox::on_free_port().expect("there is a port");
        let bus = Bus::on_free_port().expect("there is a port");
        let mut accounts = Vec::new();
        for (id, name) in [(ACCOUNT, "Alder"), (OTHER_ACCOUNT, "Birch"), ("333333333333", "Cedar")] {
            app.manage_settings(&json!({ "action": "set", "account": id, "name": format!("{name} Works") })).await;
            let key = json!({ "action": "create", "account": id, "role": "full-access", "name": format!("Jane {name}") });
            let key = app.manage_keys(&key).await["key"].as_str().expect("a key is made").to_owned();
            accounts.push(Account { id, name, key });
        }
        let factory = Arc::new(Factory {
            app: Arc::clone(&app),
            context: Arc::clone(&context),
            mails: inbox.endpoint().to_owned(),
            events: bus.endpoint().to_owned(),
            random: Mutex::new(random.fork()),
        });
        let retention = read_retention(&|name| app.variable(name)).expect("the configuration is right");
        Self {
            feedback: Feedback { store: app.state().store.clone(), retention },
            buffer: Buffer::open(&app, context.counts.clone(), random.fork()).await,
            lanes: (0..LANES).map(|_| Process::start(&factory)).collect(),
            reconciler: Process::start(&factory),
            reported: 0,
            reports: Vec::new(),
            owed: BTreeSet::new(),
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

    /// Everything at once in bad schedule, and then a jump of the clock.
    async fn round(&mut self) {
        FaultSchedule::draw(&mut self.random).begin(&self.app, &self.context, &self.inbox, &self.bus, &mut self.random);
        self.buffer.fill().await;
        let mut batches = self.buffer.batches(false);
        let mails = self.inbox.mails();
        self.report(&mails);
        let reports: Vec<Value> =
            (0..self.reports.len() * 4 / 5).map(|_| self.reports.swap_remove(self.random.below(self.reports.len()))).collect();
        let acts = workload::draw(STEPS, &self.invitations().await, &mails, &self.accounts, self.app.now(), &mut self.random);

        let Self { app, lanes, reconciler, feedback, context, plan, .. } = self;
        let counts = &context.counts;
        let share = batches.len().div_ceil(LANES);
        let mut shares = || batches.drain(..share.min(batches.len())).collect::<Vec<Batch>>();
        let delivering = lanes.iter_mut().map(|process| hand_over(process, shares(), true, counts)).collect::<Vec<_>>();
        let calling = stream::iter(acts).map(|act| async {
            match act {
                Step::Call(call) => drop(app.send(*call).await),
                Step::Wait(time) => app.advance(time),
            }
        });
        let reporting = stream::iter(reports).map(|report| note(feedback, report, counts));
        let reconciling = async {
            if plan.reconciler {
                let _ = reconciler.invoke(true, "{}", &reconcile_deliveries::handle).await;
            }
        };
        let (calling, reporting) = (calling.buffer_unordered(AT_ONCE), reporting.buffer_unordered(AT_ONCE));
        tokio::join!(join_all(delivering), calling.collect::<Vec<()>>(), reporting.collect::<Vec<()>>(), reconciling);
        let seconds = *self.random.pick(&JUMPS);
        self.jump(seconds);
    }

    /// Calm schedule, all records that were not lost, and time: then every mail that is owed has arrived.
    async fn calm(&mut self) {
        FaultSchedule::CALM.begin(&self.app, &self.context, &self.inbox, &self.bus, &mut self.random);
        self.jump(LONGEST_PAUSE);
        for _ in 0..2 {
            self.buffer.fill().await;
            let batches = self.buffer.batches(true);
            hand_over(&mut self.lanes[0], batches, false, &self.context.counts).await;
            self.reconcile().await;
            self.jump(LATER);
        }
        if self.plan.reconciler {
            // What has expired in the meantime.
            self.reconcile().await;
            match self.reconcile().await {
                Some(reconcile_deliveries::Round { settled: 0, failed: 0 }) => {}
                other => self.say(format!("in calm schedule something stays due: {other:?}")),
            }
        }
        let mailed: BTreeSet<_> = self.inbox.mails().iter().filter_map(sending).collect();
        let now = self.app.now();
        for invitation in self.invitations().await.iter().filter(|it| it.state(now) == State::Invited) {
            let sending = (invitation.id.to_string(), invitation.link.version);
            if !mailed.contains(&sending) {
                let new = self.lost.insert(sending.clone());
                self.context.counts.add(What::NeverTried, usize::from(new && invitation.send_attempts.tries == 0));
                self.say(format!("no mail of sending {sending:?}: {:?}, {:?}", invitation.send_attempts, invitation.delivery));
            } else if invitation.delivery.is_none() {
                self.say(format!("nobody knows that the mail of {sending:?} was sent: {:?}", invitation.send_attempts));
            }
            self.owed.insert(sending);
        }
    }

    async fn reconcile(&mut self) -> Option<reconcile_deliveries::Round> {
        if !self.plan.reconciler {
            return None;
        }
        self.reconciler.invoke(false, "{}", &reconcile_deliveries::handle).await.and_then(Result::ok)
    }

    /// Collects the evidence, and lets it be judged.
    async fn end(mut self) -> (Counts, Vec<String>) {
        let send_log = self.context.send_log().clone();
        let mut evidence = Evidence::collect(&self.app, &self.inbox, &self.bus, send_log).await;
        for mutations in self.plan.mutations {
            evidence.corrupt(*mutations, &self.accounts);
        }
        for found in checks::check(&evidence, &self.accounts, &self.context.counts) {
            self.say(found);
        }
        self.context.counts.add(What::Owed, self.owed.len());
        self.context.counts.add(What::Lost, self.lost.len());
        (self.context.counts.clone(), self.violations)
    }

    /// What SES will report of the mails since the last time: in one case of ten nothing, in another everything twice.
    fn report(&mut self, mails: &[Mail]) {
        for mail in &mails[self.reported..] {
            let mut reports = feedback::events(mail);
            if self.random.chance(1, 5) {
                let mut sent = reports[0].clone();
                sent["detail"]["eventType"] = "Send".into();
                reports.push(sent);
            }
            let times = *self.random.pick(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
            self.reports.extend(reports.iter().cycle().take(reports.len() * times).cloned());
        }
        self.reported = mails.len();
    }

    async fn invitations(&self) -> Vec<Invitation> {
        let rows = self.app.rows().await;
        let of_invitation = |row: &shared::store::Row| row["sk"].as_s().is_ok_and(|key| key.starts_with("I#"));
        rows.into_iter().filter(of_invitation).map(|row| item::from_row(row).expect("what the service writes can be read")).collect()
    }

    fn jump(&mut self, seconds: u64) {
        self.context.counts.add(What::Jumps, 1);
        self.app.advance(Duration::from_secs(seconds));
    }

    fn say(&mut self, what: String) {
        self.violations.push(format!("world {}: {what}", self.plan.seed));
    }
}

/// Hands over one report, as EventBridge does: up to three times.
async fn note(feedback: &Feedback, report: Value, counts: &Counts) {
    counts.add(What::Reports, 1);
    for _ in 0..3 {
        if invoke(Ok(feedback), &report.to_string(), &record_feedback::handle).await.is_ok() {
            return;
        }
    }
}
