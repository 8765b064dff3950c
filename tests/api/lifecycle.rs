//! The table of the contract: every state and action, with the response and the stored row.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp};

use crate::helpers::{
    CLOSED, COOLDOWN, LIFETIME, advance_to_expiry, assert_error, assert_response, charged, delete, differences, invitation_row, number,
    resend, row, table, text, with,
};

const EMAIL: &str = "user.one@example.com";
const LOCK: &str = "P#user.one@example.com";

/// An invitation in a state, after its cooldown.
async fn invitation_that_is(app: &TestApp, state: &str) -> Value {
    let created = app.invite(EMAIL).await;
    let id = text(&created, "id");
    app.advance(COOLDOWN);
    match state {
        "invited" => {}
        "expired" => advance_to_expiry(app, &id).await,
        "revoked" => drop(app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200)),
        closed => app.close_as_invitee(&id, closed).await,
    }
    created
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Asserts that `response` and the table show a resend of `created` at this moment.
async fn assert_sent_again(app: &TestApp, created: &Value, before: &Value, response: &Response) {
    let (id, now) = (text(created, "id"), app.now());
    let expiry = now.floor_to_second().plus(LIFETIME);
    let changes = json!({ "lastModified": now.to_string(), "lastSent": now.to_string(), "expiry": expiry.to_string() });
    assert_response(response, 200, &with(created, changes), &[]);

    let after = invitation_row(app, &id).await;
    let changed = ["by_state", "events", "exp", "modified", "nonce", "nsa", "ops", "out", "rev", "sends", "sent", "th", "tv"];
    assert_eq!(differences(before, &after), set(&changed));
    let millis = expiry.as_millis();
    let (sent, allowed) = (now.as_millis(), now.plus(COOLDOWN).as_millis());
    assert_eq!(text(&after, "by_state"), format!("pending#{millis:013}#{id}"));
    for (attribute, expected) in
        [("exp", millis), ("modified", sent), ("sent", sent), ("nsa", allowed), ("sends", 2), ("rev", 2), ("tv", 2)]
    {
        assert_eq!(number(&after, attribute), expected, "{attribute}");
    }
    assert_eq!(after["ops"].as_array().map(Vec::len), Some(2));
    let lock = json!({ "pk": after["pk"], "sk": LOCK, "inv": id, "exp": millis, "ttl": millis / 1000 });
    assert_eq!(row(app, LOCK).await, Some(lock));
    assert_eq!(charged(app).await, 2);
}

/// Asserts that `response` and the table show the revocation of `created` at this moment.
async fn assert_revoked(app: &TestApp, created: &Value, before: &Value, response: &Response) {
    let (id, now) = (text(created, "id"), app.now());
    let changes = json!({ "state": "revoked", "lastModified": now.to_string(), "revokedAt": now.to_string() });
    assert_response(response, 200, &with(created, changes), &[]);

    let after = invitation_row(app, &id).await;
    assert_eq!(differences(before, &after), set(&["by_state", "closed", "events", "modified", "ops", "out", "rev", "st"]));
    assert_eq!((text(&after, "st"), text(&after, "by_state")), ("revoked".to_owned(), format!("revoked#{:013}#{id}", now.as_millis())));
    assert_eq!((number(&after, "closed"), number(&after, "modified"), number(&after, "rev")), (now.as_millis(), now.as_millis(), 2));
    assert_eq!(charged(app).await, 1, "a revocation uses no quota");
}

#[tokio::test]
async fn a_resend_of_an_open_invitation_makes_a_new_link_and_restarts_the_lifetime() {
    let app = TestApp::start().await;
    let created = invitation_that_is(&app, "invited").await;
    let before = invitation_row(&app, &text(&created, "id")).await;
    let response = app.send(resend(&text(&created, "id")).key(&app.full)).await;
    assert_sent_again(&app, &created, &before, &response).await;
}

#[tokio::test]
async fn a_resend_of_an_expired_invitation_reopens_it() {
    for requested_at in [None, Some("invited")] {
        let app = TestApp::start().await;
        let created = invitation_that_is(&app, "expired").await;
        let id = text(&created, "id");
        let before = invitation_row(&app, &id).await;
        let call = requested_at.map_or_else(|| resend(&id), |state| Call::set_state(&id, state));
        let response = app.send(call.key(&app.full)).await;
        assert_sent_again(&app, &created, &before, &response).await;
    }
}

