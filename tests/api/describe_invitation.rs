//! `GET /invitations/{id}`

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use support::{Call, TestApp};

use crate::helpers::{NOT_FOUND, TICK, advance_to_expiry, assert_error, assert_response, invitation_row, number, table, text, with};

fn get(id: &str) -> Call {
    Call::get(&format!("/invitations/{id}"))
}

#[tokio::test]
async fn both_roles_can_read_a_new_invitation_at_once_and_nothing_is_written() {
    let app = TestApp::start().await;
    let created = app.invite("user.one@example.com").await;
    let before = table(&app).await;
    for key in [&app.full, &app.read_only] {
        assert_response(&app.send(get(&text(&created, "id")).key(key)).await, 200, &created, &[]);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_id_is_found_in_either_case_and_percent_encoded() {
    let app = TestApp::start().await;
    let created = app.invite("user.one@example.com").await;
    let id = text(&created, "id");
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for spelling in [id.to_lowercase(), format!("{}{}", id[..16].to_lowercase(), &id[16..]), encoded] {
        assert_response(&app.send(get(&spelling).key(&app.full)).await, 200, &created, &[]);
    }
}

#[tokio::test]
async fn an_id_that_is_not_32_hex_digits_is_rejected() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let dashed = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    let with_space = format!("{id}%20");
    let long = "A".repeat(5000);
    for (wrong, shown) in [
        ("1", "1"),
        (&id[..31], &id[..31]),
        (&with_space, &format!("{id} ")),
        (&dashed, &dashed),
        (&format!("{}G", &id[..31]), &format!("{}G", &id[..31])),
        ("%00", "\u{fffd}"),
        ("..%2F..%2Fetc", "../../etc"),
        (&long, &format!("{}…", "A".repeat(64))),
    ] {
        let response = app.send(get(wrong).key(&app.full)).await;
        assert_error(
            &response,
            400,
            "invalid-id",
            Some("id"),
            &format!("id: '{shown}' is not an invitation id: it must have exactly 32 hex digits"),
        );
    }
    assert_error(&app.send(get("%FF%FE").key(&app.full)).await, 400, "invalid-id", Some("id"), "id: is not valid UTF-8");
}

#[tokio::test]
async fn an_unknown_id_and_another_accounts_id_are_the_same_404() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let unknown = app.send(get(&"0".repeat(32)).key(&app.full)).await;
    let foreign = app.send(get(&id).key(&app.other)).await;
    assert_error(&unknown, 404, "not-found", None, NOT_FOUND);
    assert_eq!(foreign, unknown);
}

#[tokio::test]
async fn an_invitation_is_expired_from_the_millisecond_of_its_expiry() {
    let app = TestApp::start().await;
    let created = app.invite("user.one@example.com").await;
    let id = text(&created, "id");
    let stored = invitation_row(&app, &id).await;
    let left = number(&stored, "exp") - app.now().as_millis();
    app.advance(std::time::Duration::from_millis(u64::try_from(left - 1).expect("time is left")));
    assert_response(&app.send(get(&id).key(&app.full)).await, 200, &created, &[]);
    app.advance(TICK);
    assert_response(&app.send(get(&id).key(&app.full)).await, 200, &with(&created, json!({ "state": "expired" })), &[]);
    assert_eq!(invitation_row(&app, &id).await, stored, "expired is never stored");
}

#[tokio::test]
async fn a_closed_invitation_shows_when_it_closed_and_stays_closed_after_its_expiry() {
    let app = TestApp::start().await;
    for (state, field) in [("accepted", "acceptedAt"), ("declined", "declinedAt"), ("revoked", "revokedAt")] {
        let created = app.invite(&format!("{state}@example.com")).await;
        let id = text(&created, "id");
        app.advance(std::time::Duration::from_secs(5));
        let at = app.now().to_string();
        let mut expected = with(&created, json!({ "state": state, field: at }));
        if state == "revoked" {
            app.send(Call::set_state(&id, state).key(&app.full)).await.expect(200);
            expected["lastModified"] = at.into();
        } else {
            app.close_as_invitee(&id, state).await;
        }
        assert_response(&app.send(get(&id).key(&app.full)).await, 200, &expected, &[]);
        advance_to_expiry(&app, &id).await;
        assert_response(&app.send(get(&id).key(&app.full)).await, 200, &expected, &[]);
    }
}

#[tokio::test]
async fn an_unreadable_row_is_a_500_that_reveals_nothing_about_it() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.set(&id, "st", AttributeValue::S("unheard-of".to_owned())).await;
    let message = "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why.";
    assert_error(&app.send(get(&id).key(&app.full)).await, 500, "internal-error", None, message);
}

#[tokio::test]
async fn maintenance_answers_503_with_its_own_retry_after() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let maintained = app.another(&[("MAINTENANCE_RETRY_AFTER_SECONDS", "120")]);
    let before = table(&app).await;
    let message = "The service is temporarily unavailable, likely due to maintenance. It should be available soon, check the \
                   Retry-After header for an indication of when you might be able to try again.";
    let path = format!("/invitations/{id}");
    for call in [Call::get("/invitations"), Call::get(&path), Call::post(&path), Call::create("a@example.com", "read-only")] {
        crate::helpers::assert_retry_after(&maintained.send(call.key(&app.full)).await, 503, "maintenance", 120, message);
    }
    assert_eq!(table(&app).await, before);
}
