//! Links for the caller: `"send": false` on a create and `?send=false` on a resend. Only that one response has the link.

use std::time::Duration;

use local::ses::Behaviour as Ses;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp, Workers, logged::Lines};

use crate::helpers::{COOLDOWN, advance_to_expiry, assert_error, charged, describe, invitation_row, table, text, with};

const EMAIL: &str = "user.one@example.com";
const ROLES: &str = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
    "read-only": { "can": ["invitations:read"], "mayGrant": [] },
    "helper": { "can": ["invitations:create", "invitations:modify", "invitations:link"], "mayGrant": ["guest"] },
    "linker": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"], "mayGrant": ["*"] } }"#;
const FORBIDDEN: &str = "You tried to do something that you're not allowed to do. It requires the permission invitations:link, which the \
                         role 'full-access' does not have.";

struct Links {
    app: TestApp,
    /// A key whose role has the permission.
    key: String,
}

impl Links {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(variables: &[(&str, &str)]) -> Self {
        let app = TestApp::with(&[&[("ROLES", ROLES)], variables].concat()).await;
        let key = app.new_key(ACCOUNT, "linker").await;
        Self { app, key }
    }

    async fn create(&self) -> Response {
        self.app.send(create().key(&self.key)).await.expect(201)
    }
}

fn create() -> Call {
    Call::post("/invitations").json(&json!({ "email": EMAIL, "roleID": "full-access", "send": false }))
}

fn new_link(id: &str) -> Call {
    Call::post(&format!("/invitations/{id}?send=false"))
}

/// The token in a link.
fn token(response: &Response) -> String {
    response.str("link").strip_prefix("https://api.example.com/accept#").expect("a link to the page").to_owned()
}

#[tokio::test]
async fn a_create_returns_the_link_in_that_response_only_and_sends_nothing() {
    let it = Links::start().await;
    let mut workers = Workers::of(&it.app).await;
    let created = it.create().await;
    let id = created.str("id");
    // The link comes last; without it, the body is what a describe shows, and so is its tag.
    let shown = it.app.send(Call::get(&format!("/invitations/{id}")).key(&it.key)).await.expect(200);
    assert_eq!(created.text, format!("{},\"link\":\"{}\"}}", shown.text.strip_suffix('}').expect("an object"), created.str("link")));
    assert_eq!((shown.json()["sent"].clone(), created.header("etag")), (json!(false), shown.header("etag")));
    workers.deliver().await;
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 0);
    let event = workers.bus.events().pop().expect("an event");
    assert_eq!((event.detail_type.as_str(), &event.detail["invitation"]["sent"]), ("Invitation Created", &json!(false)));
    assert!(!event.detail.to_string().contains(&token(&created)));
    assert!(!format!("{:?}", it.app.rows().await).contains(token(&created).rsplit('.').next().expect("a secret")));
    // It works like an emailed one.
    let accepted = it.app.send(Call::holder("accept", &token(&created))).await.expect(200);
    assert_eq!(accepted.str("state"), "accepted");
    assert_eq!(charged(&it.app).await, 1);
}

#[tokio::test]
async fn a_resend_returns_a_new_link_and_the_old_one_stops_working() {
    let it = Links::start().await;
    let mut workers = Workers::of(&it.app).await;
    let id = text(&it.app.invite(EMAIL).await, "id");
    workers.deliver().await;
    let emailed = workers.last_token(EMAIL);
    it.app.advance(COOLDOWN);
    let resent = it.app.send(new_link(&id).key(&it.key)).await.expect(200);
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1, "only the first");
    it.app.send(Call::holder("lookup", &emailed)).await.expect_error(404, "not-found");
    it.app.send(Call::holder("lookup", &token(&resent))).await.expect(200);
    let row = invitation_row(&it.app, &id).await;
    assert_eq!((&row["sends"], &row["tv"], &describe(&it.app, &id).await["sent"]), (&json!(2), &json!(2), &json!(false)));
    // The next email is a sending like any other.
    it.app.advance(COOLDOWN);
    let sent = it.app.send(Call::post(&format!("/invitations/{id}")).key(&it.key)).await.expect(200);
    assert_eq!((sent.json().get("link"), sent.json().get("sent")), (None, None));
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 2);
    it.app.send(Call::holder("lookup", &token(&resent))).await.expect_error(404, "not-found");
}

