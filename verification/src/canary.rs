//! Canary tokens and canary addresses go through every flow, and are then looked for where they must not be (T2, T21).

use std::{collections::BTreeSet, thread, time::Duration};

use local::{
    ses::Behaviour,
    stream::{Start, Stream},
};
use serde_json::{Value, json};
use support::{Call, Post, Response, TestApp, faults::Fault, logged::Lines};

use crate::report::{Bound, Scale, Section};

const COOLDOWN: Duration = Duration::from_secs(60);
/// Longer than the stream's grace, and than a mail is in one courier's hands.
const LATER: Duration = Duration::from_secs(200);
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// All flows, again and again, and where canaries were found.
pub async fn run(scale: &Scale) -> Section {
    let rounds = scale.of(4, 100);
    // What is logged is caught on the thread that logs it.
    let flight = thread::spawn(move || {
        let (lines, _guard) = Lines::as_deployed();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(fly(rounds, &lines))
    });
    let flown = tokio::task::spawn_blocking(move || flight.join()).await.expect("no panic");
    flown.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What was written or told, and of what a canary may be part.
struct Location {
    name: &'static str,
    text: String,
    /// What belongs there.
    belongs: Belongs,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Belongs {
    Nothing,
    Address,
    AddressAndToken,
}

async fn fly(rounds: u64, lines: &Lines) -> Section {
    let mut flock = Flock { app: TestApp::start().await, post: None, tokens: Vec::new(), errors: String::new() };
    flock.post = Some(Post::of(&flock.app).await);
    for round in 0..rounds {
        flock.round(round).await;
    }
    let Flock { app, post, tokens, errors } = flock;
    let post = post.expect("it was opened");
    let place = |name, text, belongs| Location { name, text, belongs };
    let places = [
        place("log", lines.take(), Belongs::Nothing),
        place("events", format!("{:?}", post.bus.events()), Belongs::Nothing),
        place("errors", errors, Belongs::Nothing),
        place("state of the functions", format!("{:?}", app.state()), Belongs::Nothing),
        place("rows", format!("{:?}", app.rows().await), Belongs::Address),
        place("stream records", records(&app).await, Belongs::Address),
        place("mails", format!("{:?}", post.inbox.mails()), Belongs::AddressAndToken),
    ];
    let mut section = Section::new(
        "Canaries",
        "Tokens and addresses that are like no others go through every flow, those that fail too: sent, refused by SES, sent again, \
         superseded, malformed, accepted, declined, revoked, expired. Then logs, events, error bodies, what the functions show of \
         themselves, rows and stream records are searched for a token's secret, and all but the last two for an address. In the \
         mails both are found by the same search.",
    );
    let secrets: BTreeSet<&str> = tokens.iter().filter_map(|token| token.rsplit('.').next()).collect();
    let (mut belong, mut tokens_astray, mut addresses, mut addresses_astray) = (0, 0, 0, 0);
    for Location { name, text, belongs } in &places {
        let found = secrets.iter().filter(|secret| text.contains(**secret)).count() as u64;
        if *belongs == Belongs::AddressAndToken {
            belong += found;
        } else if found > 0 {
            tokens_astray += found;
            section.violations.push(format!("the {name}: {found} tokens' secrets"));
        }
        let found = text.to_lowercase().contains("canary");
        if found && *belongs == Belongs::Nothing {
            addresses_astray += 1;
            section.violations.push(format!("the {name}: an address"));
        }
        addresses += u64::from(found && *belongs >= Belongs::Address);
    }
    section.figure("canary tokens, all found in the mails", belong, Bound::Exactly(2 * rounds));
    section.figure("log lines", places[0].text.lines().count() as u64, Bound::AtLeast(10 * rounds));
    section.figure("bytes searched", places.iter().map(|place| place.text.len() as u64).sum(), Bound::Any);
    section.figure("places that an address belongs in and is found in", addresses, Bound::Exactly(3));
    section.figure("tokens found where none belongs", tokens_astray, Bound::Exactly(0));
    section.figure("addresses found where none belongs", addresses_astray, Bound::Exactly(0));
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

struct Flock {
    app: TestApp,
    post: Option<Post>,
    tokens: Vec<String>,
    errors: String,
}

impl Flock {
    async fn hold(&self, verb: &str, token: &str) -> Response {
        self.app.send(Call::holder(verb, token)).await
    }

    /// Every flow, for one address.
    async fn round(&mut self, round: u64) {
        let mut post = self.post.take().expect("it was opened");
        let app = &self.app;
        let email = format!("canary.of.the.mine{round}@example.com");
        let id = app.invite(&email).await["id"].as_str().expect("an id").to_owned();
        post.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MailFromDomainNotVerifiedException" });
        post.deliver().await;
        post.inbox.answer_with(|_| Behaviour::Accept);
        app.advance(LATER);
        post.reconcile().await;
        let first = post.last_token(&email);
        post.report(&post.last_mail(&email)).await;
        app.advance(COOLDOWN);
        app.send(Call::post(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
        post.deliver().await;
        let second = post.last_token(&email);
        let mut errors = vec![self.hold("accept", &first).await.expect(404)];
        let body = json!({ "token": second });
        for (call, status) in [
            (Call::post("/invitations/accept").text(&second), 400),
            (Call::post("/invitations/accept").json(&json!({ "token": second, "x": second })), 400),
            (Call::post(&format!("/invitations/lookup?token={second}")).json(&body), 400),
            (Call::post("/invitations/accept").json(&somebody_else(&second)).key(&app.full), 403),
        ] {
            errors.push(app.send(call).await.expect(status));
        }
        app.faults.next(vec![Fault::Error(500, "InternalServerError"); 3]);
        errors.push(self.hold("lookup", &second).await.expect(503));
        app.faults.clear();
        match round % 4 {
            0 => drop(self.hold("accept", &second).await.expect(200)),
            1 => drop(self.hold("decline", &second).await.expect(200)),
            2 => drop(app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200)),
            _ => app.advance(LIFETIME),
        }
        let again = self.hold("decline", &second).await;
        // Who declines again is shown the invitation again.
        let declined = round % 4 == 1;
        assert_eq!(again.status, if declined { 200 } else { 400 });
        if !declined {
            errors.push(again);
        }
        post.deliver().await;
        app.advance(LATER);
        post.reconcile().await;
        post.inbox.answer_with(|_| Behaviour::Error { status: 400, code: "MessageRejected" });
        app.invite(&email).await;
        post.deliver().await;
        self.errors.extend(errors.into_iter().map(|response| response.text));
        self.tokens.extend([first, second]);
        self.post = Some(post);
    }
}

/// An acceptance on behalf of somebody who was not invited.
fn somebody_else(token: &str) -> Value {
    json!({ "token": token, "principal": "p", "email": "somebody@example.com" })
}
