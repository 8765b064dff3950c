//! `If-Match`: a change is made only if the invitation still has the tag.

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp, Workers};

use crate::{
    conditional_requests::{EMAIL, current, invited, revoke, tag},
    helpers::{
        CLOSED, COOLDOWN, NOT_FOUND, advance_to_expiry, assert_error, assert_response, assert_retry_after, charged, resend, table, text,
    },
};

const CHANGED: &str = "the invitation has changed: its entity tag is not among those of If-Match, where weak tags never match; describe it \
                       and decide again";

#[tokio::test]
async fn a_change_succeeds_with_the_current_tag() {
    let app = TestApp::start().await;
    for (n, state) in [None, Some("invited"), Some("revoked")].into_iter().enumerate() {
        let email = format!("user-{n}@example.com");
        let id = text(&app.invite(&email).await, "id");
        let call = || state.map_or_else(|| resend(&id), |state| Call::set_state(&id, state)).key(&app.full);
        for list in ["{}", "\"x\" , {}", "*", "W/\"x\",{},"] {
            app.advance(COOLDOWN);
            let tag = current(&app, &id).await;
            app.send(call().header("if-match", &list.replace("{}", &tag))).await.expect(200);
        }
        app.advance(COOLDOWN);
        let lines = call().header("if-match", "\"x\"").header("If-Match", &current(&app, &id).await);
        app.send(lines).await.expect(200);
    }
}

#[tokio::test]
async fn a_change_with_another_tag_is_a_412_that_writes_and_sends_nothing() {
    let app = TestApp::start().await;
    let (id, first) = invited(&app).await;
    app.advance(COOLDOWN);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    app.advance(COOLDOWN);
    let (before, now) = (table(&app).await, current(&app, &id).await);
    for tags in [&*first, &format!("{first}, \"x\""), "\"*\"", &format!("W/{now}"), &format!("W/{now}, {first}")] {
        for call in [resend(&id), Call::set_state(&id, "revoked"), Call::post(&format!("/invitations/{id}?force=true"))] {
            assert_error(&app.send(call.key(&app.full).header("if-match", tags)).await, 412, "changed", None, CHANGED);
        }
    }
    assert_eq!(table(&app).await, before);
    app.send(resend(&id).key(&app.full).header("if-match", &now)).await.expect(200);
}

#[tokio::test]
async fn an_invitation_that_has_expired_no_longer_has_the_tag() {
    let app = TestApp::start().await;
    let (id, tag) = invited(&app).await;
    advance_to_expiry(&app, &id).await;
    let before = table(&app).await;
    for call in [resend(&id), Call::set_state(&id, "invited"), Call::set_state(&id, "revoked")] {
        assert_error(&app.send(call.key(&app.full).header("if-match", &tag)).await, 412, "changed", None, CHANGED);
    }
    assert_eq!(table(&app).await, before);
    let expired = current(&app, &id).await;
    let sent = app.send(Call::set_state(&id, "invited").key(&app.full).header("if-match", &expired)).await.expect(200);
    assert_eq!(sent.str("lastSent"), app.now().to_string());
}

#[tokio::test]
async fn credentials_permissions_and_validation_come_before_a_412() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
        "read-only": { "can": ["invitations:read"], "mayGrant": [] }, "helper": { "can": ["invitations:modify"], "mayGrant": [] } }"#;
    let app = TestApp::with(&[("ROLES", roles)]).await;
    let (id, _) = invited(&app).await;
    app.advance(COOLDOWN);
    let stale = |call: Call| call.header("if-match", "\"x\"");
    app.send(stale(resend(&id))).await.expect_error(401, "unauthorized");
    app.send(stale(resend(&id)).key(&app.read_only)).await.expect_error(403, "forbidden");
    app.send(stale(resend(&id)).json(&json!({})).key(&app.full)).await.expect_error(400, "missing-field");
    app.send(stale(resend(&id)).header("idempotency-key", "").key(&app.full)).await.expect_error(400, "invalid-idempotency-key");
    for tags in ["\"x\"", "*"] {
        for unknown in [resend(&"0".repeat(32)).key(&app.full), resend(&id).key(&app.other)] {
            assert_error(&app.send(unknown.header("if-match", tags)).await, 404, "not-found", None, NOT_FOUND);
        }
    }
    let helper = app.new_key(ACCOUNT, "helper").await;
    app.send(stale(resend(&id)).key(&helper)).await.expect_error(403, "role-not-grantable");
}

