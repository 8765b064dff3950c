//! A bulk that was interrupted, or is delayed, while its key is used again.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use support::{
    ACCOUNT, Call, TestApp,
    faults::{
        Barrier,
        Fault::{self, ConnectionRefused, Crash, Held},
        process::killable,
    },
};

use crate::{
    bulk::{HOUR, id, keyed, results, rows, statuses},
    common::{assert_consistent, charged, counts, describe, purge},
    idempotency::replay_of,
};

/// Sends a request whose process is killed after this many transactions, the record's included.
async fn killed_after(app: &TestApp, transactions: usize, call: Call) {
    app.faults.transactions(vec![Fault::None; transactions - 1].into_iter().chain([Crash]));
    let (response, process) = killable(app.send(call)).await;
    assert!(response.is_none());
    assert_eq!(process.committed, transactions);
}

#[tokio::test]
async fn a_repeated_request_continues_where_an_earlier_one_was_killed() {
    // Before the first row, after the first and the second batch, after all rows, after the results.
    for (transactions, created) in [(1, 0), (2, 24), (3, 48), (4, 60), (5, 60)] {
        let app = TestApp::start().await;
        let call = keyed(&app, &rows(60));
        killed_after(&app, transactions, call.clone()).await;
        assert_eq!(counts(&app).await, [created, created, 1]);
        let response = app.send(call.clone()).await.expect(200);
        assert_eq!(statuses(&response), [201; 60]);
        assert_eq!(response.header("idempotent-replayed").is_some(), transactions == 5, "only results are replayed");
        for result in results(&response) {
            assert_eq!(result["invitation"], describe(&app, &id(&result)).await);
        }
        assert_eq!((counts(&app).await, charged(&app).await), ([60, 60, 1], 60));
        assert_consistent(&app).await;
        let again = app.send(call).await;
        assert_eq!((&again.text, again.header("idempotent-replayed")), (&response.text, Some("true")));
    }
}

#[tokio::test]
async fn a_row_that_was_decided_after_a_crash_is_still_reported_as_created_and_not_created_again() {
    let app = TestApp::start().await;
    let call = keyed(&app, &rows(30));
    killed_after(&app, 2, call.clone()).await;
    let list = app.send(Call::get("/invitations?order=asc&limit=100").key(&app.full)).await.expect(200).json();
    let created: Vec<Value> = list["invitations"].as_array().expect("a list").clone();
    let ids: Vec<&str> = created.iter().map(|it| it["id"].as_str().expect("an id")).collect();
    app.advance(Duration::from_secs(61));
    app.close_as_invitee(ids[0], "accepted").await;
    app.send(Call::set_state(ids[1], "revoked").key(&app.full)).await.expect(200);
    app.send(Call::set_state(ids[2], "revoked").key(&app.full)).await.expect(200);
    app.invite("user-2@example.com").await;
    app.send(Call::post(&format!("/invitations/{}", ids[3])).key(&app.full)).await.expect(200);
    let other = app.invite("user-25@example.com").await;

    let response = app.send(call.clone()).await.expect(200);
    let found = results(&response);
    for (result, created) in found.iter().zip(&created) {
        assert_eq!(&result["invitation"], created, "as it was created");
    }
    assert!(found[25]["error"]["message"].as_str().is_some_and(|message| message.contains(other["id"].as_str().expect("an id"))));
    assert_eq!(found.iter().filter(|result| result["status"] == 201).count(), 29);
    // The rows of the second run have its time.
    assert_eq!(found[24]["invitation"], describe(&app, &id(&found[24])).await);
    assert_eq!(found[24]["invitation"]["created"], app.now().to_string());
    assert_eq!((counts(&app).await[0], charged(&app).await), (31, 32));
    assert_eq!(app.send(call).await, replay_of(&response));
}

#[tokio::test]
async fn a_continued_request_obeys_the_limits_of_its_own_time() {
    let app = TestApp::with(&[("SEND_QUOTA", "30")]).await;
    app.advance_to_window();
    let mut rows = rows(40);
    for row in &mut rows {
        row["expiry"] = app.now().plus(HOUR * 2).to_string().into();
    }
    let call = keyed(&app, &rows);
    killed_after(&app, 2, call.clone()).await;
    // By now the expiry is too near for new invitations, but not wrong for those that were created.
    app.advance(HOUR + Duration::from_secs(1));
    let response = app.send(call.clone()).await.expect(200);
    assert_eq!(statuses(&response), [vec![201; 24], vec![400; 16]].concat());
    assert_eq!(results(&response)[30]["error"]["code"], "invalid-expiry");
    assert_eq!(charged(&app).await, 24);
    assert_eq!(app.send(call).await, replay_of(&response));
}

