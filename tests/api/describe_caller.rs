//! `GET /invitations/caller`: who the caller is, and what it may do.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, Response, TestApp, openapi, tokens};

use crate::helpers::{assert_error, assert_response, table, text, with};

const ROLES: &str = r#"{
  "full-access": { "can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["*"] },
  "read-only": { "can": ["invitations:read"], "mayGrant": [] },
  "inviter": { "can": ["invitations:link", "invitations:modify", "invitations:read", "invitations:create"],
               "mayGrant": ["read-only", "inviter", "retired"] },
  "powerless": { "can": [], "mayGrant": [] }
}"#;

fn caller() -> Call {
    Call::get("/invitations/caller")
}

async fn ask(app: &TestApp, key: &str) -> Response {
    app.send(caller().key(key)).await
}

/// The default limits.
fn limits() -> Value {
    json!({
        "resendCooldownSeconds": 60, "maxSends": 10, "defaultExpirySeconds": 604_800, "minExpirySeconds": 3600,
        "maxExpirySeconds": 2_592_000, "sendQuota": 500, "sendQuotaWindowSeconds": 3600,
    })
}

#[tokio::test]
async fn an_api_key_is_shown_with_its_name_its_role_and_the_defaults_and_nothing_is_written() {
    let app = TestApp::start().await;
    let created = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access", "name": "Jane Doe" })).await;
    let before = table(&app).await;
    let expected = json!({
        "account": ACCOUNT,
        "principal": format!("urn:cloudone:identity:ca-1:{ACCOUNT}:apikey/{}", text(&created, "id")),
        "displayName": "Jane Doe",
        "roleID": "full-access",
        "permissions": ["invitations:create", "invitations:modify", "invitations:read"],
        "grantableRoles": ["full-access", "read-only"],
        "settings": { "locales": [] },
        "limits": limits(),
    });
    assert_response(&ask(&app, &text(&created, "key")).await, 200, &expected, &[]);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn permissions_and_grantable_roles_are_those_that_the_other_routes_grant() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    // "retired" is not configured, so nobody can be given it by a user interface.
    for (role, permissions, grantable) in [
        ("full-access", vec!["create", "modify", "read"], vec!["full-access", "inviter", "powerless", "read-only"]),
        ("read-only", vec!["read"], vec![]),
        ("inviter", vec!["create", "link", "modify", "read"], vec!["inviter", "read-only"]),
        ("powerless", vec![], vec![]),
    ] {
        let shown = ask(&app, &app.new_key(ACCOUNT, role).await).await.expect(200).json();
        let permissions: Vec<String> = permissions.iter().map(|it| format!("invitations:{it}")).collect();
        assert_eq!(
            (&shown["roleID"], &shown["permissions"], &shown["grantableRoles"]),
            (&json!(role), &json!(permissions), &json!(grantable))
        );
        assert_eq!(shown.get("displayName"), None, "a key without a name");
        let can = |permission: &str| permissions.contains(&format!("invitations:{permission}"));
        let key = app.new_key(ACCOUNT, role).await;
        assert_eq!(app.send(Call::get("/invitations").key(&key)).await.status, if can("read") { 200 } else { 403 });
        for other in ["full-access", "read-only", "inviter", "powerless"] {
            let created = app.send(Call::create(&format!("{role}.{other}@example.com"), other).key(&key)).await;
            assert_eq!(created.status == 201, can("create") && grantable.contains(&other), "{role} {other}");
        }
    }
}

#[tokio::test]
async fn the_settings_are_those_that_invitees_see_and_the_limits_those_that_are_configured() {
    let app = TestApp::with(&[
        ("DEFAULT_DISPLAY_NAME", "Default Ltd"),
        ("DEFAULT_COLOUR", "#0b5fff"),
        ("RESEND_COOLDOWN_SECONDS", "0"),
        ("MAX_SENDS", "3"),
        ("INVITATION_LIFETIME_SECONDS", "7200"),
        ("INVITATION_MAX_LIFETIME_SECONDS", "86400"),
        ("SEND_QUOTA", "7"),
        ("SEND_QUOTA_WINDOW_SECONDS", "60"),
    ])
    .await;
    let set = json!({
        "action": "set", "account": ACCOUNT, "name": "Example Ltd", "locale": "de-AT", "redirect": "https://app.example.com/in",
        "logo": "data:image/gif;base64,R0lGODlhAA==", "binding": "email", "domains": { "allow": ["example.com"] },
        "redirectOrigins": ["https://app.example.com"], "remindBefore": 3600,
    });
    assert_eq!(app.manage_settings(&set).await["account"], ACCOUNT);
    let shown = ask(&app, &app.full).await.expect(200).json();
    let expected = json!({
        "name": "Example Ltd", "logo": "data:image/gif;base64,R0lGODlhAA==", "colour": "#0b5fff", "locales": ["de-AT"],
        "redirect": "https://app.example.com/in",
    });
    assert_eq!(shown["settings"], expected, "nothing but what invitees see");
    let configured = json!({
        "resendCooldownSeconds": 0, "maxSends": 3, "defaultExpirySeconds": 7200, "maxExpirySeconds": 86400, "sendQuota": 7,
        "sendQuotaWindowSeconds": 60,
    });
    assert_eq!(shown["limits"], with(&limits(), configured));
    // Each account has its own.
    let other = ask(&app, &app.other).await.expect(200).json();
    assert_eq!((&other["account"], &other["settings"]["name"]), (&json!(OTHER_ACCOUNT), &json!("Default Ltd")));
    // A change is visible at once.
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Renamed Ltd" })).await;
    assert_eq!(ask(&app, &app.full).await.expect(200).json()["settings"]["name"], "Renamed Ltd");
}

