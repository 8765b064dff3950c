//! Sends canary tokens and addresses through every flow, and then searches for them where they must not appear (T2, T21).

use std::{collections::BTreeSet, thread, time::Duration};

use local::{
    ses::Behaviour,
    stream::{Start, Stream},
};
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, Response, TestApp, Workers,
    faults::Fault,
    logged::Lines,
    tokens::{ISSUERS, SigningKey, claims, publish, signing_key},
    workers::token,
};

use crate::report::{Bound, Scale, Section};

const COOLDOWN: Duration = Duration::from_secs(60);
/// Longer than the reconciler's delay behind the stream, and than a courier's claim.
const AFTER_CLAIM: Duration = Duration::from_secs(200);
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
const REMIND_BEFORE: Duration = Duration::from_secs(2 * 86_400);

/// Runs all flows repeatedly, and searches for canaries.
pub async fn run(scale: &Scale) -> Section {
    let rounds = scale.of(4, 100);
    // Log lines are captured on the thread that writes them.
    let flows = thread::spawn(move || {
        let (lines, _guard) = Lines::as_deployed();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run_flows(rounds, &lines))
    });
    let section = tokio::task::spawn_blocking(move || flows.join()).await.expect("no panic");
    section.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The default roles, and one that may get links.
const ROLES: &str = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
    "read-only": { "can": ["invitations:read"], "mayGrant": [] },
    "linker": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"], "mayGrant": ["*"] } }"#;

/// In invited addresses.
const INVITED: &str = "canary";
/// In the names of people with bearer tokens, which invitees may see.
const NAME: &str = "goldfinch";
/// In the addresses of people with bearer tokens.
const CLAIMED: &str = "siskin";

