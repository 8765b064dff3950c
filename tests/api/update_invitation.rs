//! `POST /invitations/{id}` with a role or an expiry: an open invitation changes, its link stays.

use serde_json::{Value, json};
use support::{ACCOUNT, Call, TestApp, Workers};

use crate::helpers::{
    advance_to_expiry, assert_error, assert_response, charged, describe, invitation_row, number, resend, row, table, text, with,
};

const EMAIL: &str = "user.one@example.com";
const DAY: i64 = 86_400_000;

fn update(id: &str, body: &Value) -> Call {
    Call::post(&format!("/invitations/{id}")).json(body)
}

/// The time so many milliseconds from now, as callers see it.
fn in_millis(app: &TestApp, millis: i64) -> String {
    shared::domain::Timestamp::from_millis(app.now().as_millis() + millis).expect("in range").to_string()
}

#[tokio::test]
async fn an_update_returns_the_whole_invitation_and_charges_nothing() {
    let app = TestApp::start().await;
    let before = app.invite(EMAIL).await;
    let id = text(&before, "id");
    app.advance(std::time::Duration::from_secs(5));
    let now = app.now().to_string();
    let response = app.send(update(&id, &json!({ "roleID": "read-only" })).key(&app.full)).await;
    let expected = with(&before, json!({ "roleID": "read-only", "lastModified": now }));
    assert_eq!((response.status, response.json()), (200, expected.clone()));
    assert_eq!(describe(&app, &id).await, expected);
    let tag = response.header("etag").expect("a tag").to_owned();
    assert_eq!(app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.header("etag"), Some(tag.as_str()));

    let expiry = in_millis(&app, 3 * DAY);
    let response = app.send(update(&id, &json!({ "roleID": "full-access", "expiry": expiry })).key(&app.full)).await;
    assert_eq!((response.status, response.json()), (200, with(&before, json!({ "expiry": expiry, "lastModified": now }))));
    let lock = row(&app, &format!("P#{EMAIL}")).await.expect("it is open");
    let stored = invitation_row(&app, &id).await;
    assert_eq!((number(&lock, "exp"), number(&lock, "ttl")), (number(&stored, "exp"), number(&stored, "exp") / 1000));
    assert_eq!((charged(&app).await, number(&stored, "sends"), number(&stored, "rev")), (1, 1, 3));
}

#[tokio::test]
async fn what_already_is_as_requested_is_a_200_without_a_write() {
    let app = TestApp::start().await;
    let before = app.invite(EMAIL).await;
    let id = text(&before, "id");
    let rows = table(&app).await;
    app.advance(std::time::Duration::from_secs(5));
    for body in [json!({ "roleID": "full-access" }), json!({ "expiry": before["expiry"] })] {
        assert_eq!(app.send(update(&id, &body).key(&app.full)).await.expect(200).json(), before);
    }
    assert_eq!(table(&app).await, rows);
}

#[tokio::test]
async fn only_an_open_invitation_can_be_updated() {
    for (state, code, message) in [
        ("revoked", "already-revoked", "the invitation is already revoked; create a new one to invite again"),
        ("accepted", "already-accepted", "the invitation is already accepted; create a new one to invite again"),
        ("declined", "already-declined", "the invitation is already declined; create a new one to invite again"),
        ("expired", "expired", "the invitation has expired; it has to be sent again"),
    ] {
        let app = TestApp::start().await;
        let id = text(&app.invite(EMAIL).await, "id");
        match state {
            "revoked" => drop(app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200)),
            "expired" => advance_to_expiry(&app, &id).await,
            _ => app.close_as_invitee(&id, state).await,
        }
        let before = table(&app).await;
        for body in [json!({ "roleID": "read-only" }), json!({ "expiry": in_millis(&app, DAY) })] {
            assert_error(&app.send(update(&id, &body).key(&app.full)).await, 400, code, None, message);
        }
        assert_eq!(table(&app).await, before);
    }
}

/// Escalation by changing a pending invitation, or taking away what only others may grant.
#[tokio::test]
async fn t14_the_caller_must_be_able_to_grant_the_old_role_and_the_new_one() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
        "read-only": { "can": ["invitations:read"], "mayGrant": [] },
        "helper": { "can": ["invitations:modify"], "mayGrant": ["member", "guest"] } }"#;
    let app = TestApp::with(&[("ROLES", roles)]).await;
    let helper = app.new_key(ACCOUNT, "helper").await;
    let expiry = in_millis(&app, DAY);
    for (n, (old, body, refused)) in [
        ("member", json!({ "roleID": "guest" }), None),
        ("member", json!({ "expiry": expiry }), None),
        ("member", json!({ "roleID": "owner" }), Some("owner")),
        ("owner", json!({ "roleID": "member" }), Some("owner")),
        ("owner", json!({ "expiry": expiry }), Some("owner")),
        ("member", json!({ "roleID": "owner", "expiry": expiry }), Some("owner")),
    ]
    .into_iter()
    .enumerate()
    {
        let call = Call::create(&format!("user.{n}@example.com"), old).key(&app.full);
        let id = app.send(call).await.expect(201).str("id");
        let before = table(&app).await;
        let response = app.send(update(&id, &body).key(&helper)).await;
        match refused {
            None => drop(response.expect(200)),
            Some(role) => {
                let message = format!("the role 'helper' may not grant the role '{role}'");
                assert_error(&response, 403, "role-not-grantable", Some("roleID"), &message);
                assert_eq!(table(&app).await, before);
            }
        }
    }
    let id = text(&app.invite(EMAIL).await, "id");
    app.send(update(&id, &json!({ "roleID": "guest" })).key(&app.read_only)).await.expect_error(403, "forbidden");
    app.send(update(&id, &json!({ "roleID": "guest" })).key(&app.other)).await.expect_error(404, "not-found");
}

