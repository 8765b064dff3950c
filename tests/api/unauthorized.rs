//! Authentication, and access to another account (T5, T16). Invalid credentials are in `verification/tests/hostile_credentials.rs`.

use std::time::Duration;

use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, NOT_FOUND, TICK, assert_error, assert_response, resend, table, text};

const ABSENT: &str = "Unauthorized: send the header 'Authorization: ApiKey <key>'";
const UNKNOWN: &str = "Unauthorized: the API key is unknown, disabled or expired";

/// One request for each operation of the API.
fn everything(id: &str) -> [Call; 9] {
    let path = format!("/invitations/{id}");
    [
        Call::get("/invitations"),
        Call::get("/invitations/mine"),
        Call::get("/invitations/caller"),
        Call::get(&path),
        Call::create("new@example.com", "full-access"),
        Call::bulk(&[json!({ "email": "new@example.com", "roleID": "full-access" })]),
        resend(id),
        Call::set_state(id, "invited"),
        Call::set_state(id, "revoked"),
    ]
}

/// An app with an invitation that can be resent.
async fn app_with_an_invitation() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    (app, id)
}

#[tokio::test]
async fn without_a_credential_every_route_says_which_one_to_send() {
    let (app, id) = app_with_an_invitation().await;
    let before = table(&app).await;
    let _ = app.faults.take_operations();
    for call in everything(&id) {
        assert_error(&app.send(call.header("idempotency-key", "k")).await, 401, "unauthorized", None, ABSENT);
    }
    assert!(app.faults.take_operations().is_empty());
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn the_scheme_is_case_insensitive_and_spaces_around_the_key_are_ignored() {
    let (app, _) = app_with_an_invitation().await;
    for header in [format!("apikey {}", app.full), format!("APIKEY  {} ", app.full), format!(" ApiKey {}", app.full)] {
        app.send(Call::get("/invitations").header("authorization", &header)).await.expect(200);
    }
    app.send(Call::get("/invitations").header("AUTHORIZATION", &format!("ApiKey {}", app.full))).await.expect(200);
}

#[tokio::test]
async fn a_key_expires_to_the_millisecond_even_in_a_warm_function() {
    let (app, _) = app_with_an_invitation().await;
    let expiry = app.now().floor_to_second().plus(Duration::from_secs(20));
    let event = json!({ "action": "create", "account": ACCOUNT, "role": "read-only", "expiry": expiry.to_string() });
    let key = text(&app.manage_keys(&event).await, "key");
    let call = Call::get("/invitations").key(&key);
    app.send(call.clone()).await.expect(200);
    app.advance(expiry.since(app.now()) - TICK);
    app.send(call.clone()).await.expect(200);
    app.advance(TICK);
    assert_error(&app.send(call).await, 401, "unauthorized", None, UNKNOWN);
}

#[tokio::test]
async fn another_accounts_key_finds_nothing_and_changes_nothing() {
    let (app, id) = app_with_an_invitation().await;
    let before = table(&app).await;
    for call in everything(&id).into_iter().filter(|call| call.id().is_some()) {
        assert_error(&app.send(call.key(&app.other)).await, 404, "not-found", None, NOT_FOUND);
    }
    assert_response(&app.send(Call::get("/invitations").key(&app.other)).await, 200, &json!({ "invitations": [] }), &[]);
    assert_eq!(table(&app).await, before);

    // Its own invitations are out of reach of the first account.
    let theirs = app.send(Call::create("user.one@example.com", "full-access").key(&app.other)).await.expect(201).str("id");
    app.send(Call::get(&format!("/invitations/{theirs}")).key(&app.full)).await.expect(404);
    let mine = app.send(Call::get("/invitations").key(&app.full)).await.expect(200).json();
    assert_eq!(mine["invitations"].as_array().map(Vec::len), Some(1));
    app.advance(LIFETIME);
    app.send(Call::set_state(&theirs, "revoked").key(&app.full)).await.expect(404);
}

#[tokio::test]
async fn an_account_named_in_a_request_is_rejected_or_ignored() {
    let (app, id) = app_with_an_invitation().await;
    let call = Call::get(&format!("/invitations/{id}?account={ACCOUNT}")).key(&app.other);
    app.send(call).await.expect_error(400, "unknown-parameter");
    let body = json!({ "email": "new@example.com", "roleID": "full-access", "account": ACCOUNT });
    app.send(Call::post("/invitations").json(&body).key(&app.other)).await.expect_error(400, "unknown-field");
    for header in ["x-account-id", "account", "x-amzn-oidc-identity"] {
        app.send(Call::get(&format!("/invitations/{id}")).header(header, ACCOUNT).key(&app.other)).await.expect(404);
    }
}
