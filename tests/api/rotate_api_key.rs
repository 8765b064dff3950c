//! `rotate` of `manage-api-keys`: a new secret for a key, while the previous one works for an overlap (T16).

use std::time::Duration;

use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, faults::Fault, logged::Lines};

use crate::helpers::{TICK, error, table, text, with};

const HOUR: Duration = Duration::from_hours(1);

fn rotate(key: &Value, fields: &Value) -> Value {
    with(&json!({ "action": "rotate", "account": ACCOUNT, "id": key["id"] }), fields.clone())
}

async fn new_key(app: &TestApp, fields: &Value) -> Value {
    app.manage_keys(&with(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access" }), fields.clone())).await
}

/// The status of a request with a key to a process that has cached nothing.
async fn status(app: &TestApp, key: &Value) -> u16 {
    app.another(&[]).send(Call::get("/invitations").key(&text(key, "key"))).await.status
}

#[tokio::test]
async fn a_rotated_key_has_a_new_secret_and_the_previous_one_works_for_a_day() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({ "name": "ci" })).await;
    let before = table(&app).await;
    let new = app.manage_keys(&rotate(&old, &json!({}))).await;
    let until = app.now().plus(24 * HOUR);
    assert_eq!(new, with(&old, json!({ "key": new["key"], "previousExpiry": until.to_string() })));
    assert_ne!(new["key"], old["key"]);

    let mut expected = before.clone();
    let row = (format!("KEYS#{ACCOUNT}"), text(&old, "id"));
    let after = table(&app).await;
    let changed = json!({ "hash": after[&row]["hash"], "previous_hash": before[&row]["hash"], "previous_exp": until.as_millis() });
    expected.insert(row.clone(), with(&before[&row], changed));
    assert_eq!(after, expected);
    assert_ne!(after[&row]["hash"], before[&row]["hash"]);
    assert!(!after[&row].to_string().contains(text(&new, "key").split('_').nth(4).expect("a secret")), "the secret is nowhere");

    assert_eq!([status(&app, &old).await, status(&app, &new).await], [200, 200]);
    app.advance(24 * HOUR - TICK);
    assert_eq!([status(&app, &old).await, status(&app, &new).await], [200, 200]);
    app.advance(TICK);
    assert_eq!([status(&app, &old).await, status(&app, &new).await], [401, 200]);
    let listed = app.manage_keys(&json!({ "action": "list", "account": ACCOUNT })).await;
    let listed = listed["keys"].as_array().expect("keys").iter().find(|key| key["id"] == old["id"]).expect("the key").clone();
    assert_eq!(listed, with(&new, json!({ "key": null })));
}

#[tokio::test]
async fn both_secrets_are_the_same_caller() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({})).await;
    let create = Call::create("user.one@example.com", "full-access").header("idempotency-key", "one");
    let created = app.send(create.clone().key(&text(&old, "key"))).await.expect(201).json();
    let new = app.manage_keys(&rotate(&old, &json!({}))).await;
    let replayed = app.another(&[]).send(create.key(&text(&new, "key"))).await.expect(201);
    assert_eq!((replayed.header("idempotent-replayed"), replayed.json()), (Some("true"), created));
}

#[tokio::test]
async fn without_an_overlap_a_leaked_secret_ends_at_once() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({})).await;
    let new = app.manage_keys(&rotate(&old, &json!({ "overlapSeconds": 0 }))).await;
    assert_eq!([status(&app, &old).await, status(&app, &new).await], [401, 200]);
}

#[tokio::test]
async fn a_second_rotation_must_wait_for_the_end_of_the_overlap_or_end_all_secrets() {
    let app = TestApp::start().await;
    let first = new_key(&app, &json!({})).await;
    let second = app.manage_keys(&rotate(&first, &json!({ "overlapSeconds": 3600 }))).await;
    let before = table(&app).await;
    let refused = app.manage_keys(&rotate(&first, &json!({}))).await;
    let until = text(&second, "previousExpiry");
    let message = format!("overlapSeconds: must be 0 until {until}: the previous secret works until then, and this rotation would end it");
    assert_eq!(refused, with(&error("invalid-field", Some("overlapSeconds"), &message), json!({ "requestId": "invocation-1" })));
    assert_eq!(table(&app).await, before);
    assert_eq!([status(&app, &first).await, status(&app, &second).await], [200, 200]);

    let third = app.manage_keys(&rotate(&first, &json!({ "overlapSeconds": 0 }))).await;
    assert_eq!([status(&app, &first).await, status(&app, &second).await, status(&app, &third).await], [401, 401, 200]);
    let fourth = app.manage_keys(&rotate(&first, &json!({ "overlapSeconds": 3600 }))).await;
    app.advance(HOUR);
    let fifth = app.manage_keys(&rotate(&first, &json!({}))).await;
    assert_eq!([status(&app, &third).await, status(&app, &fourth).await, status(&app, &fifth).await], [401, 200, 200]);
}