#[tokio::test]
async fn setting_an_open_invitation_to_invited_changes_and_sends_nothing() {
    let app = TestApp::start().await;
    let created = invitation_that_is(&app, "invited").await;
    let before = table(&app).await;
    let response = app.send(Call::set_state(&text(&created, "id"), "invited").key(&app.full)).await;
    assert_response(&response, 200, &created, &[]);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn revoking_an_open_invitation_closes_it_and_frees_the_address() {
    let app = TestApp::start().await;
    let created = invitation_that_is(&app, "invited").await;
    let id = text(&created, "id");
    let before = invitation_row(&app, &id).await;
    assert!(row(&app, LOCK).await.is_some());
    let response = app.send(Call::set_state(&id, "revoked").key(&app.full)).await;
    assert_revoked(&app, &created, &before, &response).await;
    assert_eq!(row(&app, LOCK).await, None);
}

#[tokio::test]
async fn revoking_an_expired_invitation_closes_it() {
    let app = TestApp::start().await;
    let created = invitation_that_is(&app, "expired").await;
    app.advance(COOLDOWN);
    let id = text(&created, "id");
    let before = invitation_row(&app, &id).await;
    let response = app.send(Call::set_state(&id, "revoked").key(&app.full)).await;
    assert_revoked(&app, &created, &before, &response).await;
    assert_eq!(row(&app, LOCK).await, None);
}

#[tokio::test]
async fn revoking_an_expired_invitation_leaves_another_invitations_lock_alone() {
    // The address was invited again, or TTL has purged the lock.
    for taken in [true, false] {
        let app = TestApp::start().await;
        let created = invitation_that_is(&app, "expired").await;
        let id = text(&created, "id");
        if taken {
            app.invite(EMAIL).await;
        } else {
            delete(&app, &format!("A#{ACCOUNT}"), LOCK).await;
        }
        let mut before = table(&app).await;
        let response = app.send(Call::set_state(&id, "revoked").key(&app.full)).await;
        let now = app.now().to_string();
        let expected = with(&created, json!({ "state": "revoked", "lastModified": now, "revokedAt": now }));
        assert_response(&response, 200, &expected, &[]);
        let mut after = table(&app).await;
        let key = (format!("A#{ACCOUNT}"), format!("I#{id}"));
        assert_eq!(after.remove(&key).map(|row| text(&row, "st")).as_deref(), Some("revoked"));
        before.remove(&key);
        assert_eq!(after, before, "only the invitation has changed");
    }
}

#[tokio::test]
async fn an_expired_invitation_cannot_be_resent_while_its_address_has_an_open_one() {
    let app = TestApp::start().await;
    let expired = text(&invitation_that_is(&app, "expired").await, "id");
    let open = text(&app.invite(EMAIL).await, "id");
    let before = table(&app).await;
    let message = format!("email: this address already has an open invitation, {open}; resend or revoke that one");
    for call in [resend(&expired), Call::set_state(&expired, "invited")] {
        assert_error(&app.send(call.key(&app.full)).await, 400, "already-invited", Some("email"), &message);
    }
    assert_eq!(table(&app).await, before);

    // Once the other one has ended, it can.
    app.send(Call::set_state(&open, "revoked").key(&app.full)).await.expect(200);
    let again = app.send(resend(&expired).key(&app.full)).await.expect(200);
    assert_eq!(again.str("state"), "invited");
    assert_eq!(row(&app, LOCK).await.map(|lock| text(&lock, "inv")), Some(expired));
}

#[tokio::test]
async fn revoking_twice_is_a_200_that_changes_nothing() {
    let app = TestApp::start().await;
    let id = text(&invitation_that_is(&app, "revoked").await, "id");
    let revoked = crate::helpers::describe(&app, &id).await;
    assert_eq!(text(&revoked, "state"), "revoked");
    let before = table(&app).await;
    app.advance(COOLDOWN);
    assert_response(&app.send(Call::set_state(&id, "revoked").key(&app.full)).await, 200, &revoked, &[]);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_closed_invitation_rejects_every_other_action_and_names_its_state() {
    for state in ["revoked", "accepted", "declined"] {
        let app = TestApp::start().await;
        let id = text(&invitation_that_is(&app, state).await, "id");
        let before = table(&app).await;
        let mut calls = vec![resend(&id), Call::set_state(&id, "invited")];
        if state != "revoked" {
            calls.push(Call::set_state(&id, "revoked"));
        }
        // Before its expiry and after it.
        for _ in 0..2 {
            for call in &calls {
                let response = app.send(call.clone().key(&app.full)).await;
                assert_error(&response, 400, &format!("already-{state}"), None, &format!("the invitation is already {state}; {CLOSED}"));
            }
            app.advance(LIFETIME);
        }
        assert_eq!(table(&app).await, before);
    }
}

#[tokio::test]
async fn a_resend_just_before_the_expiry_and_one_at_it_both_leave_it_open() {
    for before_expiry in [1, 0] {
        let app = TestApp::start().await;
        let created = app.invite(EMAIL).await;
        let id = text(&created, "id");
        let before = invitation_row(&app, &id).await;
        let left = u64::try_from(number(&before, "exp") - app.now().as_millis() - before_expiry).expect("time is left");
        app.advance(std::time::Duration::from_millis(left));
        let response = app.send(resend(&id).key(&app.full)).await;
        assert_sent_again(&app, &created, &before, &response).await;
    }
}

#[tokio::test]
async fn a_resend_restarts_the_lifetime_that_the_creator_chose() {
    let app = TestApp::start().await;
    let wanted = app.now().floor_to_second().plus(COOLDOWN * 90);
    let body = json!({ "email": EMAIL, "roleID": "full-access", "expiry": wanted.to_string() });
    let id = app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201).str("id");
    app.advance(COOLDOWN);
    let sent = app.send(resend(&id).key(&app.full)).await.expect(200);
    assert_eq!(sent.str("expiry"), app.now().floor_to_second().plus(COOLDOWN * 90).to_string());
}

#[tokio::test]
async fn every_sending_has_its_own_link() {
    let app = TestApp::start().await;
    let id = text(&app.invite(EMAIL).await, "id");
    let (mut nonces, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for version in 1..=10 {
        let stored = invitation_row(&app, &id).await;
        assert_eq!((number(&stored, "tv"), number(&stored, "sends")), (version, version));
        assert!(nonces.insert(text(&stored, "nonce")) && hashes.insert(text(&stored, "th")), "a link came back");
        app.advance(COOLDOWN);
        if version < 10 {
            app.send(resend(&id).key(&app.full)).await.expect(200);
        }
    }
}
