//! Tests of defects that were found and fixed (T21).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use functions::{
    account::{describe_invitation, list_invitations},
    http::{error::ApiError, event::Request, output::Reply},
};
use serde_json::Value;
use support::{
    ACCOUNT, Call, TestApp,
    faults::{
        Barrier,
        Fault::{self, Held, LateConflict, ReplyLost, TruncatedReply},
        wire::Wire,
    },
    run_as,
};

use crate::common::{assert_consistent, charged, counts, describe, number, processes, resend, staggered, stored};

/// Longer than an invitation lasts.
const WEEK: Duration = Duration::from_secs(7 * 86_400 + 1);

async fn invited(app: &TestApp, email: &str) -> String {
    app.invite(email).await["id"].as_str().expect("an id").to_owned()
}

/// Deletes all locks, as TTL does some time after they end.
async fn purge_locks(app: &TestApp) {
    for row in app.rows_of(ACCOUNT, "P#").await {
        let delete = app.client.delete_item().table_name(&app.table);
        delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.expect("the lock can be deleted");
    }
}

#[tokio::test]
async fn a_revocation_that_found_no_lock_releases_the_one_that_a_resend_took_meanwhile() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    app.advance(WEEK);
    purge_locks(&app).await;
    let second = app.another(&[]);
    second.warm(&app.full).await;
    app.warm(&app.full).await;
    let barrier = Barrier::default();
    // The read; the first transaction, which finds no lock; the second, which waits.
    app.faults.next([Fault::None, Fault::None, Held(barrier.clone(), Box::new(Fault::None))]);
    let (revoked, ()) = tokio::join!(second.send(Call::set_state(&id, "revoked").key(&app.full)), async {
        barrier.arrived().await;
        app.send(resend(&id).key(&app.full)).await.expect(200);
        barrier.open();
    });
    assert_eq!(revoked.expect(200).str("state"), "revoked");
    assert!(app.rows_of(ACCOUNT, "P#").await.is_empty());
    app.send(Call::create("ann@example.com", "full-access").key(&app.full)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_never_blocked_by_a_revoked_invitation() {
    let app = TestApp::with(&[("SEND_QUOTA", "100000")]).await;
    let processes = processes(&app, 4);
    let mut expired = Vec::new();
    for round in 0..40 {
        expired.push(invited(&app, &format!("user-{round}@example.com")).await);
    }
    app.advance(WEEK);
    for round in 0..40 {
        // Another invitation takes the lock of the expired one and releases it.
        let other = invited(&app, &format!("user-{round}@example.com")).await;
        app.send(Call::set_state(&other, "revoked").key(&app.full)).await.expect(200);
    }
    for (round, id) in expired.iter().enumerate() {
        let calls = [Call::set_state(id, "revoked").key(&app.full), resend(id).key(&app.full)];
        staggered(&processes, [0, (round as u64) % 4].into_iter().zip(calls)).await;
        assert_eq!(describe(&app, id).await["state"], "revoked");
        app.send(Call::create(&format!("user-{round}@example.com"), "full-access").key(&app.full)).await.expect(201);
    }
}

#[tokio::test]
async fn a_create_whose_reply_is_truncated_succeeds() {
    let app = TestApp::start().await;
    app.warm(&app.full).await;
    app.faults.next([TruncatedReply]);
    app.send(Call::create("ann@example.com", "full-access").key(&app.full)).await.expect(201);
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));
}

#[tokio::test]
async fn the_log_of_a_truncated_reply_contains_nothing_of_it() {
    let app = TestApp::start().await;
    let id = invited(&app, "canary-person@example.com").await;
    let request = |call: Call| Request::parse(&call.key(&app.full).event().to_string(), 64 * 1024).expect("an event");
    let check = |result: Result<Reply, ApiError>| {
        let error = result.expect_err("a reply that cannot be read");
        let cause = error.cause().expect("a cause");
        assert_eq!(error.status(), 503, "{cause}");
        assert!(!cause.contains("canary") && !cause.contains(ACCOUNT), "{cause}");
    };
    app.faults.always(TruncatedReply);
    let describe = request(Call::get(&format!("/invitations/{id}")));
    check(run_as("describe-invitation", describe_invitation::handle(app.state(), &describe)).await);
    let list = request(Call::get("/invitations"));
    check(run_as("list-invitations", list_invitations::handle(app.state(), &list)).await);
}