#[tokio::test]
async fn a_warm_function_accepts_the_new_secret_after_at_most_5_seconds_and_a_revoked_one_for_at_most_30() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({})).await;
    let [call_old, call_new] = {
        app.send(Call::get("/invitations").key(&text(&old, "key"))).await.expect(200);
        let new = app.manage_keys(&rotate(&old, &json!({ "overlapSeconds": 0 }))).await;
        [old, new].map(|key| Call::get("/invitations").key(&text(&key, "key")))
    };
    let _ = app.faults.take_operations();
    app.advance(Duration::from_secs(5) - TICK);
    for _ in 0..3 {
        app.send(call_new.clone()).await.expect_error(401, "unauthorized");
        app.send(call_old.clone()).await.expect(200);
    }
    let reads = app.faults.take_operations().into_iter().filter(|operation| operation == "GetItem").count();
    assert_eq!(reads, 0, "a secret that is not cached costs no read within 5 seconds");
    app.advance(TICK);
    app.send(call_new.clone()).await.expect(200);
    app.send(call_old).await.expect_error(401, "unauthorized");
    app.send(call_new).await.expect(200);
}

#[tokio::test]
async fn a_lost_reply_still_returns_the_new_secret() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({})).await;
    app.faults.next([Fault::ReplyLost]);
    let new = app.manage_keys(&rotate(&old, &json!({}))).await;
    assert_eq!(app.faults.left(), 0);
    assert_eq!([status(&app, &old).await, status(&app, &new).await], [200, 200]);
}

#[tokio::test]
async fn of_rotations_at_the_same_time_one_succeeds_and_the_secret_in_use_works_on() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({})).await;
    let event = rotate(&old, &json!({}));
    let both = tokio::join!(app.manage_keys(&event), app.manage_keys(&event));
    let new: Vec<_> = [both.0, both.1].into_iter().filter(|response| response["key"].is_string()).collect();
    assert_eq!(new.len(), 1, "{new:?}");
    assert_eq!([status(&app, &new[0]).await, status(&app, &old).await], [200, 200]);
}

#[tokio::test]
async fn a_disabled_expired_or_unknown_key_is_not_rotated() {
    let app = TestApp::start().await;
    let expiry = app.now().floor_to_second().plus(HOUR);
    let expired = new_key(&app, &json!({ "expiry": expiry.to_string() })).await;
    let disabled = new_key(&app, &json!({})).await;
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": disabled["id"] })).await;
    app.advance(HOUR);
    let before = table(&app).await;
    let refusal = |code, field, message: &str| with(&error(code, field, message), json!({ "requestId": "invocation-1" }));
    for (event, expected) in [
        (rotate(&expired, &json!({})), refusal("invalid-field", Some("id"), "id: the key has expired; create a new one")),
        (rotate(&disabled, &json!({})), refusal("invalid-field", Some("id"), "id: the key is disabled; create a new one")),
        (
            rotate(&disabled, &json!({ "account": OTHER_ACCOUNT })),
            refusal("not-found", None, "The resource you were looking for doesn't exist."),
        ),
    ] {
        assert_eq!(app.manage_keys(&event).await, expected, "{event}");
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_expiring_key_expires_with_both_secrets() {
    let app = TestApp::start().await;
    let expiry = app.now().floor_to_second().plus(HOUR);
    let old = new_key(&app, &json!({ "expiry": expiry.to_string() })).await;
    let new = app.manage_keys(&rotate(&old, &json!({}))).await;
    app.advance(HOUR);
    assert_eq!([status(&app, &old).await, status(&app, &new).await], [401, 401]);
}

#[tokio::test]
async fn only_a_request_with_the_previous_secret_logs_that_it_is_still_used() {
    let app = TestApp::start().await;
    let old = new_key(&app, &json!({})).await;
    let new = app.manage_keys(&rotate(&old, &json!({}))).await;
    let (lines, _guard) = Lines::as_deployed();
    status(&app, &new).await;
    assert!(!lines.take().contains("previous secret used"));
    status(&app, &old).await;
    let logged = lines.take();
    let line: Value = logged.lines().map(|line| serde_json::from_str(line).expect("JSON")).next().expect("a line");
    assert_eq!((&line["message"], &line["account"], &line["id"]), (&json!("previous secret used"), &json!(ACCOUNT), &old["id"]));
}
