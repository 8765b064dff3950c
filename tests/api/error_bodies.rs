//! Every error response of the API, in full. A changed word shows up in `snapshots`.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use functions::{
    app::App,
    http::{edge::respond, event::Request, output::Reply},
    invitee::accept_page::{self, Page},
    texts::PageTexts,
};
use serde_json::{Value, json};
use support::{ACCOUNT, Call, People, Response, TestApp, Workers, faults::Fault};

use crate::{
    helpers::{COOLDOWN, LIFETIME, advance_to_expiry, resend, text},
    snapshot::Snapshot,
};

const EMAIL: &str = "user.one@example.com";

fn post(body: &str) -> Call {
    Call::post("/invitations").text(body)
}

fn create(field: &str, value: Value) -> Call {
    let mut body = json!({ "email": EMAIL, "roleID": "full-access" });
    body[field] = value;
    Call::post("/invitations").json(&body)
}

/// Sends each call with an API key and records the response under its name.
async fn note<'a>(snapshot: &mut Snapshot, app: &TestApp, calls: impl IntoIterator<Item = (&'a str, Call)>) {
    for (case, call) in calls {
        snapshot.response(case, &app.send(call.key(&app.full)).await);
    }
}

#[tokio::test]
async fn errors_of_a_request() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("request");
    let many = r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}"#;
    let twice = r#"{"email":"a@example.com","email":"b@example.com"}"#;
    let calls = [
        ("no body", Call::post("/invitations")),
        ("a body that is not UTF-8", Call::post("/invitations").bytes(b"\xff")),
        ("a body that is not an object", post("[]")),
        ("a body that is cut off", post("{")),
        ("a body with trailing text", post("{} x")),
        ("a field twice", post(twice)),
        ("no field", post("{}")),
        ("a field of another type", create("email", json!(1))),
        ("an unknown field", create("role", json!("x"))),
        ("two unknown fields", post(r#"{"a":1,"b":1}"#)),
        ("six unknown fields", post(many)),
        ("a body above 64 KiB", post(&" ".repeat(64 * 1024 + 1))),
        ("a body that is not base64", Call::post("/invitations").base64_text("%")),
        ("a body of another type", post("{}").header("content-type", "text/plain")),
        ("another version", Call::get("/invitations").header("api-version", "v2")),
        ("an unknown parameter", Call::get("/invitations?page=2")),
        ("a parameter of a route without parameters", Call::post("/invitations?force=true")),
        ("three unknown parameters", Call::get("/invitations?a&b&c")),
        ("a parameter twice", Call::get("/invitations?limit=1&limit=2")),
        ("a query that is not encoded", Call::get("/invitations?email=%zz")),
        ("an invalid id", Call::get("/invitations/1")),
        ("an id that is not UTF-8", Call::get("/invitations/%FF")),
        ("an unknown id", Call::get(&format!("/invitations/{}", "0".repeat(32)))),
        ("known tags without quotes", Call::get(&format!("/invitations/{}", "0".repeat(32))).header("if-none-match", "x")),
    ];
    note(&mut snapshot, &app, calls).await;
    let route = "GET /invitations";
    snapshot.response("an event that is not a request", &with_request_id(app.send_event(route, "{}").await));
    let mut event = Call::get("/invitations").event();
    event["requestContext"]["http"]["method"] = "PUT".into();
    snapshot.response("another method", &app.send_event(route, &event.to_string()).await);
    let page = Page::new(&PageTexts::load(None).expect("the built-in texts are right"));
    let event = Call::post("/accept").event().to_string();
    let reply = respond(accept_page::ROUTE, Ok(&page), &event, "invocation-1", &accept_page::handle).await;
    snapshot.response("another method for the page", &reply.into());
    snapshot.assert();
}

/// Replaces the request id of a response to an event that has none.
fn with_request_id(response: Response) -> Response {
    let mut headers = response.headers;
    assert_eq!(headers.insert("x-request-id".to_owned(), "request-1".to_owned()).as_deref(), Some("invocation-1"));
    Response { headers, ..response }
}

#[tokio::test]
async fn errors_of_a_credential() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("credential");
    snapshot.response("no header", &app.send(Call::get("/invitations")).await);
    for (case, header) in [
        ("another scheme", "Bearer x"),
        ("no key", "ApiKey"),
        ("a key that is cut off", "ApiKey ik_live_012345678912"),
        ("an unknown key", &format!("ApiKey {}", TestApp::start().await.full)),
    ] {
        snapshot.response(case, &app.send(Call::get("/invitations").header("authorization", header)).await);
    }
    let path = format!("/invitations/{}", "0".repeat(32));
    for (case, call) in [("no permission to create", Call::create(EMAIL, "read-only")), ("no permission to modify", Call::post(&path))] {
        snapshot.response(case, &app.send(call.key(&app.read_only)).await);
    }
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_a_create() {
    let roles =
        r#"{ "full-access": { "can": ["invitations:create"], "mayGrant": ["full-access"] }, "read-only": { "can": [], "mayGrant": [] } }"#;
    let app = TestApp::with(&[("ROLES", roles), ("SEND_QUOTA", "2")]).await;
    app.advance_to_window();
    let mut snapshot = Snapshot::new("create");
    let start = app.now();
    snapshot.redact(start.plus(Duration::from_secs(3600)), "in an hour");
    snapshot.redact(start.plus(Duration::from_secs(30 * 86_400)), "in 30 days");
    snapshot.redact(start, "now");
    let with_key = |key: &str| Call::create("user.two@example.com", "full-access").header("idempotency-key", key);
    snapshot.redact(app.send(with_key("used").key(&app.full)).await.expect(201).str("id"), "the open invitation");
    let calls = [
        ("an email that is null", create("email", Value::Null)),
        ("an invalid email", create("email", json!("user.one"))),
        ("an invalid role", create("roleID", json!("Full Access"))),
        ("an invalid expiry", create("expiry", json!("tomorrow"))),
        ("an expiry that is too early", create("expiry", json!(start.to_string()))),
        ("an invalid locale", create("locale", json!("en_US"))),
        ("an idempotency key that is too long", with_key(&"k".repeat(256))),
        ("an idempotency key that was used", create("email", json!("user.three@example.com")).header("idempotency-key", "used")),
        ("an address that has an open invitation", Call::create("User.Two@example.com", "full-access")),
        ("a role that the caller cannot grant", Call::create(EMAIL, "admin")),
    ];
    note(&mut snapshot, &app, calls).await;
    app.invite(EMAIL).await;
    note(&mut snapshot, &app, [("a quota that is used up", Call::create("user.three@example.com", "full-access"))]).await;
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_a_list() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("list");
    let calls = [
        "limit=-1",
        "state=open",
        "email=user+one@example.com",
        "emailPrefix=us",
        "emailPrefix=user+one",
        "emailPrefix=user@b%C3%BCcher",
        "roleID=Admin",
        "order=newest",
        "cursor=x",
        "next=x",
        "cursor=x&next=y",
    ];
    note(&mut snapshot, &app, calls.map(|query| (query, Call::get(&format!("/invitations?{query}"))))).await;
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_a_modify() {
    let app = TestApp::with(&[("MAX_SENDS", "2")]).await;
    let mut workers = Workers::of(&app).await;
    let mut snapshot = Snapshot::new("modify");
    let id = text(&app.invite(EMAIL).await, "id");
    let force = |value: &str| Call::post(&format!("/invitations/{id}?force={value}"));
    let calls = [
        ("an invalid force", force("yes")),
        ("a force with a body", force("true").json(&json!({ "state": "invited" }))),
        ("an empty object", resend(&id).json(&json!({}))),
        ("a state that cannot be requested", Call::set_state(&id, "expired")),
        ("tags without quotes", resend(&id).header("if-match", "x")),
        ("a tag of an earlier version", resend(&id).header("if-match", "\"x\"")),
        ("within the cooldown", resend(&id)),
    ];
    note(&mut snapshot, &app, calls).await;
    app.advance(COOLDOWN);
    app.send(resend(&id).key(&app.full)).await.expect(200);
    note(&mut snapshot, &app, [("sent as often as allowed", resend(&id))]).await;
    for email in ["bounce@example.com", "complaint@example.com"] {
        let id = text(&app.invite(email).await, "id");
        workers.deliver().await;
        workers.report(&workers.last_email(email)).await;
        app.advance(COOLDOWN);
        note(&mut snapshot, &app, [(email, resend(&id))]).await;
    }
    for state in ["revoked", "accepted", "declined"] {
        let id = text(&app.invite(&format!("{state}@example.com")).await, "id");
        if state == "revoked" {
            app.send(Call::set_state(&id, state).key(&app.full)).await.expect(200);
        } else {
            app.close_as_invitee(&id, state).await;
        }
        note(&mut snapshot, &app, [(state, resend(&id))]).await;
    }
    let expired = text(&app.invite("user.two@example.com").await, "id");
    advance_to_expiry(&app, &expired).await;
    snapshot.redact(text(&app.invite("user.two@example.com").await, "id"), "the open invitation");
    note(&mut snapshot, &app, [("an address that has another open invitation", resend(&expired))]).await;
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_an_invitees_decision() {
    let roles = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
        "read-only": { "can": ["invitations:read"], "mayGrant": [] }, "helper": { "can": ["invitations:modify"], "mayGrant": [] } }"#;
    let app = TestApp::with(&[("ROLES", roles)]).await;
    let mut workers = Workers::of(&app).await;
    let mut snapshot = Snapshot::new("decision");
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "binding": "email" })).await;
    let id = text(&app.invite(EMAIL).await, "id");
    workers.deliver().await;
    let token = workers.last_token(EMAIL);
    let accept = |principal: &str, email: &str| {
        Call::post("/invitations/accept").json(&json!({ "token": token, "principal": principal, "email": email }))
    };
    snapshot.response("an unknown token", &app.send(Call::holder("lookup", "x")).await);
    snapshot.response("no token", &app.send(Call::post("/invitations/accept").text("{}")).await);
    snapshot.response("a principal without a key", &app.send(accept("user-1", EMAIL)).await);
    snapshot.response("the link alone", &app.send(Call::holder("accept", &token)).await);
    let calls = [
        ("an invalid principal", accept("Jürgen", EMAIL)),
        ("an invalid email", accept("user-1", "user.one")),
        ("another invitee", accept("user-1", "user.two@example.com")),
    ];
    note(&mut snapshot, &app, calls).await;
    let helper = app.new_key(ACCOUNT, "helper").await;
    snapshot.response("a role that the caller cannot grant", &app.send(accept("user-1", EMAIL).key(&helper)).await);
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    snapshot.response("revoked", &app.send(Call::holder("accept", &token)).await);
    app.invite(EMAIL).await;
    workers.deliver().await;
    app.advance(LIFETIME);
    snapshot.response("expired", &app.send(Call::holder("decline", &workers.last_token(EMAIL))).await);
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_an_invitee_who_has_signed_in() {
    let (app, people) = People::start().await;
    let mut snapshot = Snapshot::new("person");
    let (person, unverified) = (people.token(&app, EMAIL), people.token_with(&app, EMAIL, &json!({ "email_verified": false })));
    let mine = |query: &str| Call::get(&format!("/invitations/mine{query}"));
    snapshot.response("an API key", &app.send(mine("").key(&app.full)).await);
    snapshot.response("no verified address", &app.send(mine("").bearer(&unverified)).await);
    let id = text(&app.invite("user.two@example.com").await, "id");
    let accept = |body: Value| Call::post("/invitations/accept").json(&body);
    for (case, call) in [
        ("a limit that is no number", mine("?limit=x")),
        ("the cursor of nobody", mine("?cursor=x")),
        ("a filter", mine("?state=invited")),
        ("neither a link nor an id", accept(json!({}))),
        ("an id without its account", accept(json!({ "id": id }))),
        ("malformed ids", accept(json!({ "id": "1", "account": "acme" }))),
        ("a link and an id", accept(json!({ "token": "x", "id": id, "account": ACCOUNT }))),
        ("the word of a host", accept(json!({ "token": "x", "principal": "user-1", "email": EMAIL }))),
        ("an unknown id", accept(json!({ "id": "0".repeat(32), "account": ACCOUNT }))),
        ("an invitation for another address", accept(json!({ "id": id, "account": ACCOUNT }))),
    ] {
        snapshot.response(case, &app.send(call.bearer(&person)).await);
    }
    snapshot.assert();
}

#[tokio::test]
async fn errors_of_the_service() {
    let app = TestApp::start().await;
    let mut snapshot = Snapshot::new("failure");
    let list = Call::get("/invitations").key(&app.full);
    snapshot.response("maintenance", &app.another(&[("MAINTENANCE_RETRY_AFTER_SECONDS", "120")]).send(list.clone()).await);
    app.faults.always(Fault::Error(400, "ProvisionedThroughputExceededException"));
    snapshot.response("throttled", &app.send(list.clone()).await);
    app.faults.always(Fault::Error(400, "AccessDeniedException"));
    snapshot.response("not permitted", &app.send(list.clone()).await);
    app.faults.clear();
    let id = text(&app.invite(EMAIL).await, "id");
    app.set(&id, "st", AttributeValue::S("unheard-of".to_owned())).await;
    snapshot.response("a row that cannot be read", &app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await);
    let panic = async |_: &App, _: &Request| -> Result<Reply, _> { panic!("the secret is 42") };
    let route = functions::account::list_invitations::ROUTE;
    snapshot.response("a panic", &respond(route, Ok(app.state()), &list.event().to_string(), "invocation-1", &panic).await.into());
    snapshot.assert();
}