#[tokio::test]
async fn links_take_a_permission_that_no_default_role_has() {
    for app in [TestApp::start().await, TestApp::with(&[("ROLES", ROLES)]).await] {
        let id = text(&app.invite("user.two@example.com").await, "id");
        app.advance(COOLDOWN);
        let before = table(&app).await;
        for call in [create(), new_link(&id), create().header("idempotency-key", "k")] {
            assert_error(&app.send(call.key(&app.full)).await, 403, "forbidden", None, FORBIDDEN);
        }
        assert_eq!(table(&app).await, before);
    }
}

#[tokio::test]
async fn a_replay_has_the_link_while_it_is_the_current_one() {
    let it = Links::start().await;
    let call = || create().key(&it.key).header("idempotency-key", "k");
    let first = it.app.send(call()).await.expect(201);
    let id = first.str("id");
    let replayed = it.app.send(call()).await.expect(201);
    assert_eq!((replayed.text.clone(), replayed.header("idempotent-replayed")), (first.text.clone(), Some("true")));
    let stored: Vec<Value> = table(&it.app).await.into_iter().filter(|((_, sk), _)| sk.starts_with("K#")).map(|(_, row)| row).collect();
    assert!(stored.len() == 1 && !stored[0].to_string().contains("accept#"), "{stored:?}");
    it.app.advance(COOLDOWN);
    let key = |key: &str| new_link(&id).key(&it.key).header("idempotency-key", key);
    let second = it.app.send(key("r")).await.expect(200);
    let mut without = first.json();
    without.as_object_mut().expect("an object").remove("link");
    assert_eq!(it.app.send(call()).await.expect(201).json(), without, "the link of the first sending is dead");
    assert_eq!(it.app.send(key("r")).await.expect(200).text, second.text);
    // The key stands for a request that returns the link.
    let emailed = Call::create(EMAIL, "full-access").key(&it.key).header("idempotency-key", "k");
    it.app.send(emailed).await.expect_error(400, "idempotency-key-reused");
    let resend = Call::post(&format!("/invitations/{id}")).key(&it.key).header("idempotency-key", "r");
    it.app.send(resend).await.expect_error(400, "idempotency-key-reused");
}

/// T14: a change of the role leaves the link, so who may not grant the new role must not get it again.
#[tokio::test]
async fn t14_a_replay_has_no_link_to_a_role_that_the_caller_may_not_grant() {
    let it = Links::start().await;
    let helper = it.app.new_key(ACCOUNT, "helper").await;
    let body = json!({ "email": EMAIL, "roleID": "guest", "send": false });
    let call = || Call::post("/invitations").json(&body).key(&helper).header("idempotency-key", "k");
    let first = it.app.send(call()).await.expect(201);
    let id = first.str("id");
    let change = async |role: &str| {
        let change = Call::post(&format!("/invitations/{id}")).json(&json!({ "roleID": role })).key(&it.key);
        it.app.send(change).await.expect(200);
    };
    change("full-access").await;
    let replayed = it.app.send(call()).await.expect(201);
    assert_eq!((replayed.json().get("link"), replayed.header("etag")), (None, first.header("etag")));
    it.app.advance(COOLDOWN);
    it.app.send(new_link(&id).key(&helper)).await.expect_error(403, "role-not-grantable");
    change("guest").await;
    assert_eq!(it.app.send(call()).await.expect(201).text, first.text);
}

