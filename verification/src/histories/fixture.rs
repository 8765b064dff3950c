//! One history: a service of its own, callers, faults, a clock that jumps, and a record of all of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use shared::{
    domain::{Timestamp, lifecycle::purge_after, link::LinkKeys},
    store::item,
};
use support::{
    ACCOUNT, OTHER_ACCOUNT, Response, SecondApp, TestApp,
    faults::{Faults, process::killable, wire::Wire},
    random::Random,
};

use super::{
    choice::{Choice, Known, Token, choose},
    record::{Event, Recorder},
    shape::Shape,
};
use crate::model::{answers::Told, snapshot::Snapshot};

/// The accounts of every history.
pub const ACCOUNTS: [&str; 2] = [ACCOUNT, OTHER_ACCOUNT];

/// What was done and told in one history, and what went wrong on the way.
pub struct History {
    /// All of it.
    pub recorder: Recorder,
    /// The faults that were met, by name.
    pub faults: Vec<(&'static str, usize)>,
    /// Rows that were purged.
    pub purged: usize,
}

struct Fixture {
    shape: Shape,
    app: TestApp,
    keys: [String; 2],
    link_keys: LinkKeys,
    recorder: Mutex<Recorder>,
    known: Mutex<Known>,
}

/// Lets a history happen. `wire` may break the service.
pub async fn happen(shape: Shape, seed: u64, wire: Option<Arc<dyn Wire>>) -> History {
    let app = TestApp::with(shape.variables).await;
    let mut random = Random::new(seed);
    let fixture = Fixture {
        shape,
        keys: [app.full.clone(), app.other.clone()],
        link_keys: app.variable("LINK_KEYS").and_then(|keys| keys.parse().ok()).expect("link keys are configured"),
        recorder: Mutex::new(Recorder::starting_at(app.now().as_millis())),
        known: Mutex::default(),
        app,
    };
    // Two accounts invite the same people.
    let processes: Vec<SecondApp> = (0..shape.clients).map(|_| fixture.app.another(&[])).collect();
    if let Some(wire) = wire {
        fixture.app.faults.wire(wire);
    }
    let (mut faults, mut purged) = (Vec::new(), 0);
    for _ in 0..shape.rounds {
        purged += fixture.pause(&mut random).await;
        fixture.app.faults.schedule(random.bits(), shape.chances(&mut random));
        let callers = processes.iter().map(|process| (process, random.fork()));
        let callers = join_all(callers.map(|(process, random)| fixture.calls(process, random)));
        tokio::join!(callers, fixture.jump(random.fork()));
        faults.extend(fixture.app.faults.counts());
        settle(&fixture.app.faults).await;
        fixture.recorder().close();
        // Memory is not for what nobody asks.
        drop(fixture.app.faults.take_requests());
    }
    purged += fixture.pause(&mut random).await;
    let recorder = std::mem::take(&mut *fixture.recorder());
    History { recorder, faults, purged }
}

async fn settle(faults: &Faults) {
    faults.clear();
    faults.calm().await;
}

impl Fixture {
    fn recorder(&self) -> std::sync::MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One caller's calls, one after the other.
    async fn calls(&self, process: &SecondApp, mut random: Random) {
        for _ in 0..self.shape.calls {
            let choice = choose(&mut random, self.shape.emails, &self.known());
            let called = self.recorder().call();
            let call = choice.call(&self.keys);
            let (done, life) = killable(process.send(call)).await;
            // A 503 says nothing of what has become of it.
            let told = done.as_ref().filter(|response| response.status != 503).map(Told::from);
            if let Some(told) = &told {
                self.learn(&choice, told);
            }
            let rescued = done.as_ref().is_some_and(|response: &Response| response.status < 300) && life.carried_out > 0 && life.heard == 0;
            let Choice { account, email, operation, .. } = choice;
            self.recorder().answer(called, account, email, Event::Operation(operation), told, rescued);
        }
    }

    fn learn(&self, choice: &Choice, told: &Told) {
        for id in [told.field("id"), told.open()] {
            self.known().id(choice.account, id, &choice.email);
        }
    }

    /// Lets the clock jump while the callers are at it.
    async fn jump(&self, mut random: Random) {
        if self.shape.sudden {
            tokio::time::sleep(Duration::from_micros(random.bits() % 15_000)).await;
            self.advance(&mut random);
        }
    }

    fn advance(&self, random: &mut Random) {
        let jump = *random.pick(self.shape.jumps);
        // Nobody calls or is answered between the note of it and the jump.
        let mut recorder = self.recorder();
        self.app.advance(Duration::from_millis(u64::try_from(jump).expect("time goes on")));
        recorder.jump(self.app.now().as_millis());
    }

    /// While nothing is under way the clock jumps, what is over may be purged, and the table is looked at. How many rows were
    /// purged.
    async fn pause(&self, random: &mut Random) -> usize {
        self.advance(random);
        let mut purged = 0;
        if random.chance(1, 2) {
            let retention = Duration::from_millis(self.shape.limits.retention.unsigned_abs());
            purged = sweep(&self.app, retention).await;
            for account in 0..ACCOUNTS.len() {
                for email in self.parts() {
                    self.recorder().at_once(account, email, Event::Purge);
                }
            }
        }
        let now = self.app.now().as_millis();
        for (account, name) in ACCOUNTS.iter().enumerate() {
            let rows = self.app.rows_of(name, "").await;
            let snapshot = Snapshot::of(&rows, now);
            for row in rows.into_iter().filter(|row| row["sk"].as_s().is_ok_and(|sk| sk.starts_with("I#"))) {
                let link: Arc<str> = row["th"].as_s().expect("a hash").as_str().into();
                let invitation = item::from_row(row).expect("a row that the service wrote");
                let email: Arc<str> = invitation.email.normalised().as_str().into();
                let token = self.link_keys.token(&invitation.account, invitation.id, &invitation.link).expect("a key that there is");
                let id: Arc<str> = invitation.id.to_string().into();
                let mut known = self.known();
                known.id(account, &id, &email);
                known.token(Token { account, email, id, link, text: token.reveal() });
            }
            for email in self.parts() {
                let part = if self.shape.whole { snapshot.clone() } else { snapshot.about(&email) };
                self.recorder().at_once(account, email, Event::Snapshot(part));
            }
        }
        purged
    }

    /// One address for each part that is judged by itself.
    fn parts(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        (0..if self.shape.whole { 1 } else { self.shape.emails }).map(super::choice::email)
    }
}

/// Deletes what TTL would delete, on the condition on which it would. No courier is at work here, so an invitation is taken for
/// marked as soon as it is over: the fixture has been told of it at once.
async fn sweep(app: &TestApp, retention: Duration) -> usize {
    let now = app.now().as_secs();
    let mut deleted = 0;
    for row in app.rows().await {
        let marked = row.get("ttl").map(|ttl| ttl.as_n().expect("a number").parse().expect("seconds"));
        let over = || purge_after(&item::from_row(row.clone()).ok()?, Some(retention)).map(Timestamp::as_secs);
        if marked.or_else(over).is_none_or(|end| end >= now) {
            continue;
        }
        // What has been written since is another row. Those without a revision carry their end.
        let witness = if row.contains_key("rev") { "rev" } else { "ttl" };
        let delete = app.client.delete_item().table_name(&app.table).key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
        let delete = delete.condition_expression("#seen = :seen").expression_attribute_names("#seen", witness);
        let done = delete.expression_attribute_values(":seen", row[witness].clone()).send().await;
        deleted += usize::from(done.is_ok());
    }
    deleted
}
