//! Bulk when requests to DynamoDB fail: each row is created once and reported truly, or the response is a 503.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, Response, SecondApp, TestApp,
    faults::{
        Barrier,
        Fault::{
            self, Cancelled, ConflictAfterwards, ConnectionRefused, Crash, Error, ErrorAfterwards, Held, LateConflict, ReplyLost,
            TruncatedReply,
        },
        process::killable,
        wire::Wire,
    },
};

use crate::{
    bulk::{id, keyed, results, row, rows, statuses},
    common::{assert_consistent, charged, counts, describe, number, text},
    idempotency::replay_of,
};

/// More than one batch.
const ROWS: usize = 30;
/// The row whose address is taken.
const TAKEN: usize = 10;

/// The requests of a run without faults.
fn requests(with_key: bool) -> usize {
    // With a key, the record; the locks; two transactions; with a key, the results.
    if with_key { 5 } else { 3 }
}

/// A service, and the call that creates [`ROWS`] invitations but one, whose address is taken.
async fn prepared(with_key: bool) -> (TestApp, SecondApp, Call) {
    let app = TestApp::start().await;
    let service = app.another_patient();
    app.invite(&format!("user-{TAKEN}@example.com")).await;
    // From now on the caller's key is cached.
    service.warm(&app.full).await;
    let call = if with_key { keyed(&app, &rows(ROWS)) } else { Call::bulk(&rows(ROWS)).key(&app.full) };
    (app, service, call)
}

/// Asserts that all rows but the taken one were created, once, and that the response says so.
async fn assert_true(app: &TestApp, response: &Response) {
    let mut expected = vec![201; ROWS];
    expected[TAKEN] = 400;
    assert_eq!(statuses(response), expected);
    let listed = app.send(Call::get("/invitations?limit=100").key(&app.full)).await.expect(200).json();
    let listed = listed["invitations"].as_array().expect("a list");
    let mut ids = BTreeSet::new();
    for (result, row) in results(response).iter().zip(rows(ROWS)).filter(|(result, _)| result["status"] == 201) {
        let invitation = listed.iter().find(|it| it["id"] == result["invitation"]["id"]);
        assert_eq!((Some(&result["invitation"]), &result["invitation"]["email"]), (invitation, &row["email"]));
        ids.insert(id(result));
    }
    assert_eq!(ids.len(), ROWS - 1);
    assert_eq!((counts(app).await[..2].to_vec(), charged(app).await), (vec![ROWS; 2], ROWS as i64));
    assert_consistent(app).await;
}

