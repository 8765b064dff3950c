//! `revoke-invitations` with concurrent callers and faults: each matching invitation is revoked once, with one event.

use std::time::Duration;

use functions::operator::revoke_invitations::{Revocations, TIME_LIMIT};
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, TestApp, Workers,
    faults::{
        Barrier,
        Fault::{self, Cancelled, ConflictAfterwards, Duplicated, Error, ErrorAfterwards, Held, Late, ReplyLost},
    },
};

use crate::{
    common::{Row, assert_consistent, describe, number, processes, resend, staggered, stored, text},
    lost_replies::losses,
};

/// Revokes everything with the role of all invitations.
fn everything() -> Value {
    json!({ "account": ACCOUNT, "roleID": "full-access" })
}

/// The function of another process.
fn another(app: &TestApp) -> Revocations {
    Revocations { store: app.another_patient().state().store.clone(), ..app.revocations(TIME_LIMIT) }
}

async fn invited(app: &TestApp, email: &str) -> String {
    app.invite(email).await["id"].as_str().expect("an id").to_owned()
}

/// The types of the unpublished events in a row.
fn events(row: &Row) -> Vec<&str> {
    let events = row["out"].as_ss().expect("events").iter();
    let mut events: Vec<(&str, &str)> = events.map(|event| event.split_once('#').expect("a number")).collect();
    events.sort_unstable();
    events.into_iter().map(|(_, rest)| rest.split('#').next().expect("a type")).collect()
}

/// Revoked by one operation, with one event.
fn assert_revoked_once(row: &Row) {
    assert_eq!((text(row, "st"), number(row, "rev"), row["ops"].as_ss().map(Vec::len)), ("revoked", 2, Ok(2)), "{row:?}");
    assert_eq!((events(row), number(row, "events")), (vec!["created", "revoked"], 2), "{row:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_whose_reply_is_lost_is_counted_once() {
    let all = losses().into_iter().map(|(faults, _)| faults).chain([vec![ConflictAfterwards], vec![ReplyLost, ConflictAfterwards]]);
    join_all(all.map(async |faults| {
        let app = TestApp::start().await;
        let id = invited(&app, "ann@example.com").await;
        app.faults.transactions(faults.clone());
        assert_eq!(app.revoke(&everything()).await, json!({ "revoked": 1 }), "{faults:?}");
        assert_eq!(app.faults.left(), 0);
        assert_revoked_once(&stored(&app, &id).await);
        assert_consistent(&app).await;
    }))
    .await;
}

#[tokio::test]
async fn a_revocation_outlasts_more_conflicts_and_throttles_than_a_callers_request() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    let busy = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    app.faults.transactions(busy.into_iter().cycle().take(6).map(|reason| Cancelled(vec![reason])));
    assert_eq!(app.revoke(&everything()).await, json!({ "revoked": 1 }));
    assert_eq!(app.faults.left(), 0);
    assert_revoked_once(&stored(&app, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_revocation_and_an_acceptance_exactly_one_wins_and_the_count_is_right() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (processes, revocations) = (processes(&app, 4), another(&app));
    let mut wins = [0, 0];
    for round in 0..12 {
        let emails: Vec<String> = (0..8).map(|number| format!("user-{round}-{number}@example.com")).collect();
        let mut ids = Vec::new();
        for email in &emails {
            ids.push(invited(&app, email).await);
        }
        workers.deliver().await;
        // They are revoked in this order; later acceptances meet later revocations.
        let calls = emails.iter().enumerate().map(|(number, email)| {
            let delay = 2 * (number as u64) + 3 * (round % 4);
            (delay, Call::holder("accept", &workers.last_token(email)))
        });
        let calls: Vec<_> = calls.collect();
        let revoke = everything();
        let (answer, responses) = tokio::join!(TestApp::revoke_over(&revocations, &revoke), staggered(&processes, calls));
        let mut revoked = 0;
        for (id, response) in ids.iter().zip(responses) {
            let state = describe(&app, id).await["state"].clone();
            if response.status == 200 {
                assert_eq!(state, "accepted", "{}", response.text);
                wins[0] += 1;
            } else {
                response.expect_error(400, "already-revoked");
                assert_eq!(state, "revoked");
                revoked += 1;
            }
        }
        assert_eq!(answer, json!({ "revoked": revoked }));
        wins[1] += revoked;
    }
    workers.deliver().await;
    let types = workers.event_types();
    let of = |kind: &str| types.iter().filter(|it| *it == kind).count();
    assert_eq!([of("accepted"), of("revoked")], wins);
    assert!(wins[0] > 0 && wins[1] > 0, "the race has two outcomes: {wins:?}");
}

/// Runs `between` after the invitation to revoke was read and before it is written. Returns the answer to the revocation.
async fn revoke_around(app: &TestApp, between: impl AsyncFnOnce()) -> Value {
    let barrier = Barrier::default();
    app.faults.transactions([Held(barrier.clone(), Box::new(Fault::None))]);
    let revoke = everything();
    let (answer, ()) = tokio::join!(app.revoke(&revoke), async {
        barrier.arrived().await;
        between().await;
        barrier.open();
    });
    answer
}

#[tokio::test]
async fn an_invitation_that_is_accepted_meanwhile_is_skipped_and_not_counted() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let id = invited(&app, "ann@example.com").await;
    workers.deliver().await;
    let accept = Call::holder("accept", &workers.last_token("ann@example.com"));
    let answer = revoke_around(&app, async || drop(app.send(accept).await.expect(200))).await;
    assert_eq!(answer, json!({ "revoked": 0 }));
    assert_eq!(describe(&app, &id).await["state"], "accepted");
}

#[tokio::test]
async fn an_invitation_that_its_account_revokes_meanwhile_is_not_counted() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    let revoke = Call::set_state(&id, "revoked").key(&app.full);
    assert_eq!(revoke_around(&app, async || drop(app.send(revoke).await.expect(200))).await, json!({ "revoked": 0 }));
    assert_revoked_once(&stored(&app, &id).await);
}

