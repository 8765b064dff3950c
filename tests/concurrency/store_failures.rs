//! The table fails: callers get an error in time, and nothing is changed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use support::{
    Call, Response, SecondApp, TestApp,
    faults::{
        Fault::{self, Cancelled, ConnectionRefused, Error, NoReply},
        Faults,
    },
};

use crate::common::{assert_consistent, charged, counts, describe, error, processes, resend};

/// Every response comes within this time, which is less than the timeout of the functions.
const DEADLINE: Duration = Duration::from_secs(20);

fn unavailable() -> Value {
    let message = "The service is temporarily unavailable, likely due to maintenance. It should be available soon, check the \
                   Retry-After header for an indication of when you might be able to try again.";
    error("unavailable", None, message)
}

fn internal() -> Value {
    error("internal-error", None, "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why.")
}

#[track_caller]
fn assert_unavailable(response: &Response) {
    assert_eq!((response.status, response.json(), response.header("retry-after")), (503, unavailable(), Some("2")));
}

/// A call of every route that succeeds on a healthy table.
fn calls(id: &str, key: &str) -> [Call; 6] {
    [
        Call::create("bob@example.com", "full-access"),
        Call::create("bob@example.com", "full-access").header("idempotency-key", "k"),
        Call::get("/invitations?state=invited"),
        Call::get(&format!("/invitations/{id}")),
        resend(id),
        Call::set_state(id, "revoked"),
    ]
    .map(|call| call.key(key))
}

/// A service with one invitation that can be resent.
async fn prepared() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();
    app.advance(Duration::from_secs(61));
    // This caches the caller's key.
    describe(&app, &id).await;
    (app, id)
}

/// A process of its own for each call, with its faults; `warm` ones have cached the caller's key and the settings.
async fn processes_in_real_time(app: &TestApp, warm: bool, calls: Vec<Call>) -> Vec<(SecondApp, Faults, Call)> {
    let mut processes = Vec::new();
    for call in calls {
        let faults = Faults::default();
        let process = app.another_in_real_time(&faults);
        if warm {
            process.warm(&app.full).await;
        }
        let _ = faults.take_operations();
        processes.push((process, faults, call));
    }
    processes
}