/// Output that is searched, and the canaries that it may contain.
struct Location {
    name: &'static str,
    text: String,
    allowed: Allowed,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Allowed {
    Nothing,
    Address,
    AddressAndToken,
}

async fn run_flows(rounds: u64, lines: &Lines) -> Section {
    let app = TestApp::with(&[("ISSUERS", ISSUERS), ("ROLES", ROLES)]).await;
    let linker = app.new_key(ACCOUNT, "linker").await;
    let mut fixture = Fixture {
        app,
        linker,
        workers: None,
        issuer: signing_key("k1"),
        tokens: Vec::new(),
        bearer_tokens: Vec::new(),
        errors: String::new(),
        successes: String::new(),
        links: String::new(),
    };
    fixture.workers = Some(Workers::of(&fixture.app).await);
    for round in 0..rounds {
        fixture.round(round).await;
    }
    let Fixture { app, workers, tokens, bearer_tokens, errors, successes, links, .. } = fixture;
    let workers = workers.expect("the stand-ins are running");
    let location = |name, text, allowed| Location { name, text, allowed };
    let locations = [
        location("log", lines.take(), Allowed::Nothing),
        location("events", format!("{:?}", workers.bus.events()), Allowed::Nothing),
        location("errors", errors, Allowed::Nothing),
        location("state of the functions", format!("{:?}", app.state()), Allowed::Nothing),
        location("successes", successes, Allowed::Address),
        location("rows", format!("{:?}", app.rows().await), Allowed::Address),
        location("stream records", records(&app).await, Allowed::Address),
        // The one place for links besides emails: the responses to those who may get them, and their replays.
        location("responses with links", links, Allowed::AddressAndToken),
        location("emails", format!("{:?}", workers.inbox.emails()), Allowed::AddressAndToken),
    ];
    let mut section = Section::new(
        "Canaries",
        "Unique tokens and addresses go through every flow, including failures: sent, refused by SES, sent again, superseded, \
         malformed, accepted, declined, revoked, reminded, expired. People with bearer tokens take part, whose claims have a unique address and \
         name, and so do tokens that are expired, forged or of an unknown key. Then logs, events, response bodies, the debug output of \
         the functions' state, rows and stream records are searched for the secrets of links and for the claims and signatures of bearer \
         tokens; for the addresses in claims; and, except where an invitation is shown or stored, for invited addresses and the names in \
         claims. As a control, the same search finds secrets, invited addresses and names in the emails.",
    );
    let secrets: BTreeSet<&str> = tokens.iter().filter_map(|token| token.rsplit('.').next()).collect();
    let claims_and_signatures: BTreeSet<&str> = bearer_tokens.iter().flat_map(|token| token.split('.').skip(1)).collect();
    let (mut tokens_expected, mut tokens_leaked, mut shown, mut leaked) = (0, 0, 0, 0);
    for Location { name, text, allowed } in &locations {
        let count = |secrets: &BTreeSet<&str>| secrets.iter().filter(|secret| text.contains(**secret)).count() as u64;
        let (of_links, of_bearers) = (count(&secrets), count(&claims_and_signatures));
        let mut forbidden = of_bearers;
        if *allowed == Allowed::AddressAndToken {
            tokens_expected += of_links;
        } else {
            forbidden += of_links;
        }
        if forbidden > 0 {
            tokens_leaked += forbidden;
            section.violations.push(format!("the {name}: parts of {forbidden} tokens"));
        }
        let text = text.to_lowercase();
        for (canary, may_be_shown) in [(INVITED, true), (NAME, true), (CLAIMED, false)] {
            let found = text.contains(canary);
            if found && may_be_shown && *allowed >= Allowed::Address {
                shown += 1;
            } else if found {
                leaked += 1;
                section.violations.push(format!("the {name}: {canary}"));
            }
        }
    }
    // Two in emails; three in responses, which have one invitation's two links and that of a row of a bulk.
    section.figure("canary tokens found where they are allowed", tokens_expected, Bound::Exactly(5 * rounds));
    section.figure("bearer tokens sent", bearer_tokens.len() as u64, Bound::AtLeast(10 * rounds));
    section.figure("log lines", locations[0].text.lines().count() as u64, Bound::AtLeast(10 * rounds));
    section.figure("bytes searched", locations.iter().map(|location| location.text.len() as u64).sum(), Bound::Any);
    // Both in each of four locations, and addresses in the responses with links.
    section.figure("addresses and names found where they are allowed", shown, Bound::Exactly(9));
    section.figure("tokens leaked", tokens_leaked, Bound::Exactly(0));
    section.figure("addresses and names leaked", leaked, Bound::Exactly(0));
    section
}

async fn records(app: &TestApp) -> String {
    let mut stream = Stream::open(&app.endpoint, &app.table, Start::TrimHorizon).await.expect("the table has a stream");
    let mut records = String::new();
    loop {
        let batch = stream.next_batch(100).await.expect("the stream can be read");
        if batch.is_empty() {
            return records;
        }
        records += &serde_json::to_string(&batch).expect("records are JSON");
    }
}

struct Fixture {
    app: TestApp,
    /// A key whose role may get links.
    linker: String,
    workers: Option<Workers>,
    issuer: SigningKey,
    /// The tokens of links.
    tokens: Vec<String>,
    bearer_tokens: Vec<String>,
    errors: String,
    successes: String,
    /// The responses with links.
    links: String,
}

impl Fixture {
    async fn use_link(&self, verb: &str, token: &str) -> Response {
        self.app.send(Call::holder(verb, token)).await
    }

