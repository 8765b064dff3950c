//! Sends canary tokens and addresses through every flow, and then searches for them where they must not appear (T2, T21).

use std::{collections::BTreeSet, thread, time::Duration};

use local::{
    ses::Behaviour,
    stream::{Start, Stream},
};
use serde_json::{Value, json};
use support::{Call, Response, TestApp, Workers, faults::Fault, logged::Lines};

use crate::report::{Bound, Scale, Section};

const COOLDOWN: Duration = Duration::from_secs(60);
/// Longer than the reconciler's delay behind the stream, and than a courier's claim.
const AFTER_CLAIM: Duration = Duration::from_secs(200);
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

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
    let mut fixture = Fixture { app: TestApp::start().await, workers: None, tokens: Vec::new(), errors: String::new() };
    fixture.workers = Some(Workers::of(&fixture.app).await);
    for round in 0..rounds {
        fixture.round(round).await;
    }
    let Fixture { app, workers, tokens, errors } = fixture;
    let workers = workers.expect("the stand-ins are running");
    let location = |name, text, allowed| Location { name, text, allowed };
    let locations = [
        location("log", lines.take(), Allowed::Nothing),
        location("events", format!("{:?}", workers.bus.events()), Allowed::Nothing),
        location("errors", errors, Allowed::Nothing),
        location("state of the functions", format!("{:?}", app.state()), Allowed::Nothing),
        location("rows", format!("{:?}", app.rows().await), Allowed::Address),
        location("stream records", records(&app).await, Allowed::Address),
        location("emails", format!("{:?}", workers.inbox.emails()), Allowed::AddressAndToken),
    ];
    let mut section = Section::new(
        "Canaries",
        "Unique tokens and addresses go through every flow, including failures: sent, refused by SES, sent again, superseded, \
         malformed, accepted, declined, revoked, expired. Then logs, events, error bodies, the debug output of the functions' state, \
         rows and stream records are searched for the secrets of tokens, and all but the last two for addresses. As a control, the \
         same search finds both in the emails.",
    );
    let secrets: BTreeSet<&str> = tokens.iter().filter_map(|token| token.rsplit('.').next()).collect();
    let (mut tokens_expected, mut tokens_leaked, mut addresses_expected, mut addresses_leaked) = (0, 0, 0, 0);
    for Location { name, text, allowed } in &locations {
        let found = secrets.iter().filter(|secret| text.contains(**secret)).count() as u64;
        if *allowed == Allowed::AddressAndToken {
            tokens_expected += found;
        } else if found > 0 {
            tokens_leaked += found;
            section.violations.push(format!("the {name}: the secrets of {found} tokens"));
        }
        let found = text.to_lowercase().contains("canary");
        if found && *allowed == Allowed::Nothing {
            addresses_leaked += 1;
            section.violations.push(format!("the {name}: an address"));
        }
        addresses_expected += u64::from(found && *allowed >= Allowed::Address);
    }
    section.figure("canary tokens found in the emails", tokens_expected, Bound::Exactly(2 * rounds));
    section.figure("log lines", locations[0].text.lines().count() as u64, Bound::AtLeast(10 * rounds));
    section.figure("bytes searched", locations.iter().map(|location| location.text.len() as u64).sum(), Bound::Any);
    section.figure("locations where addresses are allowed and found", addresses_expected, Bound::Exactly(3));
    section.figure("tokens leaked", tokens_leaked, Bound::Exactly(0));
    section.figure("locations with leaked addresses", addresses_leaked, Bound::Exactly(0));
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
    workers: Option<Workers>,
    tokens: Vec<String>,
    errors: String,
}

impl Fixture {
    async fn use_link(&self, verb: &str, token: &str) -> Response {
        self.app.send(Call::holder(verb, token)).await
    }

    /// Runs every flow for one address.
    async fn round(&mut self, round: u64) {
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
            _ => app.advance(LIFETIME),
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
