//! Random histories: whatever fails, and whichever clock is behind, an index lists every invitation by the time it is due.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use functions::delivery::{courier::Courier, reconcile_deliveries, worker::Failed};
use local::{events::Behaviour as Bus, ses::Behaviour as Ses};
use serde_json::json;
use shared::{domain::Timestamp, store::item};
use support::{ACCOUNT, Call, TestApp, Workers, faults::Fault, random::Random, run_as, workers::token};

use crate::helpers::{LIFETIME, id, start_with, use_link};

/// How far the clocks of two functions differ.
const SKEW: Duration = Duration::from_secs(30);
/// How much time passes between two steps, in seconds.
const PAUSES: [u64; 10] = [1, 10, 31, 60, 119, 121, 200, 3600, 86_400, 7 * 86_400];

/// Roles, one of which may get links.
const ROLES: &str = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"],
    "mayGrant": ["*"] }, "read-only": { "can": ["invitations:read"], "mayGrant": [] } }"#;

struct History {
    app: TestApp,
    workers: Workers,
    other: Courier,
    ids: Vec<String>,
    random: Random,
}

impl History {
    async fn new(seed: u64) -> Self {
        let variables =
            [("ROLES", ROLES), ("RESEND_COOLDOWN_SECONDS", "0"), ("SEND_QUOTA", "10000"), ("MAX_SENDS", "20"), ("RETENTION_DAYS", "1")];
        let (app, workers) = start_with(&variables).await;
        let other = workers.another_courier(&app);
        Self { app, workers, other, ids: Vec::new(), random: Random::new(seed) }
    }

