//! Runs one history: a service of its own, callers, faults, a clock that jumps, and the record.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use shared::{
    domain::{Timestamp, issuer::Issuers, lifecycle::purge_after, link::LinkKeys},
    store::{Store, StoredKeys, item, system_clock},
};
use support::{
    ACCOUNT, OTHER_ACCOUNT, Response, SecondApp, TestApp,
    faults::{Faults, process::killable, wire::Wire},
    random::Random,
};

use super::{
    callers::{Callers, EXTERNAL_IDS, ISSUERS, draw_keys, published},
    choice::{Choice, Known, LinkToken, choose},
    profile::Profile,
    publications::{Outcome, Publications},
    record::{Entry, Event, Recorder},
};
use crate::model::{operations::Operation, responses::Actual, snapshot::Snapshot};

/// The accounts of every history.
pub const ACCOUNTS: [&str; 2] = [ACCOUNT, OTHER_ACCOUNT];

/// The default roles with the permission to get links.
const ROLES: &str = r#"{ "read-only": { "can": ["invitations:read"], "mayGrant": [] },
    "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"], "mayGrant": ["*"] } }"#;
const LINK_BASE: &str = "https://app.example.com/accept";

/// One recorded history, and the faults in it.
pub struct History {
    /// The record.
    pub recorder: Recorder,
    /// What was known about tokens when.
    pub publications: Publications,
    /// Injected faults by name.
    pub faults: Vec<(&'static str, usize)>,
    /// Faults of reads that accept or refuse a token.
    pub faults_of_tokens: usize,
    /// Purged rows.
    pub purged: usize,
}

struct Fixture {
    profile: Profile,
    app: TestApp,
    issuers: Issuers,
    /// Writes the keys of issuers and the external ids. It has no faults.
    administration: Store,
    callers: Mutex<Callers>,
    link_keys: LinkKeys,
    recorder: Mutex<Recorder>,
    publications: Mutex<Publications>,
    known: Mutex<Known>,
}

/// Runs a history. `wire` may break the service.
pub async fn run_history(profile: Profile, seed: u64, wire: Option<Arc<dyn Wire>>) -> History {
    let app = TestApp::with(&[profile.variables, &[("ISSUERS", ISSUERS), ("ROLES", ROLES), ("LINK_BASE_URL", LINK_BASE)]].concat()).await;
    let mut random = Random::new(seed);
    let fixture = Fixture {
        profile,
        issuers: ISSUERS.parse().expect("the issuers are configured correctly"),
        administration: Store::new(app.client.clone(), app.table.clone(), system_clock()),
        callers: Mutex::new(Callers::new([app.full.clone(), app.other.clone()], profile.emails, &mut random, app.now().as_millis())),
        link_keys: app.variable("LINK_KEYS").and_then(|keys| keys.parse().ok()).expect("link keys are configured"),
        recorder: Mutex::new(Recorder::starting_at(app.now().as_millis())),
        publications: Mutex::default(),
        known: Mutex::default(),
        app,
    };
    let processes: Vec<SecondApp> = (0..profile.clients).map(|_| fixture.app.another(&[])).collect();
    if let Some(wire) = wire {
        fixture.app.faults.wire(wire);
    }
    let (mut faults, mut faults_of_tokens, mut purged) = (Vec::new(), 0, 0);
    fixture.name(0).await;
    for _ in 0..profile.rounds {
        purged += fixture.pause(&mut random).await;
        fixture.app.faults.schedule(random.bits(), profile.fault_frequencies(&mut random));
        let callers = processes.iter().map(|process| (process, random.fork()));
        let callers = join_all(callers.map(|(process, random)| fixture.calls(process, random)));
        tokio::join!(callers, fixture.disturb(random.fork()));
        faults.extend(fixture.app.faults.counts());
        let faulty_reads = fixture.app.faults.counts_by_partition();
        faults_of_tokens += ["ISSUER", "EXTERNAL"].iter().filter_map(|kind| faulty_reads.get(*kind)).sum::<usize>();
        stop_faults(&fixture.app.faults).await;
        fixture.recorder().close_round();
        // Recorded requests are not needed: free their memory.
        drop(fixture.app.faults.take_requests());
    }
    purged += fixture.pause(&mut random).await;
    let (recorder, publications) = (std::mem::take(&mut *fixture.recorder()), std::mem::take(&mut *fixture.publications()));
    History { recorder, publications, faults, faults_of_tokens, purged }
}

async fn stop_faults(faults: &Faults) {
    faults.clear();
    faults.wait_until_idle().await;
}

impl Fixture {
    fn recorder(&self) -> std::sync::MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn callers(&self) -> std::sync::MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publications(&self) -> std::sync::MutexGuard<'_, Publications> {
        self.publications.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one caller's calls, one after the other.
    async fn calls(&self, process: &SecondApp, mut random: Random) {
        for _ in 0..self.profile.calls {
            let choice = choose(&mut random, self.profile.emails, &self.known(), &self.callers(), self.app.now());
            let invoked = self.recorder().invoke();
            let (call, token) = choice.call(&self.callers(), &mut random);
            let (received, outcome) = killable(process.send(call)).await;
            // After a 503 the outcome is unknown.
            let response = received.as_ref().filter(|response| response.status != 503).map(Actual::from);
            if let Some(response) = &response {
                self.learn(&choice, response);
            }
            let recovered = received.as_ref().is_some_and(|response: &Response| response.status < 300)
                && outcome.committed > 0
                && outcome.acknowledged == 0;
            let Choice { account, email, operation, rows, .. } = choice;
            let is_list = matches!(operation, Operation::ListOwn { .. });
            let entry = Entry { token, response, recovered, ..Entry::new(account, email, Event::Operation(operation)) };
            if is_list {
                self.record_list(invoked, entry);
            } else if rows.is_empty() {
                self.recorder().respond(invoked, entry);
            } else {
                self.record_rows(invoked, entry, &rows);
            }
        }
    }

