//! `Idempotency-Key`: one effect, one response.

use std::time::Duration;

use serde_json::json;
use support::{ACCOUNT, Call, Response, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, TICK, assert_error, assert_response, charged, resend, table, text};

const REUSED: &str = "this Idempotency-Key was used with another request in the last 24 hours; use a new key for a new request";
const DAY: Duration = Duration::from_secs(86_400);

fn create(app: &TestApp, key: &str) -> Call {
    Call::create("user.one@example.com", "full-access").key(&app.full).header("idempotency-key", key)
}

/// Asserts that `again` is `first`, byte for byte, and marked as a replay.
#[track_caller]
fn replays(again: &Response, first: &Response) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    let mut headers = first.headers.clone();
    headers.insert("idempotent-replayed".to_owned(), "true".to_owned());
    assert_eq!(again.headers, headers);
}

#[tokio::test]
async fn a_repeated_create_returns_the_first_response_byte_for_byte() {
    let app = TestApp::start().await;
    let first = app.send(create(&app, "key")).await.expect(201);
    let id = first.str("id");
    assert_response(&first, 201, &first.json(), &[("location", &format!("/invitations/{id}"))]);
    let before = table(&app).await;
    let kept = before.iter().find(|((_, sk), _)| sk.starts_with("K#")).map(|(_, row)| row.clone()).expect("a stored response");
    let until = app.now().plus(DAY);
    let expected = json!({
        "pk": format!("A#{ACCOUNT}"), "sk": kept["sk"], "fp": kept["fp"], "status": 201, "body": first.text, "inv": id,
        "exp": until.as_millis(), "ttl": until.as_secs(), "op": kept["op"],
    });
    assert_eq!(kept, expected);
    assert_eq!(
        (text(&kept, "sk").len(), text(&kept, "fp").len(), text(&kept, "op").len()),
        (66, 64, 12),
        "two hashes and the id of the operation"
    );
    for _ in 0..3 {
        app.advance(Duration::from_secs(3600));
        replays(&app.send(create(&app, "key")).await, &first);
    }
    assert_eq!(table(&app).await, before);
    assert_eq!(charged(&app).await, 1);
}

#[tokio::test]
async fn a_create_is_replayed_even_if_the_invitation_has_changed_since() {
    let app = TestApp::start().await;
    let first = app.send(create(&app, "key")).await.expect(201);
    app.send(Call::set_state(&first.str("id"), "revoked").key(&app.full)).await.expect(200);
    replays(&app.send(create(&app, "key")).await, &first);
    let second = app.invite("user.one@example.com").await;
    assert_ne!(text(&second, "id"), first.str("id"));
    replays(&app.send(create(&app, "key")).await, &first);
}

#[tokio::test]
async fn a_response_is_stored_for_24_hours_to_the_millisecond() {
    let app = TestApp::start().await;
    let first = app.send(create(&app, "key")).await.expect(201);
    app.advance(DAY - TICK);
    replays(&app.send(create(&app, "key")).await, &first);
    app.advance(TICK);
    // The invitation is still open, so this is now an ordinary conflict.
    app.send(create(&app, "key")).await.expect_error(400, "already-invited");
    app.advance(LIFETIME);
    let second = app.send(create(&app, "key")).await.expect(201);
    assert_ne!(second.str("id"), first.str("id"));
    replays(&app.send(create(&app, "key")).await, &second);
}

