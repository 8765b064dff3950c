//! What an account allows: the domains that it invites, and where single invitations may lead. And metadata, which means nothing here.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, TestApp, Workers, faults::Fault};

use crate::helpers::{COOLDOWN, assert_error, describe, table, text, with};

const EMAIL: &str = "user.one@example.com";
const NOT_ALLOWED: &str = "email: the account invites only certain domains, and this is none of them";
const DENIED: &str = "email: the account does not invite this domain";
/// How long settings are remembered.
const REMEMBERED: Duration = Duration::from_secs(30);

fn create(changes: Value) -> Call {
    Call::post("/invitations").json(&with(&json!({ "email": EMAIL, "roleID": "full-access" }), changes))
}

async fn set(app: &TestApp, changes: Value) -> Value {
    app.manage_settings(&with(&json!({ "action": "set", "account": ACCOUNT }), changes)).await
}

#[tokio::test]
async fn a_domain_policy_decides_at_create_resend_and_accept() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let shown = set(&app, json!({ "domains": { "allow": ["Example.com", "*.example.org"], "deny": ["old.example.org"] } })).await;
    assert_eq!(shown["domains"], json!({ "allow": ["example.com", "*.example.org"], "deny": ["old.example.org"] }));
    for (email, refused) in [
        (EMAIL, None),
        ("a@eu.EXAMPLE.org", None),
        ("a@example.org", Some(NOT_ALLOWED)),
        ("a@example.com.evil.example", Some(NOT_ALLOWED)),
        ("a@old.example.org", Some(DENIED)),
    ] {
        let before = table(&app).await;
        let response = app.send(create(json!({ "email": email })).key(&app.full)).await;
        match refused {
            None => drop(response.expect(201)),
            Some(message) => {
                assert_error(&response, 400, "domain-not-allowed", Some("email"), message);
                assert_eq!(table(&app).await, before);
            }
        }
    }
    // Later the account does not invite this domain any more.
    workers.deliver().await;
    let token = workers.last_token(EMAIL);
    let listed = app.send(Call::get(&format!("/invitations?email={EMAIL}")).key(&app.full)).await.expect(200).json();
    let id = text(&listed["invitations"][0], "id");
    set(&app, json!({ "domains": { "deny": ["example.com"] } })).await;
    app.advance(COOLDOWN);
    let before = table(&app).await;
    for call in [Call::post(&format!("/invitations/{id}")).key(&app.full), Call::holder("accept", &token)] {
        assert_error(&app.send(call).await, 400, "domain-not-allowed", Some("email"), DENIED);
    }
    assert_eq!(table(&app).await, before);
    // What takes access away is always possible.
    app.send(Call::holder("lookup", &token)).await.expect(200);
    app.send(Call::post(&format!("/invitations/{id}")).json(&json!({ "roleID": "guest" })).key(&app.full)).await.expect(200);
    app.send(Call::holder("decline", &token)).await.expect(200);
    let shown = set(&app, json!({ "domains": {} })).await;
    assert_eq!(shown.get("domains"), None);
}

#[tokio::test]
async fn a_new_policy_applies_within_thirty_seconds() {
    let app = TestApp::start().await;
    app.send(create(json!({})).key(&app.full)).await.expect(201);
    set(&app, json!({ "domains": { "deny": ["example.org"] } })).await;
    let other = || create(json!({ "email": "a@example.org" })).key(&app.full);
    app.advance(REMEMBERED - Duration::from_millis(1));
    app.send(other()).await.expect(201);
    app.advance(Duration::from_millis(1));
    app.send(create(json!({ "email": "b@example.org" })).key(&app.full)).await.expect_error(400, "domain-not-allowed");
}

#[tokio::test]
async fn a_replay_is_the_first_response_whatever_the_policy_is_now() {
    let app = TestApp::start().await;
    let call = || create(json!({})).key(&app.full).header("idempotency-key", "k");
    let first = app.send(call()).await.expect(201);
    set(&app, json!({ "domains": { "deny": ["example.com"] } })).await;
    app.advance(REMEMBERED);
    assert_eq!(app.send(call()).await.expect(201).text, first.text);
}

#[tokio::test]
async fn metadata_and_redirect_are_shown_wherever_the_account_sees_the_invitation() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let shown = set(&app, json!({ "redirectOrigins": ["https://app.example.com"], "redirect": "https://example.com/" })).await;
    assert_eq!(shown["redirectOrigins"], json!(["https://app.example.com"]));
    let (metadata, redirect) = (json!({ "plan": "gold", "team": "Süd" }), "https://app.example.com/welcome?team=7");
    let created = app.send(create(json!({ "metadata": metadata, "redirect": redirect })).key(&app.full)).await.expect(201);
    let id = created.str("id");
    assert_eq!((&created.json()["metadata"], &created.json()["redirect"]), (&metadata, &json!(redirect)));
    assert_eq!(describe(&app, &id).await, created.json());
    for query in ["", "?email=user.one@example.com", "?state=invited", "?roleID=full-access"] {
        let list = app.send(Call::get(&format!("/invitations{query}")).key(&app.full)).await.expect(200);
        assert_eq!(list.json()["invitations"], json!([created.json()]));
    }
    workers.deliver().await;
    let event = workers.bus.events().pop().expect("an event").detail;
    assert_eq!((&event["invitation"]["metadata"], &event["invitation"]["redirect"]), (&metadata, &json!(redirect)));
    let email = workers.last_email(EMAIL);
    assert!(!format!("{email:?}").contains("gold") && !format!("{email:?}").contains("welcome"));
    // The invitee continues there, as long as the account lists its origin.
    let token = workers.last_token(EMAIL);
    let lookup = async || app.send(Call::holder("lookup", &token)).await.expect(200).json();
    assert_eq!((&lookup().await["display"]["redirect"], lookup().await.get("metadata")), (&json!(redirect), None));
    set(&app, json!({ "redirectOrigins": [] })).await;
    assert_eq!(lookup().await["display"]["redirect"], "https://example.com/");
    // Nothing changes them.
    for body in [json!({ "metadata": {} }), json!({ "redirect": "https://app.example.com/" })] {
        app.send(Call::post(&format!("/invitations/{id}")).json(&body).key(&app.full)).await.expect_error(400, "missing-field");
    }
}