    /// Records a bulk: an operation for each row.
    fn record_rows(&self, invoked: u64, entry: Entry, rows: &[Arc<str>]) {
        let Event::Operation(Operation::Row { caller, key, .. }) = &entry.event else { panic!("no bulk: {entry:?}") };
        let mut recorder = self.recorder();
        if entry.outcome().is_some_and(|(_, outcome)| outcome != Outcome::Accepted) {
            return recorder.respond(invoked, entry);
        }
        let responses = entry.response.as_ref().map(|response| response.rows(rows.len()));
        for (index, email) in rows.iter().enumerate() {
            let event = Event::Operation(Operation::Row { caller: caller.clone(), email: Arc::clone(email), key: key.clone() });
            let response = responses.as_ref().and_then(|responses| responses.get(index).cloned());
            // The token and the recovery are those of one request.
            let (token, recovered) = (entry.token.filter(|_| index == 0), entry.recovered && index == 0);
            recorder.respond(invoked, Entry { email: Arc::clone(email), event, response, token, recovered, ..entry.clone() });
        }
    }

    /// Records a list of own invitations. The histories of accounts are checked one by one, so each gets its part of an answer.
    fn record_list(&self, invoked: u64, entry: Entry) {
        let answer = entry.response.clone().filter(|_| entry.outcome().is_some_and(|(_, outcome)| outcome == Outcome::Accepted));
        let mut recorder = self.recorder();
        let Some(answer) = answer else { return recorder.respond(invoked, entry) };
        for (account, name) in ACCOUNTS.iter().enumerate() {
            // The token is checked once.
            let token = entry.token.filter(|_| account == 0);
            recorder.respond(invoked, Entry { account, token, response: Some(answer.own_of(name)), ..entry.clone() });
        }
    }

    fn learn(&self, choice: &Choice, response: &Actual) {
        for (email, result) in choice.rows.iter().zip(response.rows(choice.rows.len())) {
            for id in [result.field("id"), result.open_id()] {
                self.known().id(choice.account, id, email);
            }
        }
        for id in [response.field("id"), response.open_id()] {
            self.known().id(choice.account, id, &choice.email);
        }
        if let Some(link) = response.link() {
            let (account, email, id) = (choice.account, Arc::clone(&choice.email), response.field("id").into());
            self.known().link(LinkToken { account, email, id, link: Arc::clone(&link.hash), text: link.token.to_string() });
        }
    }

    /// During a round: keys and tokens change, and the clock may jump.
    async fn disturb(&self, mut random: Random) {
        tokio::time::sleep(Duration::from_micros(random.bits() % 15_000)).await;
        if self.profile.jumps_during_rounds {
            self.advance(&mut random).await;
        } else {
            self.publish(&mut random, self.app.now()).await;
        }
    }