#[tokio::test]
async fn invalid_updates_name_their_fields_and_change_nothing() {
    let app = TestApp::start().await;
    let id = text(&app.invite(EMAIL).await, "id");
    let before = table(&app).await;
    let alone = "cannot be combined with roleID or expiry; send two requests";
    for (body, code, field, reason) in [
        (
            json!({ "roleID": "Owner" }),
            "invalid-role-id",
            "roleID",
            "'Owner' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -",
        ),
        (json!({ "roleID": null }), "invalid-field", "roleID", "must be a string"),
        (json!({ "expiry": "tomorrow" }), "invalid-expiry", "expiry", "'tomorrow' is not an RFC 3339 time such as 2030-06-21T09:01:12Z"),
        (json!({ "roleID": "guest", "state": "revoked" }), "invalid-state", "state", alone),
        (json!({ "expiry": in_millis(&app, DAY), "state": "invited" }), "invalid-state", "state", alone),
        (json!({ "roleID": "guest", "email": EMAIL }), "unknown-field", "email", "unknown field; accepted: state, roleID, expiry"),
    ] {
        let response = app.send(update(&id, &body).key(&app.full)).await;
        assert_error(&response, 400, code, Some(field), &format!("{field}: {reason}"));
    }
    let response = app.send(update(&id, &json!({ "expiry": in_millis(&app, 60_000) })).key(&app.full)).await;
    response.expect_error(400, "invalid-expiry");
    let forced = Call::post(&format!("/invitations/{id}?force=true")).json(&json!({ "roleID": "guest" }));
    app.send(forced.key(&app.full)).await.expect_error(400, "invalid-force");
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn if_match_and_idempotency_keys_work_as_for_other_changes() {
    let app = TestApp::start().await;
    let created = app.send(Call::create(EMAIL, "full-access").key(&app.full)).await.expect(201);
    let (id, tag) = (created.str("id"), created.header("etag").expect("a tag").to_owned());
    let call = |role: &str| update(&id, &json!({ "roleID": role })).key(&app.full);
    app.advance(std::time::Duration::from_secs(5));
    let first = app.send(call("read-only").header("if-match", &tag).header("idempotency-key", "k")).await.expect(200);
    app.send(call("guest").header("if-match", &tag)).await.expect_error(412, "changed");
    // The effect of the key has happened, so an outdated tag does not matter.
    let again = app.send(call("read-only").header("if-match", &tag).header("idempotency-key", "k")).await.expect(200);
    assert_eq!((again.text, again.headers.get("idempotent-replayed").map(String::as_str)), (first.text, Some("true")));
    for body in
        [json!({ "roleID": "guest" }), json!({ "roleID": "read-only", "expiry": in_millis(&app, DAY) }), json!({ "state": "revoked" })]
    {
        app.send(update(&id, &body).key(&app.full).header("idempotency-key", "k")).await.expect_error(400, "idempotency-key-reused");
    }
}

#[tokio::test]
async fn after_ten_updates_an_invitation_can_still_be_sent_and_revoked() {
    let app = TestApp::start().await;
    let id = text(&app.invite(EMAIL).await, "id");
    for n in 0..10 {
        app.send(update(&id, &json!({ "roleID": format!("role-{n}") })).key(&app.full)).await.expect(200);
    }
    let message = "the invitation has been changed 10 times, the maximum; revoke it and create a new one";
    assert_error(&app.send(update(&id, &json!({ "roleID": "x" })).key(&app.full)).await, 400, "max-changes", None, message);
    app.advance(crate::helpers::COOLDOWN);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
}

/// The page sends the role that it has shown.
#[tokio::test]
async fn t14_a_role_that_has_changed_since_it_was_shown_is_not_accepted() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let id = text(&app.invite(EMAIL).await, "id");
    workers.deliver().await;
    let token = workers.last_token(EMAIL);
    app.send(update(&id, &json!({ "roleID": "read-only" })).key(&app.full)).await.expect(200);
    let before = table(&app).await;
    let by_holder = json!({ "token": token, "roleID": "full-access" });
    let by_host = with(&by_holder, json!({ "principal": "user-1", "email": EMAIL }));
    let message = "roleID: the role of the invitation is 'read-only' now; show it, and accept again";
    for (body, key) in [(&by_holder, None), (&by_host, Some(&app.full))] {
        let call = Call::post("/invitations/accept").json(body);
        let response = app.send(key.map_or(call.clone(), |key| call.key(key))).await;
        assert_error(&response, 400, "role-changed", Some("roleID"), message);
    }
    let declined = Call::post("/invitations/decline").json(&by_holder);
    assert_error(&app.send(declined).await, 400, "unknown-field", Some("roleID"), "roleID: unknown field; accepted: token");
    assert_eq!(table(&app).await, before);
    // The link is still the same, and shows the role.
    assert_eq!(app.send(Call::holder("lookup", &token)).await.expect(200).str("roleID"), "read-only");
    let accepted = app.send(Call::post("/invitations/accept").json(&json!({ "token": token, "roleID": "read-only" }))).await;
    assert_eq!(accepted.expect(200).str("roleID"), "read-only");
    // Accepting again consumes nothing, whatever was shown.
    app.send(Call::post("/invitations/accept").json(&by_holder)).await.expect(200);
    assert_response(
        &app.send(Call::holder("accept", "x")).await,
        404,
        &crate::helpers::error("not-found", None, crate::helpers::NOT_FOUND),
        &[],
    );
}