#[tokio::test]
async fn a_person_is_shown_by_name_and_a_token_without_an_account_or_a_role_is_refused_as_elsewhere() {
    let app = TestApp::with(&[("ISSUERS", tokens::ISSUERS)]).await;
    let key = tokens::signing_key("k1");
    tokens::publish(&app, tokens::ISSUERS, &[&key]).await;
    let token = |more: Value| key.token(&tokens::claims(app.now(), &more));
    let shown = app.send(caller().bearer(&token(json!({ "roles": "viewer" })))).await.expect(200).json();
    let urn = format!("urn:cloudone:identity:ca-1:{ACCOUNT}:user/acme:jane");
    assert_eq!(
        (&shown["principal"], &shown["displayName"], &shown["roleID"], &shown["permissions"]),
        (&json!(urn), &json!("Jane Doe"), &json!("read-only"), &json!(["invitations:read"]))
    );
    let refused = |why: &str| format!("You tried to do something that you're not allowed to do. {why}");
    let none = app.send(caller().bearer(&token(json!({ "roles": null })))).await;
    assert_error(&none, 403, "forbidden", None, &refused("It requires a role, and your token gives you none here."));
    for more in [json!({ "account": null }), json!({ "account": "acme" }), json!({ "exp": 0 }), json!({ "aud": "others" })] {
        let token = token(more);
        let [ours, theirs] = [app.send(caller().bearer(&token)).await, app.send(Call::get("/invitations").bearer(&token)).await];
        assert_eq!(ours, theirs);
        assert!([401, 403].contains(&ours.status));
    }
    app.send(caller()).await.expect_error(401, "unauthorized");
}

#[tokio::test]
async fn a_key_whose_role_is_no_longer_configured_may_do_nothing() {
    let app = TestApp::with(&[("ROLES", ROLES)]).await;
    let key = app.new_key(ACCOUNT, "inviter").await;
    let smaller = app.another(&[("ROLES", r#"{ "full-access": { "can": ["invitations:read"], "mayGrant": ["*"] } }"#)]);
    let shown = smaller.send(caller().key(&key)).await.expect(200).json();
    assert_eq!((&shown["roleID"], &shown["permissions"], &shown["grantableRoles"]), (&json!("inviter"), &json!([]), &json!([])));
}

#[tokio::test]
async fn parameters_are_refused_and_unreadable_settings_are_a_500() {
    let app = TestApp::start().await;
    for (query, code) in [("x=1", "unknown-parameter"), ("account=210987654321", "unknown-parameter"), ("%zz", "invalid-query")] {
        app.send(caller().query(query).key(&app.full)).await.expect_error(400, code);
    }
    app.send(caller().header("api-version", "v2").key(&app.full)).await.expect_error(400, "invalid-api-version");
    let row = [("pk", format!("SETTINGS#{ACCOUNT}")), ("sk", "settings".to_owned()), ("colour", "blue".to_owned())];
    app.import([row.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into()]);
    ask(&app, &app.full).await.expect_error(500, "internal-error");
}

#[test]
fn the_contract_lists_every_permission() {
    let document = openapi::document();
    let listed = &document["components"]["schemas"]["Caller"]["properties"]["permissions"]["items"]["x-extensible-enum"];
    let listed: BTreeSet<&str> = listed.as_array().expect("a list").iter().map(|it| it.as_str().expect("a text")).collect();
    let all = ["read", "create", "modify", "link"].map(|permission| format!("invitations:{permission}"));
    assert_eq!(listed, all.iter().map(String::as_str).collect());
}