/// The record is the fence: nothing is created after the results were recorded.
#[tokio::test]
async fn a_delayed_transaction_creates_nothing_after_another_run_has_recorded_its_results() {
    let app = TestApp::start().await;
    app.warm(&app.full).await;
    let taken = app.invite("user-1@example.com").await;
    let call = keyed(&app, &rows(2));
    let barrier = Barrier::default();
    app.faults.transactions([Fault::None, Held(barrier.clone(), Box::new(Fault::None))]);
    let (late, first) = tokio::join!(app.send(call.clone()), async {
        barrier.arrived().await;
        let first = app.another_patient().send(call.clone()).await.expect(200);
        assert_eq!(statuses(&first), [201, 400]);
        // Everything that the delayed transaction needs becomes free.
        app.send(Call::set_state(&id(&results(&first)[0]), "revoked").key(&app.full)).await.expect(200);
        purge(&app, &id(&results(&first)[0])).await;
        app.send(Call::set_state(taken["id"].as_str().expect("an id"), "revoked").key(&app.full)).await.expect(200);
        barrier.open();
        first
    });
    assert_eq!(late, replay_of(&first));
    assert_eq!(counts(&app).await, [1, 0, 1]);
}

/// The same if the other run created nothing, so that the count of the record is unchanged.
#[tokio::test]
async fn a_delayed_transaction_creates_nothing_after_another_run_was_told_that_all_are_taken() {
    let app = TestApp::start().await;
    app.warm(&app.full).await;
    let call = keyed(&app, &rows(2));
    let barrier = Barrier::default();
    app.faults.transactions([Fault::None, Held(barrier.clone(), Box::new(Fault::None))]);
    let (late, first) = tokio::join!(app.send(call.clone()), async {
        barrier.arrived().await;
        let taken = [app.invite("user-0@example.com").await, app.invite("user-1@example.com").await];
        let first = app.another_patient().send(call.clone()).await.expect(200);
        assert_eq!(statuses(&first), [400, 400]);
        for taken in taken {
            app.send(Call::set_state(taken["id"].as_str().expect("an id"), "revoked").key(&app.full)).await.expect(200);
        }
        barrier.open();
        first
    });
    assert_eq!(late, replay_of(&first));
    assert_eq!(counts(&app).await, [2, 0, 1]);
}

/// By its own clock, the second run has to reject a row that the first one has created in the meantime.
#[tokio::test]
async fn a_run_that_does_not_know_its_outcome_finds_the_rows_of_another_run() {
    let app = TestApp::start().await;
    let second = app.another_patient();
    app.warm(&app.full).await;
    second.warm(&app.full).await;
    let mut rows = rows(2);
    rows[1]["expiry"] = app.now().plus(HOUR).to_string().into();
    let call = keyed(&app, &rows);
    let (held, unknown) = (Barrier::default(), Barrier::default());
    app.faults.transactions([Fault::None, Held(held.clone(), Box::new(Crash))]);
    let ((killed, _), response) = tokio::join!(killable(app.send(call.clone())), async {
        held.arrived().await;
        app.advance(Duration::from_secs(5));
        let refused = Held(unknown.clone(), Box::new(ConnectionRefused));
        app.faults.transactions([Fault::None, refused, ConnectionRefused, ConnectionRefused]);
        let (response, ()) = tokio::join!(second.send(call.clone()), async {
            unknown.arrived().await;
            held.open();
            while counts(&app).await[0] < 2 {}
            unknown.open();
        });
        response
    });
    assert!(killed.is_none());
    assert_eq!((statuses(&response), app.faults.left()), (vec![201; 2], 0), "{}", response.text);
    assert_eq!(results(&response)[1]["invitation"], describe(&app, &id(&results(&response)[1])).await);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_that_creates_nothing() {
    let app = TestApp::start().await;
    let call = keyed(&app, &rows(2));
    app.send(call.clone()).await.expect(200);
    let record = app.rows_of(ACCOUNT, "K#").await.remove(0);
    let before = app.rows().await.len();
    for (attribute, value) in [
        ("results", AttributeValue::S("created:1:1".to_owned())),
        ("results", AttributeValue::S("created:1:1 created:x:1".to_owned())),
        ("results", AttributeValue::S("created:1:1 accepted:1:1".to_owned())),
        ("results", AttributeValue::N("1".to_owned())),
        ("seed", AttributeValue::S("x".to_owned())),
        ("n", AttributeValue::S("1".to_owned())),
        ("at", AttributeValue::N("-1".to_owned())),
    ] {
        let mut corrupt = record.clone();
        corrupt.insert(attribute.to_owned(), value);
        app.client.put_item().table_name(&app.table).set_item(Some(corrupt)).send().await.expect("a row can be written");
        app.send(call.clone()).await.expect_error(500, "internal-error");
    }
    assert_eq!(app.rows().await.len(), before);
}