#[tokio::test]
async fn invalid_metadata_and_redirects_are_rejected() {
    let app = TestApp::start().await;
    set(&app, json!({ "redirectOrigins": ["https://app.example.com"] })).await;
    let before = table(&app).await;
    let object = "must be an object of at most 16 strings, such as {\"team\": \"sales\"}";
    for (changes, code, field, reason) in [
        (json!({ "metadata": "x" }), "invalid-metadata", "metadata", object),
        (json!({ "metadata": { "a": 1 } }), "invalid-metadata", "metadata", object),
        (
            json!({ "metadata": { "a": "v".repeat(249) } }),
            "invalid-metadata",
            "metadata",
            "must have at most 256 bytes as JSON, together with redirect; they have 257",
        ),
        (
            json!({ "redirect": format!("https://app.example.com/{}", "p".repeat(233)) }),
            "invalid-redirect",
            "redirect",
            "must have at most 256 bytes; it has 257",
        ),
        (
            json!({ "redirect": "https://evil.example/" }),
            "redirect-not-allowed",
            "redirect",
            "the account's settings do not list the origin https://evil.example",
        ),
        (
            json!({ "redirect": "javascript:alert(1)" }),
            "invalid-redirect",
            "redirect",
            "'javascript:alert(1)' is not a valid web address: it must start with https://, or with http:// for 127.0.0.1 and localhost",
        ),
    ] {
        let response = app.send(create(changes).key(&app.full)).await;
        assert_error(&response, 400, code, Some(field), &format!("{field}: {reason}"));
    }
    assert_eq!(table(&app).await, before);
    let empty = app.send(create(json!({ "metadata": {} })).key(&app.full)).await.expect(201);
    assert_eq!(empty.json().get("metadata"), None);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_the_metadata_and_the_redirect_too() {
    let app = TestApp::start().await;
    set(&app, json!({ "redirectOrigins": ["https://app.example.com"] })).await;
    let call = |changes| create(changes).key(&app.full).header("idempotency-key", "k");
    let given = json!({ "metadata": { "b": "2", "a": "1" }, "redirect": "https://app.example.com/" });
    let first = app.send(call(given.clone())).await.expect(201);
    assert_eq!(app.send(call(json!({ "redirect": "https://app.example.com", "metadata": { "a": "1", "b": "2" } }))).await.text, first.text);
    for other in [json!({}), json!({ "metadata": given["metadata"] }), json!({ "redirect": given["redirect"] })] {
        app.send(call(other)).await.expect_error(400, "idempotency-key-reused");
    }
}

/// Without knowing the rules nothing is sent. What takes access away does not depend on them.
#[tokio::test]
async fn while_the_rules_cannot_be_read_nothing_is_sent_and_revoking_works() {
    let app = TestApp::start().await;
    set(&app, json!({ "domains": { "allow": ["example.com"] } })).await;
    let id = text(&app.invite(EMAIL).await, "id");
    app.advance(COOLDOWN);
    let resend = || Call::post(&format!("/invitations/{id}")).key(&app.full);
    let other = || create(json!({ "email": "user.two@example.com" })).key(&app.full);
    let calls = || [other(), resend(), other().header("idempotency-key", "k"), resend().header("idempotency-key", "k")];

    // The table refuses the read.
    let before = table(&app).await;
    for call in calls() {
        // The caller's key is in memory.
        describe(&app, &id).await;
        app.faults.next([Fault::Error(400, "AccessDeniedException")]);
        app.send(call).await.expect_error(500, "internal-error");
        assert_eq!(app.faults.left(), 0);
    }
    // The row is damaged.
    let key = [("pk", format!("SETTINGS#{ACCOUNT}")), ("sk", "settings".to_owned())].map(|(name, key)| (name, AttributeValue::S(key)));
    let damage = async |domains: &str| {
        let put =
            app.client.update_item().table_name(&app.table).set_key(Some(key.clone().map(|(name, key)| (name.to_owned(), key)).into()));
        let put = put.update_expression("SET #d = :d").expression_attribute_names("#d", "domains");
        put.expression_attribute_values(":d", AttributeValue::S(domains.to_owned())).send().await.expect("the row can be written");
    };
    damage(r#"{"allow":["example.com"],"deny":["*"]}"#).await;
    for call in calls() {
        app.send(call).await.expect_error(500, "internal-error");
    }
    damage(r#"{"allow":["example.com"],"deny":[]}"#).await;
    assert_eq!(table(&app).await, before);
    damage("").await;
    let changed = Call::post(&format!("/invitations/{id}")).json(&json!({ "roleID": "guest" }));
    app.send(changed.key(&app.full)).await.expect(200);
    app.send(Call::set_state(&id, "revoked").key(&app.full)).await.expect(200);
    // Failures are not remembered, and the rules are those that the row has now.
    damage(r#"{"allow":["example.org"],"deny":[]}"#).await;
    app.send(other()).await.expect_error(400, "domain-not-allowed");
}