    /// Requests with bearer tokens, good and bad. Another process has nothing cached.
    async fn use_bearer_tokens(&mut self, round: u64) {
        let (app, issuer) = (&self.app, &self.issuer);
        publish(app, ISSUERS, &[issuer]).await;
        let claims_with = |more: Value| {
            let mut own = json!({ "sub": format!("user-{round}"), "name": format!("Jane Goldfinch {round}"), "email": format!("siskin.{round}@example.com") });
            own.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            claims(app.now(), &own)
        };
        let good = issuer.token(&claims_with(json!({})));
        let email = format!("canary.of.a.person{round}@example.com");
        let created = app.send(Call::create(&email, "read-only").bearer(&good)).await.expect(201);
        let path = format!("/invitations/{}", created.str("id"));
        let mut successes = vec![created];
        for call in [Call::get("/invitations"), Call::get(&path), Call::set_state(&path[13..], "invited")] {
            successes.push(app.send(call.bearer(&good)).await.expect(200));
        }
        let bad = [
            (issuer.token(&claims_with(json!({ "exp": app.now().as_secs() - 61 }))), 401),
            (issuer.token(&claims_with(json!({ "aud": "accounting" }))), 401),
            (signing_key("k1").token(&claims_with(json!({ "forged": true }))), 401),
            (signing_key("k2").token(&claims_with(json!({ "unknown": true }))), 401),
            (format!("{}x", issuer.token(&claims_with(json!({ "malformed": true })))), 401),
            (issuer.token(&claims_with(json!({ "roles": ["viewer"] }))), 403),
            (issuer.token(&claims_with(json!({ "roles": [] }))), 403),
            (issuer.token(&claims_with(json!({ "account": null }))), 403),
        ];
        let mut errors = Vec::new();
        for (token, status) in &bad {
            errors.push(app.send(Call::create(&email, "read-only").bearer(token)).await.expect(*status));
        }
        // An invitee who has signed in, without an email.
        let guest = format!("canary.of.a.guest{round}@example.com");
        let invited = app.send(Call::create(&guest, "read-only").bearer(&good)).await.expect(201).str("id");
        let token_of = |more: Value| {
            let mut own = json!({ "sub": format!("guest-{round}"), "email": guest, "account": null, "roles": null });
            own.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            issuer.token(&claims_with(own))
        };
        let by_id = |verb: &str| Call::post(&format!("/invitations/{verb}")).json(&json!({ "id": invited, "account": ACCOUNT }));
        let (own, unverified) = (token_of(json!({})), token_of(json!({ "email_verified": false })));
        for (call, token) in [
            (by_id("accept"), &good),
            (by_id("accept"), &unverified),
            (Call::get("/invitations/mine"), &unverified),
            (Call::get("/invitations"), &own),
            (Call::get("/invitations/caller"), &own),
        ] {
            errors.push(app.send(call.bearer(token)).await.expect(403));
        }
        successes.push(app.send(Call::get("/invitations/caller").bearer(&good)).await.expect(200));
        for call in [Call::get("/invitations/mine"), by_id("decline")] {
            successes.push(app.send(call.bearer(&own)).await.expect(200));
        }
        let cold = app.another(&[]);
        app.faults.next(vec![Fault::Error(500, "InternalServerError"); 3]);
        errors.push(cold.send(Call::get("/invitations").bearer(&good)).await.expect(503));
        app.faults.clear();
        errors.push(cold.send(Call::get("/invitations").key(&good)).await.expect(401));
        self.errors.extend(errors.into_iter().map(|response| response.text));
        self.successes.extend(successes.into_iter().map(|response| response.text));
        self.bearer_tokens.extend(bad.into_iter().map(|(token, _)| token).chain([good, own, unverified]));
    }

