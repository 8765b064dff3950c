//! Roles are configuration: what each may do, and which roles it may grant (T14).

use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

use crate::helpers::{COOLDOWN, LIFETIME, assert_error, resend, table, text};

const ROLES: &str = r#"{
  "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
  "read-only": { "can": ["invitations:read"], "mayGrant": [] },
  "reader": { "can": ["invitations:read"], "mayGrant": ["*"] },
  "creator": { "can": ["invitations:create"], "mayGrant": ["*"] },
  "modifier": { "can": ["invitations:modify"], "mayGrant": ["*"] },
  "inviter": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["read-only", "guest"] },
  "powerless": { "can": [], "mayGrant": ["*"] }
}"#;

fn forbidden(permission: &str, role: &str) -> String {
    format!(
        "You tried to do something that you're not allowed to do. It requires the permission invitations:{permission}, which the role \
         '{role}' does not have."
    )
}

fn not_grantable(own: &str, role: &str) -> String {
    format!("the role '{own}' may not grant the role '{role}'")
}

/// One request for each operation of the API, with its permission and its status when permitted.
fn everything(id: &str) -> [(Call, &'static str, u16); 7] {
    let path = format!("/invitations/{id}");
    [
        (Call::get("/invitations"), "read", 200),
        (Call::get(&path), "read", 200),
        (Call::create("new@example.com", "guest"), "create", 201),
        (Call::bulk(&[json!({ "email": "other@example.com", "roleID": "guest" })]), "create", 200),
        (Call::set_state(id, "invited"), "modify", 200),
        (Call::post(&path), "modify", 200),
        (Call::set_state(id, "revoked"), "modify", 200),
    ]
}

#[tokio::test]
async fn each_permission_opens_its_routes_and_no_other() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    for (role, permission) in [("reader", "read"), ("creator", "create"), ("modifier", "modify"), ("powerless", "nothing")] {
        let id = text(&app.invite(&format!("{role}@example.com")).await, "id");
        app.advance(COOLDOWN);
        let key = app.new_key(ACCOUNT, role).await;
        let before = table(&app).await;
        for (call, takes, _) in everything(&id).into_iter().filter(|(_, takes, _)| *takes != permission) {
            assert_error(&app.send(call.key(&key)).await, 403, "forbidden", None, &forbidden(takes, role));
        }
        assert_eq!(table(&app).await, before);
        for (call, _, status) in everything(&id).into_iter().filter(|(_, takes, _)| *takes == permission) {
            app.send(call.key(&key)).await.expect(status);
        }
    }
}

#[tokio::test]
async fn a_key_whose_role_is_no_longer_configured_can_do_nothing() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let key = app.new_key(ACCOUNT, "inviter").await;
    let smaller = r#"{ "full-access": { "can": ["invitations:read"], "mayGrant": ["*"] } }"#;
    let reconfigured = app.another(&[("ROLES", smaller)]);
    let before = table(&app).await;
    for (call, takes, _) in everything(&id) {
        assert_error(&reconfigured.send(call.key(&key)).await, 403, "forbidden", None, &forbidden(takes, "inviter"));
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_role_can_only_invite_to_roles_that_it_may_grant() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let key = app.new_key(ACCOUNT, "inviter").await;
    let before = table(&app).await;
    // Its own role is no exception, nor is an unknown one.
    for role in ["full-access", "inviter", "unheard-of", "guest-2", "read"] {
        let response = app.send(Call::create("user.one@example.com", role).key(&key)).await;
        assert_error(&response, 403, "role-not-grantable", Some("roleID"), &not_grantable("inviter", role));
    }
    assert_eq!(table(&app).await, before);
    for role in ["read-only", "guest"] {
        app.send(Call::create(&format!("{role}@example.com"), role).key(&key)).await.expect(201);
    }
}

#[tokio::test]
async fn a_caller_who_may_not_grant_the_role_can_revoke_but_not_resend() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let key = app.new_key(ACCOUNT, "inviter").await;
    let created = app.invite("user.one@example.com").await;
    let id = text(&created, "id");
    let message = not_grantable("inviter", "full-access");
    let before = table(&app).await;
    // Within the cooldown and after it.
    for _ in 0..2 {
        assert_error(&app.send(resend(&id).key(&key)).await, 403, "role-not-grantable", Some("roleID"), &message);
        app.advance(COOLDOWN);
    }
    // It is open already: nothing is granted.
    crate::helpers::assert_response(&app.send(Call::set_state(&id, "invited").key(&key)).await, 200, &created, &[]);
    app.advance(LIFETIME);
    for call in [resend(&id), Call::set_state(&id, "invited")] {
        assert_error(&app.send(call.key(&key)).await, 403, "role-not-grantable", Some("roleID"), &message);
    }
    assert_eq!(table(&app).await, before);
    let revoked = app.send(Call::set_state(&id, "revoked").key(&key)).await.expect(200);
    assert_eq!(revoked.str("state"), "revoked");
}

#[tokio::test]
async fn a_caller_who_can_no_longer_grant_the_role_gets_no_stored_response() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let key = app.new_key(ACCOUNT, "inviter").await;
    let call = Call::create("user.one@example.com", "guest").key(&key).header("idempotency-key", "k");
    app.send(call.clone()).await.expect(201);
    let demoted = app.another(&[("ROLES", &ROLES.replace(r#""read-only", "guest""#, r#""read-only""#))]);
    let before = table(&app).await;
    let response = demoted.send(call).await;
    assert_error(&response, 403, "role-not-grantable", Some("roleID"), &not_grantable("inviter", "guest"));
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn read_only_never_causes_a_write() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    for (call, takes, status) in everything(&id) {
        let response = app.send(call.header("idempotency-key", "k").key(&app.read_only)).await;
        match takes {
            "read" => drop(response.expect(status)),
            _ => assert_error(&response, 403, "forbidden", None, &forbidden(takes, "read-only")),
        }
    }
    // The permission is checked before the body.
    let invalid = Call::post("/invitations").json(&json!(["?"])).key(&app.read_only);
    assert_error(&app.send(invalid).await, 403, "forbidden", None, &forbidden("create", "read-only"));
    assert_eq!(table(&app).await, before);
}