/// An email that was never sent is an error, which raises an alarm. Without an email there is nothing to miss.
#[tokio::test]
async fn when_an_invitation_without_an_email_expires_nothing_was_missed() {
    for (body, missed) in [(json!({ "send": false }), false), (json!({}), true)] {
        let it = Links::start().await;
        let workers = Workers::of(&it.app).await;
        workers.inbox.answer_with(|_| Ses::Error { status: 503, code: "ServiceUnavailable" });
        let body = with(&json!({ "email": EMAIL, "roleID": "full-access" }), body);
        let id = it.app.send(Call::post("/invitations").json(&body).key(&it.key)).await.expect(201).str("id");
        advance_to_expiry(&it.app, &id).await;
        it.app.advance(Duration::from_secs(10));
        let (lines, _guard) = Lines::as_deployed();
        workers.reconcile().await;
        assert_eq!(lines.take().contains("expired before its email could be sent"), missed, "{body}");
        assert_eq!(describe(&it.app, &id).await.get("delivery").is_some(), missed, "{body}");
    }
}

#[tokio::test]
async fn send_is_a_boolean_and_of_a_resend_only() {
    let it = Links::start().await;
    let body = json!({ "email": EMAIL, "roleID": "full-access" });
    for send in ["\"false\"", "0", "null", "[]"] {
        let body = format!(r#"{{"email":"{EMAIL}","roleID":"full-access","send":{send}}}"#);
        let response = it.app.send(Call::post("/invitations").text(&body).key(&it.key)).await;
        assert_error(&response, 400, "invalid-field", Some("send"), "send: must be true or false");
    }
    let created = it.app.send(Call::post("/invitations").json(&with(&body, json!({ "send": true }))).key(&it.app.full)).await.expect(201);
    assert_eq!((created.json().get("link"), created.json().get("sent")), (None, None));
    let id = created.str("id");
    it.app.advance(COOLDOWN);
    let before = table(&it.app).await;
    for (query, body, reason) in [
        ("send=no", None, "must be true or false, not 'no'"),
        ("send=false&force=true", None, "must not be false if force is true: no email is sent"),
        ("send=false", Some(json!({ "state": "invited" })), "only a resend, which has no body, can return the link"),
        ("send=false", Some(json!({ "roleID": "guest" })), "only a resend, which has no body, can return the link"),
    ] {
        let call = Call::post(&format!("/invitations/{id}?{query}"));
        let call = body.map_or(call.clone(), |body| call.json(&body));
        assert_error(&it.app.send(call.key(&it.key)).await, 400, "invalid-send", Some("send"), &format!("send: {reason}"));
    }
    assert_eq!(table(&it.app).await, before);
    it.app.send(Call::post(&format!("/invitations/{id}?send=true")).key(&it.app.full)).await.expect(200);
}

/// T10: the address comes from the configuration, or from that of the gateway's stage, never from what a caller sends.
#[tokio::test]
async fn t10_the_address_comes_from_the_configuration_or_the_stage() {
    let hostile = |call: Call| {
        call.header("host", "evil.example").header("x-forwarded-host", "evil.example").header("forwarded", "host=evil.example")
    };
    let it = Links::start().await;
    let staged = |call: Call, url: Value| hostile(call).stage_variables(&json!({ "linkBaseUrl": url }));
    let created = it.app.send(staged(create(), json!("https://stage.example/accept")).key(&it.key)).await.expect(201);
    token(&created);

    let it = Links::with(&[("LINK_BASE_URL", "")]).await;
    let before = table(&it.app).await;
    for url in [json!(null), json!(""), json!("http://evil.example/"), json!("x"), json!("https://a.example/?q")] {
        it.app.send(staged(create(), url).key(&it.key)).await.expect_error(500, "internal-error");
    }
    it.app.send(hostile(create()).key(&it.key)).await.expect_error(500, "internal-error");
    assert_eq!(table(&it.app).await, before);
    let created = it.app.send(staged(create(), json!("https://stage.example/accept")).key(&it.key)).await.expect(201);
    assert!(created.str("link").starts_with("https://stage.example/accept#i1."), "{}", created.text);
}