#[tokio::test]
async fn an_invitation_that_is_resent_meanwhile_is_revoked_with_its_new_link() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    app.advance(Duration::from_secs(60));
    let answer = revoke_around(&app, async || drop(app.send(resend(&id).key(&app.full)).await.expect(200))).await;
    assert_eq!(answer, json!({ "revoked": 1 }));
    let row = stored(&app, &id).await;
    assert_eq!((text(&row, "st"), number(&row, "sends"), events(&row)), ("revoked", 2, vec!["created", "resent", "revoked"]));
    assert_consistent(&app).await;
}

/// The list is sorted by expiry, and its start was read before.
#[tokio::test]
async fn an_invitation_whose_expiry_moves_to_the_start_meanwhile_is_revoked_too() {
    let app = TestApp::start().await;
    let mut last = String::new();
    for number in 0..6 {
        app.advance(Duration::from_secs(1));
        last = invited(&app, &format!("user-{number}@example.com")).await;
    }
    let sooner = json!({ "expiry": app.now().plus(Duration::from_secs(86_400)).to_string() });
    let change = Call::post(&format!("/invitations/{last}")).json(&sooner).key(&app.full);
    let answer = revoke_around(&app, async || drop(app.send(change).await.expect(200))).await;
    assert_eq!((answer, describe(&app, &last).await["state"].clone()), (json!({ "revoked": 6 }), json!("revoked")));
    assert_consistent(&app).await;
}

#[tokio::test]
async fn an_invitation_that_is_erased_meanwhile_is_skipped() {
    let app = TestApp::start().await;
    invited(&app, "ann@example.com").await;
    let erase = json!({ "account": ACCOUNT, "email": "ann@example.com" });
    assert_eq!(revoke_around(&app, async || drop(app.erase(&erase).await)).await, json!({ "revoked": 0 }));
    // The same before it is read.
    invited(&app, "ann@example.com").await;
    let barrier = Barrier::default();
    app.faults.next([Fault::None, Held(barrier.clone(), Box::new(Fault::None))]);
    let revoke = everything();
    let (answer, ()) = tokio::join!(app.revoke(&revoke), async {
        barrier.arrived().await;
        app.erase(&erase).await;
        barrier.open();
    });
    assert_eq!(answer, json!({ "revoked": 0 }));
    assert_eq!(app.rows_of(ACCOUNT, "I#").await.len() + app.rows_of(ACCOUNT, "P#").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_calls_each_counts_what_it_has_revoked() {
    let app = TestApp::start().await;
    for number in 0..40 {
        app.invite(&format!("user-{number}@example.com")).await;
    }
    let calls = (0..4).map(|_| {
        let revocations = another(&app);
        tokio::spawn(async move { TestApp::revoke_over(&revocations, &everything()).await })
    });
    let calls: Vec<_> = calls.collect();
    let answers: Vec<Value> = join_all(calls).await.into_iter().map(|answer| answer.expect("no call panics")).collect();
    let counts = answers.iter().map(|answer| answer["revoked"].as_u64().unwrap_or_else(|| panic!("{answer}")));
    assert_eq!(counts.sum::<u64>(), 40, "{answers:?}");
    app.rows_of(ACCOUNT, "I#").await.iter().for_each(assert_revoked_once);
    assert_consistent(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_random_faults_every_matching_invitation_is_revoked_once_and_no_other() {
    join_all((0..6).map(async |seed| {
        let app = TestApp::start().await;
        for number in 0..24 {
            let role = if number % 2 == 0 { "full-access" } else { "read-only" };
            app.send(Call::create(&format!("user-{number}@example.com"), role).key(&app.full)).await.expect(201);
        }
        let pause = Duration::from_millis(5);
        let faults = vec![
            ReplyLost,
            ErrorAfterwards,
            ConflictAfterwards,
            Cancelled(vec!["TransactionConflict"]),
            Cancelled(vec!["ThrottlingError"]),
            Error(500, "InternalServerError"),
            Late(pause),
            Duplicated(pause),
        ];
        app.faults.sometimes(seed, 2, faults);
        let mut counted = 0;
        let mut calls = 0;
        loop {
            calls += 1;
            assert!(calls < 50, "repeating the call does not complete it");
            let answer = app.revoke(&everything()).await;
            if let Some(revoked) = answer["revoked"].as_u64() {
                counted += revoked;
                break;
            }
            assert_eq!(answer["code"], "unavailable", "{answer}");
        }
        assert!(app.faults.injected() > 10 && counted <= 12);
        app.faults.clear();
        app.faults.wait_until_idle().await;
        assert_eq!(app.revoke(&everything()).await, json!({ "revoked": 0 }));
        for row in app.rows_of(ACCOUNT, "I#").await {
            if text(&row, "role") == "full-access" {
                assert_revoked_once(&row);
            } else {
                assert_eq!((text(&row, "st"), number(&row, "rev"), events(&row)), ("pending", 1, vec!["created"]));
            }
        }
        assert_consistent(&app).await;
    }))
    .await;
}