/// Runs `check` for each position of a request, without and with a key, each time with another table.
async fn at_each_request(check: impl AsyncFn(usize, bool)) {
    let cases = [false, true].into_iter().flat_map(|keyed| (0..requests(keyed)).map(move |position| (position, keyed)));
    for (position, keyed) in cases {
        check(position, keyed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_lost_at_any_request_changes_nothing_about_the_results() {
    let losses = [vec![ReplyLost], vec![ErrorAfterwards], vec![ConnectionRefused, ReplyLost], vec![Error(400, "ThrottlingException")]];
    join_all(losses.map(async |faults| {
        at_each_request(async |position, with_key| {
            let (app, service, call) = prepared(with_key).await;
            app.faults.next(vec![Fault::None; position].into_iter().chain(faults.clone()));
            let response = service.send(call.clone()).await.expect(200);
            assert_eq!((app.faults.left(), response.header("idempotent-replayed")), (0, None), "{position}, {faults:?}");
            assert_true(&app, &response).await;
            if with_key {
                assert_eq!(service.send(call).await, replay_of(&response));
            }
        })
        .await;
    }))
    .await;
}

/// The SDK gives up after three attempts: the service has to look for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_unknown_outcome_is_looked_for() {
    let in_progress = || Error(400, "TransactionInProgressException");
    let losses = [
        vec![ReplyLost, ReplyLost, ReplyLost],
        vec![ErrorAfterwards, ErrorAfterwards, ErrorAfterwards],
        vec![ConnectionRefused, ConnectionRefused, ReplyLost],
        vec![ConnectionRefused, ConnectionRefused, ConnectionRefused],
        vec![ReplyLost, in_progress(), in_progress()],
        vec![TruncatedReply],
        vec![ConflictAfterwards],
        vec![Cancelled(vec!["TransactionConflict"])],
        vec![Cancelled(vec!["ThrottlingError"]), Cancelled(vec!["ProvisionedThroughputExceeded"])],
    ];
    join_all(losses.map(async |faults| {
        for (with_key, transactions) in [(false, 2), (true, 4)] {
            for position in 0..transactions {
                Box::pin(find_transaction(&faults, position, with_key)).await;
            }
        }
    }))
    .await;
}

/// Injects these faults into a transaction, which is looked for.
async fn find_transaction(faults: &[Fault], position: usize, with_key: bool) {
    let (app, service, call) = prepared(with_key).await;
    app.faults.transactions(vec![Fault::None; position].into_iter().chain(faults.to_vec()));
    let response = service.send(call.clone()).await.expect(200);
    assert_eq!((app.faults.left(), response.header("idempotent-replayed")), (0, None), "{position}, {faults:?}");
    assert_true(&app, &response).await;
    if with_key {
        assert_eq!(service.send(call).await, replay_of(&response));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_killed_anywhere_can_be_repeated() {
    at_each_request(async |position, with_key| {
        let (app, service, call) = prepared(with_key).await;
        app.faults.next(vec![Fault::None; position].into_iter().chain([Crash]));
        let (response, _) = killable(service.send(call.clone())).await;
        assert!(response.is_none(), "{position}");
        let committed = app.rows_of(ACCOUNT, "I#").await.len() - 1;
        let response = service.send(call.clone()).await.expect(200);
        if with_key {
            return assert_true(&app, &response).await;
        }
        // Without a key, the rows that were created have an open invitation.
        let created = statuses(&response).into_iter().filter(|status| *status == 201).count();
        assert_eq!((counts(&app).await[0], created), (ROWS, ROWS - 1 - committed));
        assert_consistent(&app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_stays_down_is_a_503_and_the_rows_before_it_exist() {
    at_each_request(async |position, with_key| {
        let (app, service, call) = prepared(with_key).await;
        app.faults.next(vec![Fault::None; position].into_iter().chain(vec![ConnectionRefused; 60]));
        service.send(call.clone()).await.expect_error(503, "unavailable");
        app.faults.clear();
        assert_consistent(&app).await;
        let created = counts(&app).await[0] - 1;
        let batches = position.saturating_sub(if with_key { 2 } else { 1 });
        assert_eq!(created, (batches * 24).min(ROWS - 1), "{position}");
        let response = service.send(call).await.expect(200);
        if with_key {
            assert_true(&app, &response).await;
        }
        assert_eq!(counts(&app).await[0], ROWS);
    })
    .await;
}

/// Without the id of the row in the table, this would be `already-invited` about its own invitation.
#[tokio::test]
async fn a_row_that_is_revoked_before_the_reply_arrives_was_created() {
    // It looks for the row, or sends the transaction again, which is refused.
    for (with_key, looks) in [(false, true), (true, true), (false, false), (true, false)] {
        let (app, service, call) = prepared(with_key).await;
        let barrier = Barrier::default();
        let faults = match looks {
            true => vec![ReplyLost, ReplyLost, ReplyLost, Held(barrier.clone(), Box::new(Fault::None))],
            false => vec![LateConflict(barrier.clone())],
        };
        app.faults.next(vec![Fault::None; if with_key { 2 } else { 1 }].into_iter().chain(faults));
        let second = app.another_patient();
        let (response, ()) = tokio::join!(service.send(call), async {
            barrier.arrived().await;
            let list = second.send(Call::get("/invitations?email=user-3@example.com").key(&app.full)).await.expect(200).json();
            let made = list["invitations"][0]["id"].as_str().expect("it was created").to_owned();
            second.send(Call::set_state(&made, "revoked").key(&app.full)).await.expect(200);
            second.send(Call::create("user-3@example.com", "full-access").key(&app.full)).await.expect(201);
            barrier.open();
        });
        let found = results(&response.expect(200));
        assert_eq!((&found[3]["status"], &found[3]["invitation"]["state"]), (&201.into(), &"invited".into()));
        assert_eq!(describe(&app, &id(&found[3])).await["state"], "revoked");
        assert_consistent(&app).await;
    }
}

/// Says "already invited" and "quota used up" only if that is so.
#[tokio::test]
async fn refused_transactions_drop_the_rows_that_are_refused_and_no_others() {
    let app = TestApp::with(&[("SEND_QUOTA", "50")]).await;
    app.advance_to_window();
    app.warm(&app.full).await;
    let barrier = Barrier::default();
    // After the locks were read.
    app.faults.transactions([Held(barrier.clone(), Box::new(Fault::None))]);
    let second = app.another_patient();
    let call = Call::bulk(&rows(60)).key(&app.full);
    let taken = [0, 5, 23, 24, 40];
    let (response, ()) = tokio::join!(app.send(call), async {
        barrier.arrived().await;
        for number in taken {
            second.send(Call::create(&format!("user-{number}@example.com"), "full-access").key(&app.full)).await.expect(201);
        }
        barrier.open();
    });
    let expected: Vec<u64> = (0..60)
        .map(|number| {
            if taken.contains(&number) {
                400
            } else if number < 50 {
                201
            } else {
                429
            }
        })
        .collect();
    assert_eq!(statuses(&response.expect(200)), expected);
    assert_eq!(charged(&app).await, 50);
    assert_consistent(&app).await;
}

/// Moves all rows but the first of a batch to the unprocessed keys, in this number of replies.
#[derive(Debug)]
struct Unprocessed {
    table: String,
    replies: AtomicUsize,
}

impl Wire for Unprocessed {
    fn reply(&self, operation: &str, output: &mut Value) {
        let one_less = |left: usize| left.checked_sub(1);
        if operation == "BatchGetItem" && self.replies.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            let rows = output["Responses"][&self.table].as_array_mut().expect("rows");
            let keys: Vec<Value> = rows.drain(1..).map(|row| json!({ "pk": row["pk"], "sk": row["sk"] })).collect();
            output["UnprocessedKeys"][&self.table] = json!({ "Keys": keys, "ConsistentRead": true });
        }
    }
}

#[tokio::test]
async fn keys_that_dynamodb_leaves_unprocessed_are_read_again() {
    let app = TestApp::start().await;
    app.send(Call::bulk(&rows(3)).key(&app.full)).await.expect(200);
    app.faults.wire(Arc::new(Unprocessed { table: app.table.clone(), replies: AtomicUsize::new(2) }));
    for query in ["dryRun=true", ""] {
        let _ = app.faults.take_operations();
        let response = app.send(Call::bulk(&rows(4)).query(query).key(&app.full)).await.expect(200);
        assert_eq!(statuses(&response), [400, 400, 400, 201]);
    }
    assert_eq!(charged(&app).await, 4);
}

#[tokio::test]
async fn a_row_with_the_id_of_another_operation_is_a_defect_and_not_a_success() {
    let app = TestApp::start().await;
    app.faults.transactions([Fault::None, Crash]);
    let call = keyed(&app, &[row("ann@example.com")]);
    let (response, _) = killable(app.send(call.clone())).await;
    assert!(response.is_none());
    let created = app.rows_of(ACCOUNT, "I#").await.remove(0);
    let id = &text(&created, "sk")[2..];
    app.set(id, "ops", aws_sdk_dynamodb::types::AttributeValue::Ss(vec!["AAAAAAAAAAAA".to_owned()])).await;
    app.send(call).await.expect_error(500, "internal-error");
    assert_eq!(number(&created, "rev"), 1);
}