/// They all depend on a state that the caller has not seen.
#[tokio::test]
async fn a_412_comes_before_the_errors_of_the_invitations_state() {
    let app = TestApp::with(&[("MAX_SENDS", "2"), ("SEND_QUOTA", "4")]).await;
    app.advance_to_window();
    let mut workers = Workers::of(&app).await;
    let both = async |id: &str, call: Call, status, code: &str| {
        let tag = current(&app, id).await;
        assert_error(&app.send(call.clone().key(&app.full).header("if-match", "\"x\"")).await, 412, "changed", None, CHANGED);
        app.send(call.key(&app.full).header("if-match", &tag)).await.expect_error(status, code);
    };
    let id = text(&app.invite("bounce@example.com").await, "id");
    both(&id, resend(&id), 429, "resend-cooldown").await;
    workers.deliver().await;
    workers.report(&workers.last_email("bounce@example.com")).await;
    app.advance(COOLDOWN);
    both(&id, resend(&id), 400, "email-refused").await;
    app.send(Call::post(&format!("/invitations/{id}?force=true")).key(&app.full)).await.expect(200);
    app.advance(COOLDOWN);
    both(&id, resend(&id), 400, "max-sends").await;
    let (id, _) = invited(&app).await;
    app.advance(COOLDOWN);
    app.invite("user.two@example.com").await;
    both(&id, resend(&id), 429, "send-quota").await;
    for state in ["accepted", "declined"] {
        app.close_as_invitee(&id, state).await;
        both(&id, resend(&id), 400, &format!("already-{state}")).await;
        both(&id, Call::set_state(&id, "revoked"), 400, &format!("already-{state}")).await;
    }
    assert_eq!(charged(&app).await, 4);
}

/// Otherwise the wait that a 429 announces would not be enough.
#[tokio::test]
async fn after_a_429_the_same_request_succeeds_with_the_same_tag() {
    let app = TestApp::start().await;
    let (id, tag) = invited(&app).await;
    let call = resend(&id).key(&app.full).header("if-match", &tag);
    let message = "the invitation was sent too recently; it can be sent again in 60 s";
    assert_retry_after(&app.send(call.clone()).await, 429, "resend-cooldown", 60, message);
    app.advance(COOLDOWN);
    app.send(call).await.expect(200);
}

#[tokio::test]
async fn a_request_that_changes_nothing_succeeds_with_any_tag() {
    let app = TestApp::start().await;
    let created = app.invite(EMAIL).await;
    let id = text(&created, "id");
    let before = table(&app).await;
    let still = |state: &str| Call::set_state(&id, state).key(&app.full).header("if-match", "\"x\", W/\"y\"");
    assert_response(&app.send(still("invited")).await, 200, &created, &[]);
    assert_eq!(table(&app).await, before);
    let revoked: Value = app.send(revoke(&app, &id)).await.expect(200).json();
    let before = table(&app).await;
    assert_response(&app.send(still("revoked")).await, 200, &revoked, &[]);
    assert_eq!(table(&app).await, before);
    assert_error(
        &app.send(Call::set_state(&id, "invited").key(&app.full).header("if-match", "*")).await,
        400,
        "already-revoked",
        None,
        &format!("the invitation is already revoked; {CLOSED}"),
    );
}

#[tokio::test]
async fn a_replay_needs_no_tag_and_has_the_tag_of_the_first_response() {
    let app = TestApp::start().await;
    let create = Call::create(EMAIL, "full-access").key(&app.full).header("idempotency-key", "create");
    let created = app.send(create.clone()).await.expect(201);
    let id = created.str("id");
    app.advance(COOLDOWN);
    let keyed = resend(&id).key(&app.full).header("idempotency-key", "resend");
    let sent = app.send(keyed.clone().header("if-match", &tag(&created))).await.expect(200);
    app.send(revoke(&app, &id).header("if-match", &tag(&sent))).await.expect(200);
    let before = table(&app).await;
    let replay = |first: &Response| {
        let mut replay = first.clone();
        replay.headers.insert("idempotent-replayed".to_owned(), "true".to_owned());
        replay
    };
    assert_eq!(app.send(create).await, replay(&created));
    // The same request, whose tag no longer matches; and the key with other tags, or none.
    for tags in [&*tag(&created), &tag(&sent), "\"x\"", "*"] {
        assert_eq!(app.send(keyed.clone().header("if-match", tags)).await, replay(&sent));
    }
    assert_eq!(app.send(keyed).await, replay(&sent));
    // Another request with this key is one, whatever its tag.
    let other = revoke(&app, &id).header("idempotency-key", "resend").header("if-match", "\"x\"");
    app.send(other.clone()).await.expect_error(400, "idempotency-key-reused");
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_412_is_not_stored() {
    let app = TestApp::start().await;
    let (id, tag) = invited(&app).await;
    app.advance(COOLDOWN);
    let before = table(&app).await;
    let keyed = |tags: &str| resend(&id).key(&app.full).header("idempotency-key", "key").header("if-match", tags);
    assert_error(&app.send(keyed("\"x\"")).await, 412, "changed", None, CHANGED);
    assert_eq!(table(&app).await, before);
    let sent = app.send(keyed(&tag)).await.expect(200);
    assert_eq!(sent.header("idempotent-replayed"), None);
}

/// Otherwise a stale tag would reveal the response.
#[tokio::test]
async fn a_caller_who_may_no_longer_grant_the_role_gets_no_replay() {
    let app = TestApp::start().await;
    let (id, tag) = invited(&app).await;
    app.advance(COOLDOWN);
    let keyed = resend(&id).key(&app.full).header("idempotency-key", "key").header("if-match", &tag);
    app.send(keyed.clone()).await.expect(200);
    let demoted = app.another(&[("ROLES", r#"{ "full-access": { "can": ["invitations:modify"], "mayGrant": [] } }"#)]);
    demoted.send(keyed).await.expect_error(403, "role-not-grantable");
}
