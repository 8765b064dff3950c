//! The injected faults do what their names say: the verification relies on it.

use std::time::Duration;

use support::{
    ACCOUNT, Call, TestApp,
    faults::{
        Fault::{self, Crash, Dropped, Duplicated, Late, TimedOut},
        process::killable,
    },
};

use crate::common::{assert_consistent, charged, counts};

#[tokio::test]
async fn a_process_killed_after_a_commit_leaves_the_effect_and_no_response() {
    let app = TestApp::start().await;
    app.faults.transactions([Crash]);
    let (response, process) = killable(app.send(Call::create("ann@example.com", "full-access").key(&app.full))).await;
    assert!(response.is_none());
    assert_eq!((process.committed, process.acknowledged), (1, 0));
    assert_eq!(counts(&app).await, [1, 1, 0]);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_crash_outside_of_a_killable_process_is_a_lost_reply() {
    let app = TestApp::start().await;
    app.faults.transactions([Crash]);
    app.invite("ann@example.com").await;
    assert_eq!(counts(&app).await, [1, 1, 0]);
}

#[tokio::test]
async fn a_transaction_that_arrives_twice_has_one_effect() {
    let app = TestApp::start().await;
    let _ = app.faults.take_requests();
    app.faults.transactions([Duplicated(Duration::from_millis(5))]);
    let (response, process) = killable(app.send(Call::create("ann@example.com", "full-access").key(&app.full))).await;
    assert_eq!(response.expect("no crash was injected").status, 201);
    assert_eq!((process.committed, process.acknowledged), (1, 1));
    app.faults.wait_until_idle().await;
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
}

#[tokio::test]
async fn a_dropped_transaction_is_acknowledged_and_has_no_effect() {
    let app = TestApp::start().await;
    app.faults.transactions([Dropped("{}")]);
    app.invite("ann@example.com").await;
    assert_eq!(counts(&app).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_late_request_arrives() {
    let app = TestApp::start().await;
    app.faults.transactions([Late(Duration::from_millis(20))]);
    let started = std::time::Instant::now();
    app.invite("ann@example.com").await;
    assert!(started.elapsed() >= Duration::from_millis(20));
    assert_eq!(app.rows_of(ACCOUNT, "I#").await.len(), 1);
}

/// The faults that are injected into the same requests.
async fn injected(seed: u64, chances: &[(Fault, u32)]) -> Vec<(&'static str, usize)> {
    let app = TestApp::start().await;
    app.faults.schedule(seed, chances.to_vec());
    for _ in 0..300 {
        let _ = app.send(Call::get("/invitations").key(&app.read_only)).await;
    }
    app.faults.counts().into_iter().collect()
}

#[tokio::test]
async fn the_seed_decides_the_faults_and_each_is_as_frequent_as_its_chance() {
    let chances = [
        (Late(Duration::ZERO), 2000),
        (Duplicated(Duration::ZERO), 1000),
        (TimedOut, 0),
        (Fault::Cancelled(vec!["TransactionConflict"]), 4000),
        (Dropped("{}"), 2000),
    ];
    let counts = injected(7, &chances).await;
    assert_eq!(counts, injected(7, &chances).await);
    assert_ne!(counts, injected(8, &chances).await);
    // Reads are neither cancelled nor dropped, and a chance of 0 means never.
    let [("late", late), ("sent twice", twice)] = counts[..] else { panic!("{counts:?}") };
    let ratio = late as f64 / twice as f64;
    assert!((1.4..2.8).contains(&ratio), "{counts:?}");
}