/// Sends every call to a `warm` or a cold process, with this fault at every request from the `from`th on. Returns each call with
/// its response, the time it took, and the number of requests.
async fn under(fault: &Fault, warm: bool, from: usize) -> Vec<(Call, Response, Duration, usize)> {
    let (app, id) = prepared().await;
    let processes = processes_in_real_time(&app, warm, calls(&id, &app.full).into()).await;
    let results = join_all(processes.into_iter().map(async |(process, faults, call)| {
        faults.next(vec![Fault::None; from]);
        faults.always(fault.clone());
        let started = Instant::now();
        let response = process.send(call.clone()).await;
        (call, response, started.elapsed(), faults.take_operations().len())
    }))
    .await;
    if from == 0 {
        assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
        assert_eq!(describe(&app, &id).await["state"], "invited");
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_throttles_fails_or_refuses_is_a_503_in_time_on_every_route() {
    let faults = [
        Error(400, "ProvisionedThroughputExceededException"),
        Error(400, "ThrottlingException"),
        Error(400, "RequestLimitExceeded"),
        Error(500, "InternalServerError"),
        Error(503, "ServiceUnavailable"),
        ConnectionRefused,
    ];
    let all = faults.iter().flat_map(|fault| [under(fault, false, 0), under(fault, true, 0)]);
    for (call, response, took, requests) in join_all(all).await.into_iter().flatten() {
        assert_unavailable(&response);
        assert!(took < DEADLINE, "{} took {took:?}", call.route());
        assert!(requests > 1, "{} was tried only once", call.route());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_silent_is_a_503_in_time_on_every_route() {
    let (app, id) = prepared().await;
    let mut calls: Vec<Call> = calls(&id, &app.full).into();
    calls.push(Call::get(&format!("/invitations/{id}")).key("unread"));
    let processes = processes_in_real_time(&app, true, calls).await;
    let started = Instant::now();
    let responses = join_all(processes.into_iter().map(async |(process, faults, call)| {
        faults.always(NoReply);
        process.send(call).await
    }))
    .await;
    assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
    assert_eq!(responses[6].status, 401, "a malformed key is refused without the table");
    for response in &responses[..6] {
        assert_unavailable(response);
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_never_answered_is_a_503_in_time() {
    let unanswered = async |body: Option<&str>| {
        let (app, id) = prepared().await;
        let call = body.map_or_else(|| resend(&id), |state| Call::set_state(&id, state));
        let (process, faults, call) = processes_in_real_time(&app, true, vec![call.key(&app.full)]).await.remove(0);
        faults.next([Fault::None]);
        faults.always(NoReply);
        let started = Instant::now();
        assert_unavailable(&process.send(call).await);
        assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
        assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
    };
    tokio::join!(unanswered(None), unanswered(Some("revoked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_ours_is_a_500_that_reveals_nothing() {
    for fault in
        ["ResourceNotFoundException", "AccessDeniedException", "ValidationException", "UnrecognizedClientException", "SomethingNew"]
    {
        for (warm, from) in [(false, 0), (true, 0), (true, 1)] {
            for (call, response, _, requests) in under(&Error(400, fault), warm, from).await {
                if from > 0 && (call.method == "GET" || call.id().is_none()) {
                    continue; // It takes only one request.
                }
                assert_eq!((response.status, response.json(), response.header("retry-after")), (500, internal(), None), "{fault}");
                assert_eq!(requests, from + 1, "{} is not retried", call.route());
            }
        }
    }
}

#[tokio::test]
async fn a_transaction_cancelled_by_an_error_of_ours_is_a_500() {
    let (app, _) = prepared().await;
    for reasons in [vec!["None", "ValidationError", "None"], vec!["ItemCollectionSizeLimitExceeded"], vec!["None", "None", "None"], vec![]]
    {
        app.faults.next([Cancelled(reasons)]);
        let response = app.send(Call::create("bob@example.com", "full-access").key(&app.full)).await;
        assert_eq!((response.status, response.json()), (500, internal()));
        assert_eq!(app.faults.left(), 0);
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
}

#[tokio::test]
async fn conflicts_and_throttled_transactions_are_retried() {
    let (app, id) = prepared().await;
    let busy = || {
        [
            Cancelled(vec!["TransactionConflict", "None", "None"]),
            // A condition that failed beside a conflict proves nothing: it may have failed because of it.
            Cancelled(vec!["ConditionalCheckFailed", "TransactionConflict", "None"]),
            Cancelled(vec!["None", "ThrottlingError", "None"]),
            Cancelled(vec!["ProvisionedThroughputExceeded", "None", "None"]),
            Error(400, "TransactionInProgressException"),
        ]
    };
    app.warm(&app.full).await;
    let _ = app.faults.take_operations();
    app.faults.next(busy());
    let created = app.send(Call::create("bob@example.com", "full-access").key(&app.full)).await.expect(201);
    assert_eq!(app.faults.take_operations(), vec!["TransactWriteItems"; 6]);
    assert_eq!(created.json(), describe(&app, &created.str("id")).await);
    for (call, state) in [(resend(&id), "invited"), (Call::set_state(&id, "revoked"), "revoked")] {
        app.faults.next([Fault::None].into_iter().chain(busy()));
        let response = app.send(call.key(&app.full)).await.expect(200);
        assert_eq!((response.str("state").as_str(), response.json()), (state, describe(&app, &id).await));
        assert_eq!(app.faults.left(), 0);
    }
    assert_eq!((counts(&app).await, charged(&app).await), ([2, 1, 0], 3));
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_permanent_conflict_is_a_503_after_six_attempts_within_three_seconds() {
    let (app, id) = prepared().await;
    let create = Call::create("bob@example.com", "full-access");
    let mut waited = Duration::ZERO;
    for (call, reads) in
        [(create.clone(), 0), (create.header("idempotency-key", "k"), 0), (resend(&id), 1), (Call::set_state(&id, "revoked"), 1)]
    {
        app.warm(&app.full).await;
        let _ = app.faults.take_operations();
        app.faults.next(vec![Fault::None; reads]);
        app.faults.always(Cancelled(vec!["TransactionConflict", "TransactionConflict", "TransactionConflict"]));
        let started = Instant::now();
        let response = app.send(call.key(&app.full)).await;
        assert_unavailable(&response);
        assert!(started.elapsed() < Duration::from_millis(3500), "{:?}", started.elapsed());
        waited += started.elapsed();
        let operations = app.faults.take_operations();
        assert_eq!(operations.iter().filter(|operation| *operation == "TransactWriteItems").count(), 6);
        // At the end it reads back whether an earlier attempt committed after all.
        assert_eq!(operations.len(), reads + 6 + 1);
        app.faults.clear();
    }
    // The pauses of one operation are 775 ms on average. They would be at most 125 ms if they did not grow.
    assert!(waited > Duration::from_secs(1), "{waited:?}");
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
    assert_eq!(describe(&app, &id).await["state"], "invited");
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_callers_all_succeed_in_the_end() {
    let app = TestApp::start().await;
    let processes = processes(&app, 2);
    crate::common::race(&processes, (0..2).map(|_| Call::get("/invitations").key(&app.full))).await;
    app.faults.sometimes(7, 3, vec![Cancelled(vec!["TransactionConflict"])]);
    let calls = (0..40).map(|n| Call::create(&format!("user-{n}@example.com"), "full-access").key(&app.full));
    let responses = crate::common::race(&processes, calls).await;
    assert!(app.faults.injected() > 5);
    app.faults.clear();
    // One attempt in three fails. Six in a row fail in about one of 700 calls, which is then a 503.
    let created = responses.iter().filter(|response| response.status == 201).count();
    assert!(created >= 38, "{created}");
    responses.iter().filter(|response| response.status != 201).for_each(assert_unavailable);
    assert_eq!((counts(&app).await, charged(&app).await), ([created, created, 0], i64::try_from(created).expect("a count")));
    assert_consistent(&app).await;
}
