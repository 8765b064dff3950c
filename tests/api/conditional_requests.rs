//! `ETag` and `If-None-Match`; and lists of tags that are malformed.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use support::{Call, Response, TestApp, Workers};

use crate::helpers::{COOLDOWN, NOT_FOUND, advance_to_expiry, assert_error, assert_response, invitation_row, resend, table, text};

/// The invitee of most tests.
pub(crate) const EMAIL: &str = "user.one@example.com";
const MALFORMED: [&str; 7] = ["", "x", "\"x", "\"x\" \"y\"", "*, \"x\"", "w/\"x\"", "\"x y\""];

fn get(app: &TestApp, id: &str) -> Call {
    Call::get(&format!("/invitations/{id}")).key(&app.full)
}

/// A revocation.
pub(crate) fn revoke(app: &TestApp, id: &str) -> Call {
    Call::set_state(id, "revoked").key(&app.full)
}

/// The tag of a response.
#[track_caller]
pub(crate) fn tag(response: &Response) -> String {
    response.header("etag").expect("a tag").to_owned()
}

/// The tag of an invitation as described now.
pub(crate) async fn current(app: &TestApp, id: &str) -> String {
    tag(&app.send(get(app, id)).await.expect(200))
}

/// Invites [`EMAIL`] and returns the ID and the tag.
pub(crate) async fn invited(app: &TestApp) -> (String, String) {
    let created = app.send(Call::create(EMAIL, "full-access").key(&app.full)).await.expect(201);
    (created.str("id"), tag(&created))
}

/// Asserts a 304: the tag and the headers of every response, no content, and no type of it.
#[track_caller]
fn assert_not_modified(response: &Response, tag: &str) {
    assert_eq!((response.status, response.text.as_str()), (304, ""));
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("cache-control", "no-store"), ("etag", tag), ("x-request-id", "request-1")]);
}

#[tokio::test]
async fn create_and_modify_return_the_body_and_the_tag_that_describe_returns() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let created = app.send(Call::create("  User.One@EXAMPLE.com", "full-access").key(&app.full)).await.expect(201);
    let id = created.str("id");
    assert_eq!(tag(&created).len(), 24);
    let mut seen = vec![created];
    app.advance(COOLDOWN);
    for call in [Call::set_state(&id, "invited"), resend(&id), Call::set_state(&id, "revoked"), Call::set_state(&id, "revoked")] {
        let described = app.send(get(&app, &id)).await.expect(200);
        let last = seen.last().expect("a response");
        assert_eq!((&described.text, tag(&described)), (&last.text, tag(last)));
        seen.push(app.send(call.key(&app.full)).await.expect(200));
    }
    assert_eq!(seen.iter().map(tag).collect::<BTreeSet<_>>().len(), 3, "created, resent, revoked");
    // Also with everything that a response can show.
    let id = text(&app.invite("user.two@example.com").await, "id");
    workers.deliver().await;
    let revoked = app.send(revoke(&app, &id)).await.expect(200);
    assert!(revoked.json()["delivery"].is_object());
    assert_eq!(tag(&revoked), current(&app, &id).await);
}

#[tokio::test]
async fn the_tag_changes_with_everything_shown() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (id, first) = invited(&app).await;
    let mut tags = vec![first];
    workers.deliver().await;
    tags.push(current(&app, &id).await);
    workers.report(&workers.last_email(EMAIL)).await;
    tags.push(current(&app, &id).await);
    // The expiry is not a write.
    advance_to_expiry(&app, &id).await;
    tags.push(current(&app, &id).await);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    tags.push(current(&app, &id).await);
    for state in ["accepted", "declined"] {
        app.close_as_invitee(&id, state).await;
        tags.push(current(&app, &id).await);
    }
    app.set(&id, "accepted_by", AttributeValue::S("user-1".to_owned())).await;
    tags.push(current(&app, &id).await);
    assert_eq!(tags.iter().collect::<BTreeSet<_>>().len(), 8, "{tags:?}");
}

