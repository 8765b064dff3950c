//! One key, one effect, one response: create.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, Response, TestApp};

use crate::common::{already_invited, assert_consistent, charged, counts, describe, key_reused};

const DAY: Duration = Duration::from_secs(24 * 3600);
const TICK: Duration = Duration::from_millis(1);

fn create(app: &TestApp, email: &str, key: &str) -> Call {
    Call::create(email, "full-access").key(&app.full).header("idempotency-key", key)
}

/// The same response, marked as a replay.
pub(crate) fn replay_of(first: &Response) -> Response {
    let mut replay = first.clone();
    assert_eq!(replay.headers.insert("idempotent-replayed".to_owned(), "true".to_owned()), None, "the first response is not a replay");
    replay
}

#[tokio::test]
async fn a_repeated_create_returns_the_first_response_whatever_changed_since() {
    let app = TestApp::start().await;
    let call = create(&app, "Ann@Example.com", "k");
    let first = app.send(call.clone()).await.expect(201);
    let id = first.str("id");
    assert_eq!(first.header("idempotent-replayed"), None);

    app.advance(Duration::from_secs(61));
    app.send(Call::post(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
    assert_eq!(app.send(call.clone()).await, replay_of(&first), "after a resend");
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    assert_eq!(app.send(call.clone()).await, replay_of(&first), "after a revocation");
    app.invite("ann@example.com").await;
    assert_eq!(app.send(call.clone()).await, replay_of(&first), "after the address was invited again");
    let row = &app.rows_of(ACCOUNT, "I#").await[0];
    let delete = app.client.delete_item().table_name(&app.table).key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
    delete.send().await.expect("the row can be deleted");
    assert_eq!(app.send(call).await, replay_of(&first), "after the invitation was purged");
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 1], 3));
}

#[tokio::test]
async fn a_key_is_rejected_for_every_other_request() {
    let app = TestApp::start().await;
    let expiry = app.now().plus(2 * DAY).to_string();
    let first = app.send(create(&app, "ann@example.com", "k")).await.expect(201);
    let others = [
        json!({ "email": "bob@example.com", "roleID": "full-access" }),
        json!({ "email": "Ann@example.com", "roleID": "full-access" }),
        json!({ "email": "ann@example.com", "roleID": "read-only" }),
        json!({ "email": "ann@example.com", "roleID": "full-access", "expiry": expiry }),
    ];
    for body in others {
        let call = Call::post("/invitations").json(&body).key(&app.full).header("idempotency-key", "k");
        let refused = app.send(call).await.expect(400);
        assert_eq!((refused.json(), refused.header("idempotent-replayed")), (key_reused(), None), "{body}");
    }
    // The fields in another order, and white space, are the same request.
    let text = " { \"roleID\" : \"full-access\",\n \"email\": \"ann@example.com\" } ";
    let same = app.send(Call::post("/invitations").text(text).key(&app.full).header("idempotency-key", "k")).await;
    assert_eq!(same, replay_of(&first));
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 1], 1));
}

/// T22: a stored response belongs to its caller only.
#[tokio::test]
async fn the_same_key_of_another_caller_or_account_has_its_own_response() {
    let app = TestApp::start().await;
    let first = app.send(create(&app, "ann@example.com", "k")).await.expect(201);

    let colleague = app.new_key(ACCOUNT, "full-access").await;
    let call = |email, key| Call::create(email, "full-access").key(key).header("idempotency-key", "k");
    let refused = app.send(call("ann@example.com", &colleague)).await.expect(400);
    assert_eq!(refused.json(), already_invited(&first.str("id")), "the colleague's request is independent");
    let own = app.send(call("bob@example.com", &colleague)).await.expect(201);
    assert_eq!((own.str("email"), own.header("idempotent-replayed")), ("bob@example.com".to_owned(), None));

    let foreign = app.send(call("ann@example.com", &app.other)).await.expect(201);
    assert_eq!(foreign.header("idempotent-replayed"), None);
    assert!(foreign.str("urn").contains(OTHER_ACCOUNT) && foreign.str("id") != first.str("id"));
    assert!(!foreign.text.contains(ACCOUNT));
    for (call, response) in [
        (call("ann@example.com", &app.full), &first),
        (call("bob@example.com", &colleague), &own),
        (call("ann@example.com", &app.other), &foreign),
    ] {
        assert_eq!(app.send(call).await, replay_of(response));
    }
    assert_eq!(counts(&app).await, [3, 3, 3]);
}

#[tokio::test]
async fn the_same_key_is_independent_on_create_and_on_modify() {
    let app = TestApp::start().await;
    let created = app.send(create(&app, "ann@example.com", "k")).await.expect(201);
    let id = created.str("id");
    let revoke = Call::set_state(&id, "revoked").key(&app.full).header("idempotency-key", "k");
    let revoked = app.send(revoke.clone()).await.expect(200);
    assert_eq!((revoked.json(), revoked.header("idempotent-replayed")), (describe(&app, &id).await, None));
    assert_eq!(app.send(create(&app, "ann@example.com", "k")).await, replay_of(&created));
    assert_eq!(app.send(revoke).await, replay_of(&revoked));
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 0, 2], 1));
}

