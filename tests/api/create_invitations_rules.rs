//! `POST /invitations/bulk`: an account's rules, metadata, and links for the caller.

use std::time::Duration;

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, TestApp, Workers};

use crate::{
    create_invitations::{results, row},
    helpers::{COOLDOWN, assert_error, describe, table, text, with},
};

/// How long settings are remembered.
const REMEMBERED: Duration = Duration::from_secs(30);
const ROLES: &str = r#"{ "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
    "read-only": { "can": ["invitations:read"], "mayGrant": [] },
    "helper": { "can": ["invitations:create", "invitations:link"], "mayGrant": ["guest"] },
    "linker": { "can": ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"], "mayGrant": ["*"] } }"#;

async fn set(app: &TestApp, changes: Value) {
    let set = app.manage_settings(&with(&json!({ "action": "set", "account": ACCOUNT }), changes)).await;
    assert_eq!(set["account"], ACCOUNT, "{set}");
}

fn codes(response: &Response) -> Vec<String> {
    let code = |result: &Value| result["error"]["code"].as_str().unwrap_or("created").to_owned();
    results(response).iter().map(code).collect()
}

#[tokio::test]
async fn the_rules_of_the_account_apply_to_each_row_and_later_ones_do_not_change_results() {
    let app = TestApp::start().await;
    let domains = json!({ "allow": ["example.com", "*.example.org"], "deny": ["old.example.org"] });
    set(&app, json!({ "domains": domains, "redirectOrigins": ["https://app.example.com"] })).await;
    let to = |email: &str, redirect: &str| with(&row(email), json!({ "redirect": redirect }));
    let rows = [
        row("a@example.com"),
        row("a@example.net"),
        row("a@old.example.org"),
        to("b@example.com", "https://app.example.com/welcome"),
        to("c@example.com", "https://evil.example/welcome"),
        to("d@example.com", "ftp://app.example.com/"),
        with(&row("e@example.com"), json!({ "metadata": { "plan": "gold" } })),
        with(&row("f@example.com"), json!({ "metadata": { "plan": 1 } })),
    ];
    let expected = [
        "created",
        "domain-not-allowed",
        "domain-not-allowed",
        "created",
        "redirect-not-allowed",
        "invalid-redirect",
        "created",
        "invalid-metadata",
    ];
    assert_eq!(codes(&app.send(Call::bulk(&rows).query("dryRun=true").key(&app.full)).await.expect(200)), expected);
    let call = Call::bulk(&rows).key(&app.full).header("idempotency-key", "k");
    let first = app.send(call.clone()).await.expect(200);
    assert_eq!(codes(&first), expected);
    let found = results(&first);
    assert_eq!(found[3]["invitation"]["redirect"], "https://app.example.com/welcome");
    assert_eq!(found[6]["invitation"]["metadata"], json!({ "plan": "gold" }));
    for index in [0, 3, 6] {
        assert_eq!(found[index]["invitation"], describe(&app, &text(&found[index]["invitation"], "id")).await);
    }
    for index in [1, 2, 4] {
        let mut alone = app.send(Call::post("/invitations").json(&rows[index]).key(&app.full)).await.expect(400).json();
        alone.as_object_mut().expect("an error").remove("requestId");
        assert_eq!(found[index], json!({ "status": 400, "error": alone }));
    }
    set(&app, json!({ "domains": { "deny": ["example.com"] }, "redirectOrigins": null })).await;
    app.advance(REMEMBERED);
    let again = app.send(call).await;
    assert_eq!((&again.text, again.header("idempotent-replayed")), (&first.text, Some("true")));
}

#[tokio::test]
async fn a_row_that_is_not_sent_returns_its_link_which_is_stored_nowhere() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let key = app.new_key(ACCOUNT, "linker").await;
    let mut workers = Workers::of(&app).await;
    let unsent = |email: &str| with(&row(email), json!({ "send": false }));
    let rows = [unsent("a@example.com"), row("b@example.com"), unsent("c@example.com")];
    let call = Call::bulk(&rows).key(&key).header("idempotency-key", "k");
    let first = app.send(call.clone()).await.expect(200);
    let found = results(&first);
    let ids: Vec<String> = found.iter().map(|result| text(&result["invitation"], "id")).collect();
    let link = |result: &Value| result["invitation"]["link"].as_str().map(str::to_owned);
    let token = |result: &Value| link(result).expect("a link").rsplit_once('#').expect("a token").1.to_owned();
    assert_eq!(link(&found[1]), None);
    for index in [0, 2] {
        let mut shown = found[index]["invitation"].clone();
        shown.as_object_mut().expect("an invitation").remove("link");
        assert_eq!((&shown, &shown["sent"]), (&describe(&app, &ids[index]).await, &json!(false)));
    }
    // The link comes last.
    assert!(first.text.contains(&format!("\"sent\":false,\"link\":\"{}\"}}", link(&found[0]).expect("a link"))), "{}", first.text);
    let stored = format!("{:?}", app.rows().await);
    assert!(!stored.contains(token(&found[0]).rsplit('.').next().expect("a secret")));
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1);

    // A replay derives it again, while it is the current one.
    let replayed = async || {
        let again = app.send(call.clone()).await.expect(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        again
    };
    assert_eq!(replayed().await.text, first.text);
    app.send(Call::holder("accept", &token(&found[0]))).await.expect(200);
    app.advance(COOLDOWN);
    app.send(Call::post(&format!("/invitations/{}", ids[2])).key(&key)).await.expect(200);
    let again = results(&replayed().await);
    assert_eq!((link(&again[0]), link(&again[2])), (link(&found[0]), None));
    let mut without = found.clone();
    without[2]["invitation"].as_object_mut().expect("an invitation").remove("link");
    assert_eq!(again, without);
}

#[tokio::test]
async fn one_row_that_is_not_sent_takes_the_permission_for_the_whole_request() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let rows = [row("a@example.com"), with(&row("b@example.com"), json!({ "send": false }))];
    let before = table(&app).await;
    let forbidden = "You tried to do something that you're not allowed to do. It requires the permission invitations:link, which the \
                     role 'full-access' does not have.";
    for call in [Call::bulk(&rows), Call::bulk(&rows).query("dryRun=true"), Call::bulk(&rows).header("idempotency-key", "k")] {
        assert_error(&app.send(call.key(&app.full)).await, 403, "forbidden", None, forbidden);
    }
    assert_eq!(table(&app).await, before);
}

/// T14: a change of the role leaves the link, so who may not grant the new role must not get it again.
#[tokio::test]
async fn t14_a_replay_has_no_link_to_a_role_that_the_caller_may_not_grant() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let helper = app.new_key(ACCOUNT, "helper").await;
    let rows = ["a@example.com", "b@example.com"].map(|email| with(&row(email), json!({ "roleID": "guest", "send": false })));
    let call = || Call::bulk(&rows).key(&helper).header("idempotency-key", "k");
    let first = app.send(call()).await.expect(200);
    let id = text(&results(&first)[0]["invitation"], "id");
    let change = async |role: &str| {
        let change = Call::post(&format!("/invitations/{id}")).json(&json!({ "roleID": role })).key(&app.full);
        app.send(change).await.expect(200);
    };
    change("full-access").await;
    let replayed = results(&app.send(call()).await.expect(200));
    let links = [0, 1].map(|index| replayed[index]["invitation"].get("link").is_some());
    assert_eq!(links, [false, true]);
    change("guest").await;
    assert_eq!(app.send(call()).await.expect(200).text, first.text);
}