#[tokio::test]
async fn the_tag_does_not_change_with_time_or_with_the_services_own_data() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (id, _) = invited(&app).await;
    workers.deliver().await;
    workers.report(&workers.last_email(EMAIL)).await;
    let (row, before) = (invitation_row(&app, &id).await, current(&app, &id).await);
    workers.deliver().await;
    app.advance(COOLDOWN);
    assert_ne!(invitation_row(&app, &id).await, row, "its event was published");
    assert_eq!(current(&app, &id).await, before);
}

#[tokio::test]
async fn lists_and_invitees_views_have_no_tag() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (_, tag) = invited(&app).await;
    workers.deliver().await;
    let token = workers.last_token(EMAIL);
    let calls = [Call::get("/invitations").key(&app.full), Call::holder("lookup", &token), Call::holder("accept", &token)];
    for call in calls {
        // They ignore both headers, too.
        let response = app.send(call.header("if-match", "\"x\"").header("if-none-match", &tag)).await.expect(200);
        assert_eq!(response.header("etag"), None);
    }
}

#[tokio::test]
async fn describe_is_a_304_for_a_caller_who_has_the_current_tag() {
    let app = TestApp::start().await;
    let (id, tag) = invited(&app).await;
    let before = table(&app).await;
    for known in [&*tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), &format!(",\"x\",W/{tag} ,"), "*"] {
        for key in [&app.full, &app.read_only] {
            assert_not_modified(&app.send(get(&app, &id).key(key).header("if-none-match", known)).await, &tag);
        }
    }
    let lines = get(&app, &id).header("if-none-match", "\"x\"").header("If-None-Match", &tag);
    assert_not_modified(&app.send(lines).await, &tag);
    // If-Match does not concern it.
    assert_not_modified(&app.send(get(&app, &id).header("if-none-match", &tag).header("if-match", "\"x\"")).await, &tag);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn describe_is_a_200_for_a_caller_who_has_another_tag() {
    let app = TestApp::start().await;
    let created = app.invite(EMAIL).await;
    let id = text(&created, "id");
    for known in ["\"x\"", "W/\"x\", \"y\"", "\"*\""] {
        assert_response(&app.send(get(&app, &id).header("if-none-match", known)).await, 200, &created, &[]);
    }
    let known = current(&app, &id).await;
    let revoked = app.send(revoke(&app, &id)).await.expect(200);
    assert_response(&app.send(get(&app, &id).header("if-none-match", &known)).await, 200, &revoked.json(), &[]);
}

#[tokio::test]
async fn other_errors_of_describe_come_before_a_304() {
    let app = TestApp::start().await;
    let (id, _) = invited(&app).await;
    let any = |call: Call| call.header("if-none-match", "*");
    app.send(any(Call::get(&format!("/invitations/{id}")))).await.expect_error(401, "unauthorized");
    assert_error(&app.send(any(get(&app, &"0".repeat(32)))).await, 404, "not-found", None, NOT_FOUND);
    assert_error(&app.send(any(get(&app, &id)).key(&app.other)).await, 404, "not-found", None, NOT_FOUND);
    app.send(any(Call::get(&format!("/invitations/{id}?x=1"))).key(&app.full)).await.expect_error(400, "unknown-parameter");
}

#[tokio::test]
async fn a_malformed_list_of_tags_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let (id, _) = invited(&app).await;
    let before = table(&app).await;
    let message = |name| format!("{name}: must be * or a list of entity tags, each in double quotes");
    for wrong in MALFORMED {
        let response = app.send(get(&app, &id).header("if-none-match", wrong)).await;
        assert_error(&response, 400, "invalid-if-none-match", Some("If-None-Match"), &message("If-None-Match"));
        let response = app.send(revoke(&app, &id).header("if-match", wrong)).await;
        assert_error(&response, 400, "invalid-if-match", Some("If-Match"), &message("If-Match"));
    }
    assert_eq!(table(&app).await, before);
}