    /// One random step. Requests may be rejected.
    async fn step(&mut self) {
        let Self { app, workers, other, ids, random } = self;
        let any = if ids.is_empty() { "0".repeat(32) } else { random.pick(ids).clone() };
        match random.below(20) {
            0 | 1 => {
                let email = format!("{}.{}@example.com", random.pick(&["user", "bounce", "complaint"]), ids.len());
                let created = app.send(Call::create(&email, "full-access").key(&app.full)).await;
                ids.extend((created.status == 201).then(|| id(&created.json())));
            }
            2 | 3 => drop(app.send(Call::post(&format!("/invitations/{any}?force=true")).key(&app.full)).await),
            4 => drop(app.send(Call::set_state(&any, "revoked").key(&app.full)).await),
            5 => {
                if let Some(email) = workers.inbox.emails().last() {
                    use_link(app, "accept", &token(email)).await;
                }
            }
            6 | 7 => workers.deliver().await,
            8 => workers.drop_stream_records().await,
            9 | 10 => self.reconcile_twice().await,
            11 => {
                // Two couriers and a caller at the same time.
                let (one, two) = (reconcile(&workers.courier), reconcile(other));
                let resend = app.send(Call::post(&format!("/invitations/{any}?force=true")).key(&app.full));
                let _ = tokio::join!(one, two, resend);
            }
            12 => {
                let emails = workers.inbox.emails();
                if !emails.is_empty() {
                    workers.report(random.pick(&emails)).await;
                }
            }
            13 => match random.below(5) {
                0 => workers.bus.answer_with(|_| Bus::Error { status: 400, code: "AccessDeniedException" }),
                1 => workers.bus.answer_with(|_| Bus::Fail { entries: vec![0], code: "ThrottlingException" }),
                2 => workers.bus.answer_with(|_| Bus::AcceptAndDrop),
                _ => workers.bus.answer_with(|_| Bus::Accept),
            },
            14 => match random.below(5) {
                0 => workers.inbox.answer_with(|_| Ses::Error { status: 503, code: "ServiceUnavailable" }),
                1 => workers.inbox.answer_with(|_| Ses::Error { status: 403, code: "AccessDeniedException" }),
                2 => workers.inbox.answer_with(|_| Ses::QuotaUsedUp),
                3 => workers.inbox.answer_with(|_| Ses::AcceptAndDrop),
                _ => workers.inbox.answer_with(|_| Ses::Accept),
            },
            15 => {
                // Later, earlier, or as it was.
                let expiry = app.now().plus(Duration::from_secs(*random.pick(&[3601, 7200, 86_400, 20 * 86_400]))).to_string();
                let role = *random.pick(&["full-access", "read-only"]);
                let bodies = [json!({ "roleID": role }), json!({ "expiry": expiry }), json!({ "roleID": role, "expiry": expiry })];
                drop(app.send(Call::post(&format!("/invitations/{any}")).json(random.pick(&bodies)).key(&app.full)).await);
            }
            16 => drop(app.send(Call::post(&format!("/invitations/{any}?send=false")).key(&app.full)).await),
            17 => {
                let body = json!({ "email": format!("user.{}@example.com", ids.len()), "roleID": "full-access", "send": false });
                let created = app.send(Call::post("/invitations").json(&body).key(&app.full)).await;
                ids.extend((created.status == 201).then(|| id(&created.json())));
            }
            18 => {
                let setting = random.pick(&[json!(""), json!(0), json!(3600), json!(86_400), json!(400_000)]).clone();
                app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "remindBefore": setting })).await;
            }
            _ => app.advance(Duration::from_secs(*random.pick(&PAUSES))),
        }
    }

    /// A second round at the same time finds nothing to do, so no entry stays early and no work is done in vain.
    async fn reconcile_twice(&self) {
        let _ = reconcile(&self.workers.courier).await;
        let first = self.revisions().await;
        let faults = self.app.faults.injected();
        let _ = reconcile(&self.workers.courier).await;
        if self.app.faults.injected() == faults {
            assert_eq!(self.revisions().await, first);
        }
    }

    async fn revisions(&self) -> Vec<u64> {
        let rows = self.app.rows_of(ACCOUNT, "I#").await;
        rows.into_iter().map(|row| item::from_row(row).unwrap().revision).collect()
    }

    /// Whatever is due is in an index by then, triggers the stream if it must, and is not purged before.
    async fn check(&self, seed: u64) {
        for row in self.app.rows_of(ACCOUNT, "I#").await {
            let time = |name| row.get(name).map(|at| Timestamp::from_millis(at.as_n().unwrap().parse().unwrap()).unwrap());
            let first = [time("late_at"), time("due_at")].into_iter().flatten().min();
            let invitation = item::from_row(row.clone()).unwrap();
            let due = invitation.due();
            assert!(due.is_none_or(|due| first.is_some_and(|first| first <= due)), "seed {seed}: {due:?}, {row:?}");
            let set = ["shard", "pending", "ttl"].map(|name| row.contains_key(name));
            assert_eq!(set, [first.is_some(), invitation.needs_stream(), due.is_none()], "seed {seed}: {row:?}");
        }
    }

    /// All failures end, and all records of the stream are lost. Then everything is done, and no entry is left.
    async fn end(&mut self, seed: u64) {
        let Self { app, workers, .. } = self;
        workers.bus.answer_with(|_| Bus::Accept);
        workers.inbox.answer_with(|_| Ses::Accept);
        workers.drop_stream_records().await;
        for wait in std::iter::repeat_n(Duration::from_secs(600), 12).chain(std::iter::repeat_n(LIFETIME, 3)) {
            app.advance(wait);
            workers.reconcile().await;
        }
        let mut published = BTreeMap::<String, BTreeSet<u64>>::new();
        let mut details = BTreeMap::new();
        for event in workers.bus.events() {
            let first = details.entry(event.detail["id"].to_string()).or_insert_with(|| event.detail.clone());
            assert_eq!(*first, event.detail, "seed {seed}: published again, an event is the same");
            let id = event.detail["invitation"]["id"].as_str().unwrap().to_owned();
            published.entry(id).or_default().insert(event.detail["sequence"].as_u64().unwrap());
        }
        for row in app.rows_of(ACCOUNT, "I#").await {
            assert!(!["late_at", "due_at", "shard", "pending"].iter().any(|name| row.contains_key(*name)), "seed {seed}: {row:?}");
            let invitation = item::from_row(row).unwrap();
            let all: BTreeSet<u64> = (1..=invitation.outbox.count).collect();
            assert_eq!(published.remove(&invitation.resource.id.to_string()), Some(all), "seed {seed}");
        }
    }
}

/// `FROM` and `SEEDS` choose other histories, and how many.
#[tokio::test]
async fn in_any_history_no_entry_is_late_and_every_event_is_published() {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let from = number("FROM").unwrap_or(0);
    for seed in from..from + number("SEEDS").unwrap_or(2) {
        let mut history = History::new(seed).await;
        let lossy = history.random.chance(1, 2);
        let mut ahead = false;
        for _ in 0..120 {
            // Every function has its own clock.
            if ahead {
                history.app.set_back(SKEW);
            }
            ahead = history.random.chance(1, 2);
            if ahead {
                history.app.advance(SKEW);
            }
            if lossy && history.random.chance(1, 3) {
                let seed = history.random.bits();
                history.app.faults.sometimes(seed, 20, vec![Fault::ReplyLost, Fault::ErrorAfterwards]);
            }
            history.step().await;
            history.app.faults.clear();
            history.check(seed).await;
        }
        history.end(seed).await;
    }
}

async fn reconcile(courier: &Courier) -> Result<reconcile_deliveries::Round, Failed> {
    run_as("reconcile-deliveries", reconcile_deliveries::handle(courier, "")).await
}