    /// Lets the clock jump. The keys of the issuers are refreshed just before.
    async fn advance(&self, random: &mut Random) {
        let jump = Duration::from_millis(random.pick(self.profile.clock_jumps).unsigned_abs());
        self.publish(random, self.app.now().plus(jump)).await;
        // The lock keeps invocations and responses out between the jump and its record.
        let mut recorder = self.recorder();
        self.app.advance(jump);
        recorder.jump(self.app.now().as_millis());
    }

    /// The issuers publish other keys, and some people get new tokens.
    async fn publish(&self, random: &mut Random, now: Timestamp) {
        for (index, issuer) in self.issuers.iter().enumerate() {
            let keys = draw_keys(random);
            let started = self.recorder().invoke();
            let stored = StoredKeys { keys: published(index, &keys), refreshed: now };
            self.administration.put_issuer_keys(issuer, &stored).await.expect("the table has no faults");
            let done = self.recorder().invoke();
            self.publications().publish(index, (started, done), keys);
        }
        self.callers().renew(random, now.as_millis());
    }

    /// Gives an account its external id.
    async fn name(&self, account: usize) {
        let (id, name) = (ACCOUNTS[account].parse().expect("an account"), EXTERNAL_IDS[account].parse().expect("an external id"));
        let started = self.recorder().invoke();
        self.administration.set_external_id(&id, &name).await.expect("the table has no faults").expect("nobody has it");
        let done = self.recorder().invoke();
        self.publications().name(account, (started, done));
    }

    /// Between rounds: the clock jumps, the second account may get its external id, expired rows may be purged, and the table is
    /// compared. Returns the number of purged rows.
    async fn pause(&self, random: &mut Random) -> usize {
        self.advance(random).await;
        if random.chance(1, 2) && !self.publications().is_named(1) {
            self.name(1).await;
        }
        let mut purged = 0;
        if random.chance(1, 2) {
            let retention = Duration::from_millis(self.profile.limits.retention.unsigned_abs());
            purged = purge_expired(&self.app, retention).await;
            for account in 0..ACCOUNTS.len() {
                for email in self.partitions() {
                    self.recorder().instant(account, email, Event::Purge);
                }
            }
        }
        let now = self.app.now().as_millis();
        for (account, name) in ACCOUNTS.iter().enumerate() {
            let rows = self.app.rows_of(name, "").await;
            let snapshot = Snapshot::of(&rows, now);
            for row in rows.into_iter().filter(|row| row["sk"].as_s().is_ok_and(|sk| sk.starts_with("I#"))) {
                let link: Arc<str> = row["th"].as_s().expect("a hash").as_str().into();
                let invitation = item::from_row(row).expect("a row of the service can be parsed");
                let email: Arc<str> = invitation.resource.email.normalised().as_str().into();
                let token = self
                    .link_keys
                    .token(&invitation.resource.account, invitation.resource.id, &invitation.link)
                    .expect("the key is configured");
                let id: Arc<str> = invitation.resource.id.to_string().into();
                let mut known = self.known();
                known.id(account, &id, &email);
                known.link(LinkToken { account, email, id, link, text: token.reveal() });
            }
            for email in self.partitions() {
                let part = if self.profile.by_account { snapshot.clone() } else { snapshot.about(&email) };
                self.recorder().instant(account, email, Event::Snapshot(part));
            }
        }
        purged
    }

    /// One address for each partition of an account's history.
    fn partitions(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        (0..if self.profile.by_account { 1 } else { self.profile.emails }).map(super::choice::email)
    }
}

/// Deletes what TTL would delete, on TTL's condition. No courier runs here to set `ttl` on an invitation that has ended, so this
/// computes it.
async fn purge_expired(app: &TestApp, retention: Duration) -> usize {
    let now = app.now().as_secs();
    let mut deleted = 0;
    for row in app.rows().await {
        let marked = row.get("ttl").map(|ttl| ttl.as_n().expect("a number").parse().expect("seconds"));
        let purge_time = || purge_after(&item::from_row(row.clone()).ok()?, Some(retention)).map(Timestamp::as_secs);
        if marked.or_else(purge_time).is_none_or(|end| end >= now) {
            continue;
        }
        // A row that was written since must stay. Rows without a revision have a `ttl`.
        let guard = if row.contains_key("rev") { "rev" } else { "ttl" };
        let delete = app.client.delete_item().table_name(&app.table).key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
        let delete = delete.condition_expression("#seen = :seen").expression_attribute_names("#seen", guard);
        let deleted_row = delete.expression_attribute_values(":seen", row[guard].clone()).send().await;
        deleted += usize::from(deleted_row.is_ok());
    }
    deleted
}
