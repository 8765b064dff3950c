//! A canary token and a canary address go through every flow, and are then looked for where they must not be (T2, T21).

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use local::ses::Answer;
use local::stream::{Start, Stream};
use serde_json::json;
use support::{Call, faults::Fault};
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

use crate::help::{COOLDOWN, LATER, LIFETIME, hold, id, resend, revoke, start};

const CANARY: &str = "canary.of.the.mine@example.com";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn t2_t21_the_token_is_found_nowhere_and_the_address_only_where_the_account_or_the_invitee_sees_it() {
    let lines = Lines::default();
    let writer = lines.clone();
    let _guard = functions::log::json(LevelFilter::INFO, move || writer.clone()).set_default();
    let (app, mut post) = start().await;
    let mut tokens = Vec::new();
    let mut errors = String::new();

    // Every flow, the failing ones too.
    for round in 0..4 {
        let email = CANARY.replace("mine", &format!("mine{round}"));
        let id = id(&app.invite(&email).await);
        post.inbox.answer_with(|_| Answer::Error { status: 400, code: "MailFromDomainNotVerifiedException" });
        post.deliver().await;
        post.inbox.answer_with(|_| Answer::Accept);
        app.advance(LATER);
        post.reconcile().await;
        let first = post.last_token(&email);
        post.report(&post.last_mail(&email)).await;
        app.advance(COOLDOWN);
        resend(&app, &id).await.expect(200);
        post.deliver().await;
        let second = post.last_token(&email);
        errors += &hold(&app, "accept", &first).await.expect(404).text;
        errors += &app.send(Call::post("/invitations/accept").text(&second)).await.expect(400).text;
        errors += &app.send(Call::holder("accept", &second).json(&json!({ "token": second, "x": second }))).await.expect(400).text;
        errors +=
            &app.send(Call::post(&format!("/invitations/lookup?token={second}")).json(&json!({ "token": second }))).await.expect(400).text;
        let wrong = json!({ "token": second, "principal": "p", "email": "somebody@example.com" });
        errors += &app.send(Call::post("/invitations/accept").json(&wrong).key(&app.full)).await.expect(403).text;
        app.faults.next([
            Fault::Error(500, "InternalServerError"),
            Fault::Error(500, "InternalServerError"),
            Fault::Error(500, "InternalServerError"),
        ]);
        errors += &hold(&app, "lookup", &second).await.expect(503).text;
        app.faults.clear();
        match round {
            0 => drop(hold(&app, "accept", &second).await.expect(200)),
            1 => drop(hold(&app, "decline", &second).await.expect(200)),
            2 => drop(revoke(&app, &id).await.expect(200)),
            _ => app.advance(LIFETIME),
        }
        let again = hold(&app, "decline", &second).await;
        // Who declines again is shown the invitation again.
        assert_eq!(again.status, if round == 1 { 200 } else { 400 });
        errors += if round == 1 { "" } else { &again.text };
        post.deliver().await;
        app.advance(LATER);
        post.reconcile().await;
        tokens.extend([first, second]);
    }
    post.inbox.answer_with(|_| Answer::Error { status: 400, code: "MessageRejected" });
    app.invite(CANARY).await;
    post.deliver().await;

    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let events = format!("{:?}", post.bus.events());
    let rows = format!("{:?}", app.rows().await);
    let mut stream = Stream::open(&app.endpoint, &app.table, Start::TrimHorizon).await.unwrap();
    let mut records = String::new();
    loop {
        let batch = stream.next_batch(100).await.unwrap();
        if batch.is_empty() {
            break;
        }
        records += &serde_json::to_string(&batch).unwrap();
    }
    let variables = format!("{:?}", app.state());

    // They are where they should be, so that looking for them means something.
    assert!(records.contains("canary.of.the.mine") && rows.contains("canary.of.the.mine") && logged.lines().count() > 40);
    assert_eq!(tokens.len(), 8);
    for token in &tokens {
        let secret = token.rsplit_once('.').unwrap().1;
        for (name, text) in
            [("log", &logged), ("events", &events), ("rows", &rows), ("stream", &records), ("errors", &errors), ("state", &variables)]
        {
            assert!(!text.contains(secret), "the {name} holds a token");
        }
    }
    for (name, text) in [("log", &logged), ("events", &events), ("errors", &errors), ("state", &variables)] {
        assert!(!text.to_lowercase().contains("canary"), "the {name} holds an address");
    }
}
