//! `POST /invitations/{id}`: the form of requests. Their effects are in `lifecycle`.

use support::{Call, TestApp};

use crate::helpers::{COOLDOWN, NOT_FOUND, assert_error, resend, table, text};

#[tokio::test]
async fn a_missing_empty_or_blank_body_is_a_resend() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let path = format!("/invitations/{id}");
    let bodies = [Call::post(&path), Call::post(&path).text(""), Call::post(&path).text(" \r\n\t "), Call::post(&path).bytes(b" \n")];
    for (n, call) in bodies.into_iter().enumerate() {
        app.advance(COOLDOWN);
        let response = app.send(call.key(&app.full)).await.expect(200);
        assert_eq!(response.str("lastSent"), app.now().to_string());
        assert_eq!(crate::helpers::number(&crate::helpers::invitation_row(&app, &id).await, "sends"), 2 + i64::try_from(n).expect("small"));
    }
    // Without a body the content type does not matter.
    app.advance(COOLDOWN);
    app.send(Call::post(&path).header("content-type", "text/plain").key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn an_object_without_a_state_is_not_a_resend() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    let path = format!("/invitations/{id}");
    let response = app.send(Call::post(&path).text("{}").key(&app.full)).await;
    assert_error(&response, 400, "missing-field", Some("state"), "state: is required without roleID and expiry");
    let response = app.send(Call::post(&path).text(r#"{"state":null}"#).key(&app.full)).await;
    assert_error(&response, 400, "invalid-field", Some("state"), "state: must be a string");
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_invalid_state_is_rejected_with_the_two_valid_ones() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    for wrong in ["accepted", "declined", "expired", "pending", "Revoked", "revoked ", ""] {
        let response = app.send(Call::set_state(&id, wrong).key(&app.full)).await;
        let message = format!("state: must be 'revoked' or 'invited', not '{wrong}'");
        assert_error(&response, 400, "invalid-state", Some("state"), &message);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_id_in_lower_case_names_the_same_invitation() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let response = app.send(Call::set_state(&id.to_lowercase(), "revoked").key(&app.full)).await.expect(200);
    assert_eq!((response.str("id"), response.str("state")), (id, "revoked".to_owned()));
}

#[tokio::test]
async fn an_unknown_id_and_another_accounts_id_are_the_same_404_for_every_action() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let before = table(&app).await;
    for call in [resend, |id: &str| Call::set_state(id, "revoked"), |id: &str| Call::set_state(id, "invited")] {
        assert_error(&app.send(call(&id).key(&app.other)).await, 404, "not-found", None, NOT_FOUND);
        assert_error(&app.send(call(&"0".repeat(32)).key(&app.full)).await, 404, "not-found", None, NOT_FOUND);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_id_that_is_not_32_hex_digits_is_rejected() {
    let app = TestApp::start().await;
    let response = app.send(resend("1").key(&app.full)).await;
    assert_error(&response, 400, "invalid-id", Some("id"), "id: '1' is not an invitation id: it must have exactly 32 hex digits");
}

#[tokio::test]
async fn attributes_of_another_version_of_the_service_are_kept() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.set(&id, "unknown_here", aws_sdk_dynamodb::types::AttributeValue::S("kept".to_owned())).await;
    app.advance(COOLDOWN);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    assert_eq!(text(&crate::helpers::invitation_row(&app, &id).await, "unknown_here"), "kept");
}
