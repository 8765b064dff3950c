//! The account's application accepts on behalf of the user it signed in, for invitations of its account (T5, T7).

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp};

use crate::helpers::{EMAIL, LIFETIME, describe, invited, revoke, start, start_with, use_link};

async fn accept(app: &TestApp, key: &str, token: &str, principal: &str, email: &str) -> Response {
    let body = json!({ "token": token, "principal": principal, "email": email });
    app.send(Call::post("/invitations/accept").json(&body).key(key)).await
}

async fn set_binding(app: &TestApp, binding: &str) {
    let set: Value = app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "binding": binding })).await;
    assert_eq!(set["binding"], binding);
}

#[tokio::test]
async fn an_application_accepts_for_the_user_it_signed_in_and_names_that_user() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    assert_eq!(accept(&app, &app.full, &token, "user-4711", "User.One@EXAMPLE.com").await.expect(200).json()["state"], "accepted");
    let seen = describe(&app, &id).await;
    assert_eq!((&seen["state"], &seen["acceptedBy"]), (&json!("accepted"), &json!("user-4711")));
    accept(&app, &app.full, &token, "user-4711", EMAIL).await.expect(200);
    accept(&app, &app.full, &token, "user-4712", EMAIL).await.expect_error(400, "already-accepted");
}

#[tokio::test]
async fn t7_the_binding_decides_whether_the_link_alone_suffices() {
    for binding in ["bearer", "email"] {
        for (email, same) in [(EMAIL, true), ("user.two@example.com", false)] {
            let (app, mut workers) = start().await;
            set_binding(&app, binding).await;
            let (id, token) = invited(&app, &mut workers).await;
            assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["binding"], binding);
            let before = app.rows().await;
            let answer = accept(&app, &app.full, &token, "user-1", email).await;
            if same {
                answer.expect(200);
                continue;
            }
            answer.expect_error(403, "wrong-invitee");
            assert!(app.rows().await.iter().all(|row| before.contains(row)), "a mismatch changes nothing");
            if binding == "bearer" {
                use_link(&app, "accept", &token).await.expect(200);
            } else {
                for decision in ["accept", "decline"] {
                    use_link(&app, decision, &token).await.expect_error(403, "sign-in-required");
                }
                assert_eq!(describe(&app, &id).await["state"], "invited");
                accept(&app, &app.full, &token, "user-1", EMAIL).await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn a_link_that_may_not_accept_alone_still_shows_a_closed_state() {
    for (what, code) in [("revoke", "already-revoked"), ("decline", "already-declined"), ("expire", "expired")] {
        let (app, mut workers) = start().await;
        let (id, token) = invited(&app, &mut workers).await;
        match what {
            "revoke" => drop(revoke(&app, &id).await.expect(200)),
            "decline" => drop(use_link(&app, "decline", &token).await.expect(200)),
            _ => app.advance(LIFETIME),
        }
        set_binding(&app, "email").await;
        use_link(&app, "accept", &token).await.expect_error(400, code);
    }
    let (app, mut workers) = start().await;
    set_binding(&app, "email").await;
    let (_, token) = invited(&app, &mut workers).await;
    accept(&app, &app.full, &token, "user-1", EMAIL).await.expect(200);
    let before = app.rows().await;
    assert_eq!(use_link(&app, "accept", &token).await.expect(200).json()["state"], "accepted");
    accept(&app, &app.full, &token, "user-1", "user.two@example.com").await.expect_error(403, "wrong-invitee");
    assert!(app.rows().await.iter().all(|row| before.contains(row)), "accepting again writes nothing");
}

#[tokio::test]
async fn a_key_of_another_account_or_without_the_permission_accepts_nothing() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
        "read-only": { "can": ["invitations:read"], "mayGrant": [] },
        "helper": { "can": ["invitations:modify"], "mayGrant": ["read-only"] } }"#;
    let (app, mut workers) = start_with(&[("ROLES", roles)]).await;
    let (id, token) = invited(&app, &mut workers).await;
    let helper = app.new_key(ACCOUNT, "helper").await;
    accept(&app, &app.other, &token, "user-1", EMAIL).await.expect_error(404, "not-found");
    accept(&app, &app.read_only, &token, "user-1", EMAIL).await.expect_error(403, "forbidden");
    accept(&app, &helper, &token, "user-1", EMAIL).await.expect_error(403, "role-not-grantable");
    accept(&app, "ik_live_x", &token, "user-1", EMAIL).await.expect_error(401, "unauthorized");
    assert_eq!(describe(&app, &id).await["state"], "invited");
}

#[tokio::test]
async fn the_address_alone_opens_nothing() {
    let (app, mut workers) = start().await;
    let (id, _) = invited(&app, &mut workers).await;
    for token in ["", &id, &format!("i1.{ACCOUNT}.{id}."), &format!("i1.{ACCOUNT}.{id}.{}", "A".repeat(43))] {
        accept(&app, &app.full, token, "user-1", EMAIL).await.expect_error(404, "not-found");
    }
    assert_eq!(describe(&app, &id).await["state"], "invited");
}

#[tokio::test]
async fn the_principal_is_required_with_a_key_and_rejected_without_one() {
    let (app, mut workers) = start().await;
    let (_, token) = invited(&app, &mut workers).await;
    let body = json!({ "token": token, "principal": "user-1", "email": EMAIL });
    app.send(Call::post("/invitations/accept").json(&body)).await.expect_error(400, "unknown-field");
    app.send(Call::holder("accept", &token).key(&app.full)).await.expect_error(400, "missing-field");
    for principal in ["", "a\nb", "Jürgen", &"x".repeat(129)] {
        accept(&app, &app.full, &token, principal, EMAIL).await.expect_error(400, "invalid-principal");
    }
    accept(&app, &app.full, &token, "user-1", "nobody").await.expect_error(400, "invalid-email");
}