#[tokio::test]
async fn an_operation_whose_reply_is_lost_succeeds_even_if_all_retries_are_throttled() {
    let throttled = || std::iter::repeat_n(Fault::Error(400, "ThrottlingException"), 40);
    let app = TestApp::start().await;
    app.warm(&app.full).await;
    app.faults.transactions([ReplyLost].into_iter().chain(throttled()));
    let created = app.send(Call::create("ann@example.com", "full-access").key(&app.full)).await.expect(201);
    assert!(app.faults.left() > 0, "it was throttled to the end");
    app.faults.clear();
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 0], 1));

    app.advance(Duration::from_secs(60));
    app.faults.transactions([ReplyLost].into_iter().chain(throttled()));
    let resent = app.send(resend(&created.str("id")).key(&app.full)).await.expect(200);
    app.faults.clear();
    assert_eq!(resent.json(), describe(&app, &created.str("id")).await);
    assert_eq!(number(&stored(&app, &created.str("id")).await, "sends"), 2);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn after_a_late_conflict_the_response_is_the_one_stored_under_the_key() {
    let app = TestApp::with(&[("RESEND_COOLDOWN_SECONDS", "0")]).await;
    let id = invited(&app, "ann@example.com").await;
    let second = app.another(&[]);
    second.warm(&app.full).await;
    let barrier = Barrier::default();
    app.faults.next([Fault::None, LateConflict(barrier.clone())]);
    let call = resend(&id).key(&app.full).header("idempotency-key", "one");
    let (response, ()) = tokio::join!(second.send(call.clone()), async {
        barrier.arrived().await;
        app.advance(Duration::from_secs(2));
        app.send(resend(&id).key(&app.full)).await.expect(200);
        barrier.open();
    });
    let replayed = app.send(call).await.expect(200);
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    assert_eq!((response.status, response.header("idempotent-replayed"), &response.text), (200, None, &replayed.text));
}

#[tokio::test]
async fn a_clock_that_is_behind_does_not_move_timestamps_back() {
    let app = TestApp::start().await;
    let id = invited(&app, "ann@example.com").await;
    let created = describe(&app, &id).await["created"].clone();
    app.set_back(Duration::from_secs(5));
    let revoked = app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200).json();
    assert_eq!((&revoked["lastModified"], &revoked["revokedAt"]), (&created, &created));
}

#[tokio::test]
async fn an_exhausted_quota_does_not_hide_a_concurrent_revocation() {
    let app = TestApp::with(&[("SEND_QUOTA", "2")]).await;
    app.advance_to_window();
    let id = invited(&app, "ann@example.com").await;
    let second = app.another(&[]);
    second.warm(&app.full).await;
    app.warm(&app.full).await;
    let barrier = Barrier::default();
    // The invitation is read and within its cooldown; the read of the quota waits.
    app.faults.next([Fault::None, Held(barrier.clone(), Box::new(Fault::None))]);
    let (answer, ()) = tokio::join!(second.send(resend(&id).key(&app.full)), async {
        barrier.arrived().await;
        app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
        invited(&app, "bob@example.com").await;
        barrier.open();
    });
    answer.expect_error(400, "already-revoked");
    // When cooldown and quota both apply, the quota is returned: it applies longer.
    let id = app.send(Call::get("/invitations?state=invited").key(&app.full)).await.json()["invitations"][0]["id"].clone();
    app.send(resend(id.as_str().expect("an id")).key(&app.full)).await.expect_error(429, "send-quota");
}

/// Reverses the set of operations in every second row that is read. DynamoDB's sets have no order.
#[derive(Debug, Default)]
struct OtherOrder(AtomicBool);

impl Wire for OtherOrder {
    fn reply(&self, _operation: &str, output: &mut Value) {
        let Some(operations) = output.pointer_mut("/Item/ops/SS").and_then(Value::as_array_mut) else { return };
        assert!(operations.len() > 1, "one operation has no order");
        if self.0.fetch_not(Ordering::SeqCst) {
            operations.reverse();
        }
    }
}

#[tokio::test]
async fn a_set_that_is_read_in_another_order_is_no_change() {
    let app = TestApp::with(&[("SEND_QUOTA", "2")]).await;
    app.advance_to_window();
    let id = invited(&app, "ann@example.com").await;
    app.advance(Duration::from_secs(60));
    app.send(resend(&id).key(&app.full)).await.expect(200);
    app.faults.wire(Arc::new(OtherOrder::default()));
    // The invitation is read before and after the quota.
    let reads = |app: &TestApp| app.faults.take_operations().iter().filter(|operation| *operation == "GetItem").count();
    reads(&app);
    app.send(resend(&id).key(&app.full)).await.expect_error(429, "send-quota");
    assert_eq!(reads(&app), 3);
}