#[tokio::test]
async fn an_error_is_not_stored_and_leaves_its_key_unused() {
    let app = TestApp::with(&[("SEND_QUOTA", "2")]).await;
    let open = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();

    let taken = app.send(create(&app, "ann@example.com", "k")).await.expect(400);
    assert_eq!(taken.json(), already_invited(&open));
    app.send(create(&app, "nobody", "k")).await.expect_error(400, "invalid-email");
    app.send(create(&app, "ann@example.com", "k").key(&app.read_only)).await.expect_error(403, "forbidden");
    assert_eq!(counts(&app).await, [1, 1, 0]);
    app.send(create(&app, "bob@example.com", "other")).await.expect(201);
    app.send(create(&app, "cid@example.com", "k")).await.expect_error(429, "send-quota");
    assert_eq!((counts(&app).await, charged(&app).await), ([2, 2, 1], 2));

    app.advance(Duration::from_secs(3600));
    app.send(Call::set_state(&open, "revoked").key(&app.full)).await.expect(200);
    let fresh = app.send(create(&app, "ann@example.com", "k")).await.expect(201);
    assert_eq!((fresh.header("idempotent-replayed"), fresh.json()), (None, describe(&app, &fresh.str("id")).await));
    assert_eq!(counts(&app).await, [3, 2, 2]);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_response_is_stored_for_24_hours_to_the_millisecond() {
    let app = TestApp::start().await;
    let call = create(&app, "ann@example.com", "k");
    let first = app.send(call.clone()).await.expect(201);
    app.send(Call::set_state(&first.str("id"), "revoked").key(&app.full)).await.expect(200);

    app.advance(DAY - TICK);
    assert_eq!(app.send(call.clone()).await, replay_of(&first));
    app.advance(TICK);
    let second = app.send(call.clone()).await.expect(201);
    assert_eq!(second.header("idempotent-replayed"), None);
    assert_ne!(second.str("id"), first.str("id"));
    assert_eq!(second.json(), describe(&app, &second.str("id")).await);
    app.advance(DAY - TICK);
    assert_eq!(app.send(call).await, replay_of(&second), "the 24 hours count from the second response");
    assert_eq!((counts(&app).await, charged(&app).await), ([2, 1, 1], 2));
    let stored: HashMap<_, _> = app.rows_of(ACCOUNT, "K#").await.remove(0);
    let until = (app.now().as_millis() + 1).to_string();
    assert_eq!(stored["exp"].as_n(), Ok(&until));
    assert_eq!(stored["ttl"].as_n(), Ok(&(app.now().plus(TICK).as_secs()).to_string()));
}

#[tokio::test]
async fn a_quoted_and_an_unquoted_key_are_the_same() {
    let app = TestApp::start().await;
    for (n, (plain, quoted)) in [("abc", "\"abc\""), ("a b", "\"a b\""), ("a\\b", "\"a\\\\b\""), ("#1", " \"#1\" ")].iter().enumerate() {
        let email = format!("user-{n}@example.com");
        let first = app.send(create(&app, &email, plain)).await.expect(201);
        assert_eq!(app.send(create(&app, &email, quoted)).await, replay_of(&first), "{quoted}");
    }
    // Keys are case-sensitive.
    app.send(create(&app, "user-9@example.com", "ABC")).await.expect(201);
    assert_eq!(counts(&app).await, [5, 5, 5]);
}

#[tokio::test]
async fn a_create_is_replayed_even_if_its_expiry_is_too_near_by_now() {
    let app = TestApp::start().await;
    let body =
        json!({ "email": "ann@example.com", "roleID": "full-access", "expiry": app.now().plus(Duration::from_secs(3600)).to_string() });
    let call = Call::post("/invitations").json(&body).key(&app.full);
    let keyed = call.clone().header("idempotency-key", "k");
    let first = app.send(keyed.clone()).await.expect(201);
    app.advance(Duration::from_secs(2));
    app.send(call.clone()).await.expect_error(400, "invalid-expiry");
    assert_eq!(app.send(keyed.clone()).await, replay_of(&first));
    app.advance(Duration::from_secs(7200));
    assert_eq!(describe(&app, &first.str("id")).await["state"], "expired");
    assert_eq!(app.send(keyed.clone()).await, replay_of(&first));
    app.send(call.clone().header("idempotency-key", "new")).await.expect_error(400, "invalid-expiry");

    app.advance(DAY - Duration::from_secs(7202) - TICK);
    assert_eq!(app.send(keyed.clone()).await, replay_of(&first));
    app.advance(TICK);
    app.send(keyed).await.expect_error(400, "invalid-expiry");
    assert_eq!((counts(&app).await, charged(&app).await), ([1, 1, 1], 1));
}

#[tokio::test]
async fn a_stored_response_shows_neither_key_nor_caller() {
    let app = TestApp::start().await;
    app.send(create(&app, "ann@example.com", "canary-of-a-key")).await.expect(201);
    let by = app.full.split('_').nth(3).expect("the key has an id");
    let stored = app.rows_of(ACCOUNT, "K#").await.remove(0);
    assert!(!format!("{stored:?}").contains("canary-of-a-key"));
    assert!(!stored["sk"].as_s().expect("a string").contains(by));
}
