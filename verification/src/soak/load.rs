//! The load: callers, invitees and reports.

use std::time::Duration;

use local::{issuer::SigningKey, ses::SentEmail};
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, OTHER_ACCOUNT, Response, TestApp, Workers,
    random::Random,
    tokens::{ISSUERS, claims, publish, signing_key},
    workers::token,
};

/// The number of people who are invited, again and again.
const PEOPLE: usize = 120;
/// Longer than the resend cooldown.
const COOLDOWN: Duration = Duration::from_mins(2);

/// What the load has done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) created: u64,
    pub(super) decided: u64,
    pub(super) refused_at_maximum: u64,
    pub(super) emails: u64,
    pub(super) reminders: u64,
    pub(super) expired: u64,
    pub(super) rotations: u64,
}

pub(super) struct Load {
    random: Random,
    /// The API keys of two accounts, each with its account and its id.
    keys: [(&'static str, String); 2],
    /// The keys of the issuer: the current one, and the one before.
    issuer: [SigningKey; 2],
    /// An invitation of the first account that every step changes and sends again.
    busy: Option<String>,
    number: u64,
    pub(super) counts: Counts,
    pub(super) violations: Vec<String>,
}

impl Load {
    pub(super) async fn start(app: &TestApp, seed: u64) -> Self {
        let load = Self {
            random: Random::new(seed),
            keys: [(ACCOUNT, app.full.clone()), (OTHER_ACCOUNT, app.other.clone())],
            issuer: [signing_key("k1"), signing_key("k0")],
            busy: None,
            number: 0,
            counts: Counts::default(),
            violations: Vec::new(),
        };
        load.refresh(app).await;
        load
    }

    /// Publishes the issuer's keys again, as the scheduled function does: they are valid for a day.
    pub(super) async fn refresh(&self, app: &TestApp) {
        publish(app, ISSUERS, &[&self.issuer[0], &self.issuer[1]]).await;
    }

    /// Gives the first API key a new secret, and the issuer a new key.
    pub(super) async fn rotate(&mut self, app: &TestApp) {
        let (account, key) = &self.keys[0];
        let id = key.split('_').nth(3).expect("a key has an id");
        let rotated = app.manage_keys(&json!({ "action": "rotate", "account": account, "id": id, "overlapSeconds": 3600 })).await;
        self.keys[0].1 = rotated["key"].as_str().expect("the response has the key").to_owned();
        self.issuer = [signing_key(&format!("k{}", self.number)), self.issuer[0].clone()];
        self.refresh(app).await;
        self.counts.rotations += 1;
        // Warm functions learn of a new secret within seconds.
        app.advance(Duration::from_secs(10));
    }

    pub(super) async fn step(&mut self, app: &TestApp, workers: &mut Workers) {
        for place in 0..2 {
            self.call(app, place).await;
        }
        self.call_as_a_person(app).await;
        self.keep_one_busy(app).await;
        workers.deliver().await;
        let emails = workers.inbox.take();
        self.counts.emails += emails.len() as u64;
        for email in &emails {
            self.counts.reminders += u64::from(email.subject.starts_with("Reminder"));
            workers.report(email).await;
            self.decide(app, email).await;
        }
        workers.deliver().await;
        let events = workers.bus.take();
        self.counts.expired += events.iter().filter(|event| event.detail_type == "Invitation Expired").count() as u64;
    }

    /// Creates, in one request and one by one, and changes, sends and revokes some of what is open.
    async fn call(&mut self, app: &TestApp, place: usize) {
        let key = self.keys[place].1.clone();
        let rows: Vec<Value> = (0..5).map(|_| json!({ "email": self.person(), "roleID": "read-only" })).collect();
        let key_of_bulk = self.next();
        let bulk = self.send(app, Call::bulk(&rows).key(&key).header("idempotency-key", &key_of_bulk), &[200]).await.json();
        let created = bulk["results"].as_array().into_iter().flatten().filter(|row| row["status"] == 201).count();
        self.counts.created += created as u64;
        for _ in 0..4 {
            let create = Call::create(&self.person(), "full-access").key(&key).header("idempotency-key", &self.next());
            let first = self.send(app, create.clone(), &[201, 400]).await;
            self.counts.created += u64::from(first.status == 201);
            let again = self.send(app, create, &[201, 400]).await;
            if (again.status, &again.text) != (first.status, &first.text) {
                self.violations.push(format!("a repeated request got {} instead of {}", again.text, first.text));
            }
        }
        app.advance(COOLDOWN);
        let listed = self.send(app, Call::get("/invitations?state=invited&limit=100").key(&key), &[200]).await.json();
        let open: Vec<String> =
            listed["invitations"].as_array().into_iter().flatten().filter_map(|it| it["id"].as_str().map(str::to_owned)).collect();
        if open.is_empty() {
            return;
        }
        for body in [None, Some(json!({ "roleID": "full-access" })), Some(json!({ "state": "revoked" }))] {
            let post = Call::post(&format!("/invitations/{}", self.random.pick(&open))).key(&key);
            let post = if let Some(body) = body { post.json(&body) } else { post };
            let post = post.header("idempotency-key", &self.next());
            self.send(app, post, &[200, 400]).await;
        }
    }

    async fn call_as_a_person(&mut self, app: &TestApp) {
        let token = self.issuer[0].token(&claims(app.now(), &json!({})));
        let create = Call::create(&self.person(), "read-only").bearer(&token);
        let created = self.send(app, create, &[201, 400]).await;
        self.counts.created += u64::from(created.status == 201);
        let person = self.person();
        let token = self.issuer[0].token(&claims(app.now(), &json!({ "sub": person, "email": person, "account": null, "roles": null })));
        self.send(app, Call::get("/invitations/mine").bearer(&token), &[200]).await;
    }

    /// Changes and sends one invitation until that is refused, and then takes another.
    async fn keep_one_busy(&mut self, app: &TestApp) {
        let key = self.keys[0].1.clone();
        let Some(id) = self.busy.clone() else {
            let email = format!("busy-{}@example.com", self.next());
            let metadata = json!({ "team": "t".repeat(200) });
            let create = Call::post("/invitations").json(&json!({ "email": email, "roleID": "full-access", "metadata": metadata }));
            self.busy = self.send(app, create.key(&key), &[201]).await.json()["id"].as_str().map(str::to_owned);
            return;
        };
        app.advance(COOLDOWN);
        let path = format!("/invitations/{id}");
        let sent = self.send(app, Call::post(&path).key(&key), &[200, 400]).await;
        let role = if self.random.chance(1, 2) { "full-access" } else { "read-only" };
        let changed = self.send(app, Call::post(&path).json(&json!({ "roleID": role })).key(&key), &[200, 400]).await;
        if sent.status == 400 && changed.status == 400 {
            self.counts.refused_at_maximum += 1;
            self.send(app, Call::set_state(&id, "revoked").key(&key), &[200, 400]).await;
            self.busy = None;
        }
    }

    /// One invitee in three accepts, one in ten declines.
    async fn decide(&mut self, app: &TestApp, email: &SentEmail) {
        let verb = match self.random.below(30) {
            0..10 => "accept",
            10..13 => "decline",
            _ => return,
        };
        // The email may have been sent for a link that a later step has replaced.
        let decided = self.send(app, Call::holder(verb, &token(email)), &[200, 400, 404]).await;
        self.counts.decided += u64::from(decided.status == 200);
    }

    async fn send(&mut self, app: &TestApp, call: Call, expected: &[u16]) -> Response {
        self.counts.requests += 1;
        let route = call.route();
        let response = app.send(call).await;
        if !expected.contains(&response.status) {
            self.violations.push(format!("{route}: {} {}", response.status, response.text));
        }
        response
    }

    fn person(&mut self) -> String {
        let number = self.random.below(PEOPLE);
        // The stand-in for SES reports what the address says.
        let name = if number.is_multiple_of(20) { "bounce" } else { "person" };
        format!("{name}-{number}@example.com")
    }

    fn next(&mut self) -> String {
        self.number += 1;
        self.number.to_string()
    }
}