#[tokio::test]
async fn the_same_key_with_another_request_is_rejected_and_changes_nothing() {
    let app = TestApp::start().await;
    app.send(create(&app, "key")).await.expect(201);
    let before = table(&app).await;
    let expiry = app.now().plus(DAY).to_string();
    for body in [
        json!({ "email": "user.two@example.com", "roleID": "full-access" }),
        json!({ "email": "user.one@example.com", "roleID": "read-only" }),
        json!({ "email": "user.one@example.com", "roleID": "full-access", "expiry": expiry }),
    ] {
        let call = Call::post("/invitations").json(&body).key(&app.full).header("idempotency-key", "key");
        assert_error(&app.send(call).await, 400, "idempotency-key-reused", None, REUSED);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn other_spellings_of_the_same_request_are_replayed() {
    let app = TestApp::start().await;
    let first = app.send(create(&app, "key")).await.expect(201);
    let spellings = [
        create(&app, "\"key\""),
        create(&app, " key\t"),
        Call::post("/invitations")
            .key(&app.full)
            .header("Idempotency-KEY", "key")
            .text("\n{ \"roleID\" : \"full-access\",\n \"email\":\"user\\u002eone@example.com\" } "),
        Call::post("/invitations")
            .key(&app.full)
            .header("idempotency-key", "key")
            .bytes(br#"{"email":"user.one@example.com","roleID":"full-access"}"#),
    ];
    for call in spellings {
        replays(&app.send(call).await, &first);
    }
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_its_route() {
    let app = TestApp::start().await;
    let first = app.send(create(&app, "key")).await.expect(201);
    // T22: another account and another key of the same account get their own responses.
    let theirs = app.send(create(&app, "key").key(&app.other)).await.expect(201);
    assert_eq!((theirs.header("idempotent-replayed"), theirs.str("id") == first.str("id")), (None, false));
    let colleague = app.new_key(ACCOUNT, "full-access").await;
    app.send(create(&app, "key").key(&colleague)).await.expect_error(400, "already-invited");
    // The other route.
    app.advance(COOLDOWN);
    let sent = app.send(resend(&first.str("id")).key(&app.full).header("idempotency-key", "key")).await.expect(200);
    assert_eq!(sent.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn errors_are_not_stored() {
    let app = TestApp::start().await;
    let open = app.invite("user.one@example.com").await;
    let before = table(&app).await;
    app.send(create(&app, "key")).await.expect_error(400, "already-invited");
    let wrong = Call::create("nobody", "full-access").key(&app.full).header("idempotency-key", "key");
    app.send(wrong).await.expect_error(400, "invalid-email");
    assert_eq!(table(&app).await, before);
    app.send(Call::set_state(&text(&open, "id"), "revoked").key(&app.full)).await.expect(200);
    let created = app.send(create(&app, "key")).await.expect(201);
    assert_eq!(created.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn a_repeated_resend_with_a_key_sends_once() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let call = resend(&id).key(&app.full).header("idempotency-key", "key");
    let first = app.send(call.clone()).await.expect(200);
    let before = table(&app).await;
    // Within the cooldown, after it, and after the expiry.
    for wait in [Duration::ZERO, COOLDOWN, Duration::from_secs(3600)] {
        app.advance(wait);
        replays(&app.send(call.clone()).await, &first);
    }
    assert_eq!(table(&app).await, before);
    assert_eq!(charged(&app).await, 2);
    // Even when it is closed. The same key with another action is refused.
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    replays(&app.send(call).await, &first);
    let other = Call::set_state(&id, "revoked").key(&app.full).header("idempotency-key", "key");
    assert_error(&app.send(other).await, 400, "idempotency-key-reused", None, REUSED);
}

#[tokio::test]
async fn revocations_and_requests_without_a_change_are_replayed_too() {
    let app = TestApp::start().await;
    let created = app.invite("user.one@example.com").await;
    let id = text(&created, "id");
    let nothing = Call::set_state(&id, "invited").key(&app.full).header("idempotency-key", "nothing");
    let revoke = Call::set_state(&id, "revoked").key(&app.full).header("idempotency-key", "revoke");
    let unchanged = app.send(nothing.clone()).await;
    assert_response(&unchanged, 200, &created, &[]);
    let revoked = app.send(revoke.clone()).await.expect(200);
    assert_eq!(revoked.str("state"), "revoked");
    let before = table(&app).await;
    app.advance(Duration::from_secs(5));
    replays(&app.send(nothing).await, &unchanged);
    replays(&app.send(revoke).await, &revoked);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_key_has_1_to_255_printable_ascii_characters() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let (form, one, closing, escapes) = (
        "a key must have 1 to 255 printable ASCII characters",
        "send one key, in double quotes if it contains a comma",
        "send one key; a quoted key must end with its closing quote",
        "a quoted key may contain only the escapes \\\" and \\\\",
    );
    let long = "k".repeat(256);
    for (wrong, message) in [
        ("", form),
        ("  ", form),
        ("\"\"", form),
        (&*long, form),
        ("kéy", form),
        ("k\u{7f}y", form),
        ("k\ny", form),
        ("one, two", one),
        ("ke\"y", one),
        ("\"one\", \"two\"", closing),
        ("\"key", closing),
        ("\"", closing),
        ("\"key\" more", closing),
        ("\"k\\ey\"", escapes),
    ] {
        let response = app.send(create(&app, wrong)).await;
        assert_error(&response, 400, "invalid-idempotency-key", Some("Idempotency-Key"), &format!("Idempotency-Key: {message}"));
    }
    // Two header lines that a gateway did not join.
    let twice = create(&app, "one").header("Idempotency-Key", "two");
    app.send(twice).await.expect_error(400, "invalid-idempotency-key");
    assert_eq!(table(&app).await, before);

    let mut kept = 0;
    for right in ["k", &"k".repeat(255), "a b", "\"one, two\"", "\"q\\\"\\\\\"", "!#$%&'()*+-./:;<=>?@[\\]^_`{|}~"] {
        let created = app.send(create(&app, right)).await.expect(201);
        app.send(Call::set_state(&created.str("id"), "revoked").key(&app.full)).await.expect(200);
        replays(&app.send(create(&app, right)).await, &created);
        kept += 1;
    }
    assert_eq!(app.rows_of(ACCOUNT, "K#").await.len(), kept);
}