    /// Gets links instead of emails: of a create, its replay, a resend and a bulk. Everything else about these invitations shows none.
    async fn get_links(&mut self, round: u64) {
        let app = &self.app;
        let body = |part: &str| json!({ "email": format!("canary.{part}{round}@example.com"), "roleID": "read-only", "send": false });
        let create = Call::post("/invitations").json(&body("link")).key(&self.linker).header("idempotency-key", &format!("link-{round}"));
        let created = app.send(create.clone()).await.expect(201);
        let id = created.str("id");
        let replayed = app.send(create.clone()).await.expect(201);
        app.advance(COOLDOWN);
        let resent = app.send(Call::post(&format!("/invitations/{id}?send=false")).key(&self.linker)).await.expect(200);
        let bulk = app.send(Call::bulk(&[body("row")]).key(&self.linker)).await.expect(200);
        let row = bulk.json()["results"][0]["invitation"]["link"].as_str().expect("a link").to_owned();
        let dead = app.send(create).await.expect(201);
        let mut successes = vec![dead];
        for call in [Call::get(&format!("/invitations/{id}")), Call::get("/invitations?emailPrefix=canary.link")] {
            successes.push(app.send(call.key(&self.linker)).await.expect(200));
        }
        for call in [Call::post("/invitations").json(&body("link")), Call::post(&format!("/invitations/{id}?send=false"))] {
            self.errors += &app.send(call.key(&app.full)).await.expect(403).text;
        }
        self.tokens.extend([created.str("link"), resent.str("link"), row]);
        self.links.extend([created, replayed, resent, bulk].into_iter().map(|response| response.text));
        self.successes.extend(successes.into_iter().map(|response| response.text));
    }

    /// Runs every flow for one address.
    async fn round(&mut self, round: u64) {
        self.use_bearer_tokens(round).await;
        self.get_links(round).await;
        let mut workers = self.workers.take().expect("the stand-ins are running");
        let app = &self.app;
        let email = format!("canary.of.the.mine{round}@example.com");
        let id = app.invite(&email).await["id"].as_str().expect("an id").to_owned();
        workers.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MailFromDomainNotVerifiedException" });
        workers.deliver().await;
        workers.inbox.answer_with(|_| Behaviour::Accept);
        app.advance(AFTER_CLAIM);
        workers.reconcile().await;
        let first = workers.last_token(&email);
        workers.report(&workers.last_email(&email)).await;
        app.advance(COOLDOWN);
        app.send(Call::post(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
        workers.deliver().await;
        let second = workers.last_token(&email);
        let mut errors = vec![self.use_link("accept", &first).await.expect(404)];
        let body = json!({ "token": second });
        for (call, status) in [
            (Call::post("/invitations/accept").text(&second), 400),
            (Call::post("/invitations/accept").json(&json!({ "token": second, "x": second })), 400),
            (Call::post(&format!("/invitations/lookup?token={second}")).json(&body), 400),
            (Call::post("/invitations/accept").json(&acceptance_by_another(&second)).key(&app.full), 403),
        ] {
            errors.push(app.send(call).await.expect(status));
        }
        app.faults.next(vec![Fault::Error(500, "InternalServerError"); 3]);
        errors.push(self.use_link("lookup", &second).await.expect(503));
        app.faults.clear();
        match round % 4 {
            0 => drop(self.use_link("accept", &second).await.expect(200)),
            1 => drop(self.use_link("decline", &second).await.expect(200)),
            2 => drop(app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200)),
            _ => {
                app.advance(LIFETIME - REMIND_BEFORE);
                workers.reconcile().await;
                let reminder = workers.last_email(&email);
                assert_eq!((reminder.tags["kind"].as_str(), token(&reminder)), ("reminder", second.clone()));
                workers.report(&reminder).await;
                workers.deliver().await;
                app.advance(REMIND_BEFORE);
            }
        }
        let again = self.use_link("decline", &second).await;
        // Declining again shows the invitation again.
        let declined = round % 4 == 1;
        assert_eq!(again.status, if declined { 200 } else { 400 });
        if !declined {
            errors.push(again);
        }
        workers.deliver().await;
        app.advance(AFTER_CLAIM);
        workers.reconcile().await;
        workers.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MessageRejected" });
        app.invite(&email).await;
        workers.deliver().await;
        self.errors.extend(errors.into_iter().map(|response| response.text));
        self.tokens.extend([first, second]);
        self.workers = Some(workers);
    }
}

/// An acceptance on behalf of an address that was not invited.
fn acceptance_by_another(token: &str) -> Value {
    json!({ "token": token, "principal": "p", "email": "someone@example.com" })
}
