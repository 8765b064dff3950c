//! External ids of accounts, and accounts that `manage-account-settings` creates.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use functions::operator::{
    erase_invitee,
    invocation::{self, Table},
    manage_api_keys::{self, Keys},
    revoke_invitations::Revocations,
};
use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, run_as};

use crate::helpers::{COOLDOWN, TICK, number, table, text, with};

fn set(account: &str, changes: Value) -> Value {
    with(&json!({ "action": "set", "account": account }), changes)
}

fn describe(id: &str) -> Value {
    json!({ "action": "describe", "externalID": id })
}

fn create(id: &str) -> Value {
    json!({ "action": "create", "externalID": id })
}

fn refusal(code: &str, field: &str, message: &str) -> Value {
    let message_of_all = format!("{field}: {message}");
    json!({ "code": code, "field": field, "fields": { field: message }, "message": message_of_all, "requestId": "invocation-1" })
}

fn unknown(id: &str) -> Value {
    refusal("not-found", "externalID", &format!("no account has the external id '{id}'"))
}

/// The rows that make an external id belong to an account, written at `since`.
async fn rows_of(app: &TestApp, account: &str, id: &str) -> [Option<Value>; 2] {
    let mut rows = table(app).await;
    [(format!("SETTINGS#{account}"), "settings"), (format!("EXTERNAL#{id}"), "account")].map(|(pk, sk)| rows.remove(&(pk, sk.to_owned())))
}

#[tokio::test]
async fn an_external_id_is_set_once_and_leads_to_its_account() {
    let app = TestApp::start().await;
    let since = app.now().as_millis() + 60_000;
    let expected = json!({ "account": ACCOUNT, "externalID": "Org/7", "name": "Example", "binding": "bearer" });
    let given = set(ACCOUNT, json!({ "externalID": "Org/7", "name": "Example" }));
    assert_eq!(app.manage_settings(&given).await, expected);
    let settings = json!({
        "pk": format!("SETTINGS#{ACCOUNT}"), "sk": "settings", "name": "Example", "external_id": "Org/7", "external_since": since,
    });
    let owner = json!({ "pk": "EXTERNAL#Org/7", "sk": "account", "account": ACCOUNT });
    assert_eq!(rows_of(&app, ACCOUNT, "Org/7").await, [Some(settings), Some(owner)]);

    let before = table(&app).await;
    app.advance(COOLDOWN);
    for again in
        [given, set(ACCOUNT, json!({ "externalID": "Org/7" })), describe("Org/7"), with(&describe("Org/7"), json!({ "account": ACCOUNT }))]
    {
        assert_eq!(app.manage_settings(&again).await, expected, "{again}");
    }
    assert_eq!(table(&app).await, before, "setting the same one again changes nothing");
    assert_eq!(app.manage_settings(&describe("org/7")).await, unknown("org/7"), "letter case matters");
}

#[tokio::test]
async fn an_external_id_alone_names_the_account_whose_settings_are_set() {
    let app = TestApp::start().await;
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "acme" }))).await;
    let renamed = app.manage_settings(&json!({ "action": "set", "externalID": "acme", "name": "Acme" })).await;
    assert_eq!(renamed, json!({ "account": ACCOUNT, "externalID": "acme", "name": "Acme", "binding": "bearer" }));
    assert_eq!(app.manage_settings(&json!({ "action": "describe", "account": ACCOUNT })).await, renamed);
}

#[tokio::test]
async fn an_external_id_is_never_changed_removed_or_shared() {
    let app = TestApp::start().await;
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "acme" }))).await;
    app.manage_settings(&set(OTHER_ACCOUNT, json!({ "externalID": "other" }))).await;
    let before = table(&app).await;
    let immutable = refusal("external-id-immutable", "externalID", "the account has the external id 'acme', which cannot be changed");
    let taken = refusal("external-id-taken", "externalID", &format!("it is the external id of account {ACCOUNT}"));
    let malformed = "'' is not an external id: it must have 1 to 128 printable ASCII characters and no spaces";
    for (event, expected) in [
        (set(ACCOUNT, json!({ "externalID": "acme2", "name": "x" })), immutable.clone()),
        (set(ACCOUNT, json!({ "externalID": "other", "name": "x" })), immutable),
        (set("333333333333", json!({ "externalID": "acme", "name": "x" })), taken),
        (set(ACCOUNT, json!({ "externalID": "", "name": "x" })), refusal("invalid-field", "externalID", malformed)),
        (
            with(&describe("acme"), json!({ "account": OTHER_ACCOUNT })),
            refusal("invalid-field", "externalID", &format!("is the external id of account {ACCOUNT}")),
        ),
    ] {
        assert_eq!(app.manage_settings(&event).await, expected, "{event}");
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_unknown_external_id_is_not_found_and_nothing_is_written() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    for event in [
        describe("acme"),
        json!({ "action": "set", "externalID": "acme", "name": "x" }),
        with(&describe("acme"), json!({ "account": ACCOUNT })),
    ] {
        assert_eq!(app.manage_settings(&event).await, unknown("acme"), "{event}");
    }
    for event in [
        json!({ "action": "create", "externalID": "acme", "role": "full-access" }),
        json!({ "action": "list", "externalID": "acme" }),
        json!({ "action": "disable", "externalID": "acme", "id": "000000000000" }),
    ] {
        assert_eq!(app.manage_keys(&event).await, unknown("acme"), "{event}");
    }
    assert_eq!(app.erase(&json!({ "externalID": "acme", "email": "user.one@example.com" })).await, unknown("acme"));
    assert_eq!(app.revoke(&json!({ "externalID": "acme", "email": "user.one@example.com" })).await, unknown("acme"));
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn every_operator_function_accepts_the_external_id_of_an_account() {
    let app = TestApp::start().await;
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "acme" }))).await;
    app.invite("user.one@example.com").await;
    let key = app.manage_keys(&json!({ "action": "create", "externalID": "acme", "role": "full-access" })).await;
    assert_eq!(key["account"], ACCOUNT);
    let list = app.manage_keys(&json!({ "action": "list", "externalID": "acme", "account": ACCOUNT })).await;
    assert!(list["keys"].as_array().expect("keys").iter().any(|listed| listed["id"] == key["id"]), "{list}");
    let disabled = app.manage_keys(&json!({ "action": "disable", "externalID": "acme", "id": key["id"] })).await;
    assert_eq!((disabled["id"].clone(), &disabled["enabled"]), (key["id"].clone(), &json!(false)));
    let other = json!({ "action": "list", "externalID": "acme", "account": OTHER_ACCOUNT });
    let expected = refusal("invalid-field", "externalID", &format!("is the external id of account {ACCOUNT}"));
    assert_eq!(app.manage_keys(&other).await, expected);
    let revoke = |account: &str| json!({ "externalID": "acme", "account": account, "roleID": "full-access" });
    assert_eq!(app.revoke(&revoke(OTHER_ACCOUNT)).await, expected);
    assert_eq!(app.revoke(&revoke(ACCOUNT)).await, json!({ "revoked": 1 }));
    assert_eq!(app.erase(&json!({ "externalID": "acme", "email": "user.one@example.com" })).await, json!({ "erased": 1 }));
}

#[tokio::test]
async fn a_created_account_has_a_new_id_and_can_be_used() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let created = app.manage_settings(&with(&create("acme"), json!({ "name": "Acme", "colour": "#0B5FFF", "logo": "" }))).await;
    let account = text(&created, "account");
    let shown = json!({ "account": account, "externalID": "acme", "name": "Acme", "colour": "#0b5fff", "binding": "bearer" });
    assert_eq!(created, with(&shown, json!({ "created": true })));
    let mut rows = table(&app).await;
    rows.retain(|key, _| !before.contains_key(key));
    let settings = json!({
        "pk": format!("SETTINGS#{account}"), "sk": "settings", "name": "Acme", "colour": "#0b5fff",
        "external_id": "acme", "external_since": 0,
    });
    let owner = json!({ "pk": "EXTERNAL#acme", "sk": "account", "account": account });
    assert_eq!(rows.into_values().collect::<Vec<_>>(), [owner, settings]);
    assert_eq!(app.manage_settings(&describe("acme")).await, shown);

    let key = app.new_key(&account, "full-access").await;
    let invited = app.send(Call::create("user.one@example.com", "full-access").key(&key)).await.expect(201);
    assert!(invited.str("urn").contains(&account), "{}", invited.text);
}

#[tokio::test]
async fn creating_again_with_the_same_external_id_returns_the_account_unchanged() {
    let app = TestApp::start().await;
    let created = app.manage_settings(&with(&create("acme"), json!({ "name": "Acme" }))).await;
    app.manage_settings(&json!({ "action": "set", "externalID": "acme", "name": "Renamed" })).await;
    let before = table(&app).await;
    let again = app.manage_settings(&with(&create("acme"), json!({ "name": "Acme" }))).await;
    assert_eq!(again, with(&created, json!({ "name": "Renamed", "created": false })));
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "old" }))).await;
    let old = app.manage_settings(&create("old")).await;
    assert_eq!((&old["account"], &old["created"]), (&json!(ACCOUNT), &json!(false)), "an account that was not created");
    assert_eq!(table(&app).await.len(), before.len() + 2);
}

#[tokio::test]
async fn without_an_external_id_every_creation_is_another_account() {
    let app = TestApp::start().await;
    let [one, other] =
        [app.manage_settings(&json!({ "action": "create" })).await, app.manage_settings(&json!({ "action": "create" })).await];
    for created in [&one, &other] {
        assert_eq!(*created, json!({ "account": created["account"], "binding": "bearer", "created": true }));
        let [settings, _] = rows_of(&app, &text(created, "account"), "").await;
        assert!(settings.is_some(), "its id is reserved");
    }
    assert_ne!(one["account"], other["account"]);
}

/// The function over a store that draws these ids, in order.
fn drawing(app: &TestApp, accounts: &[&str]) -> Table {
    let left = Mutex::new(accounts.iter().rev().map(|account| account.parse().expect("an account id")).collect::<Vec<_>>());
    let draw = move || left.lock().expect("no test panics in here").pop().expect("no further id is needed");
    Table(app.state().store.clone().drawing(Arc::new(draw)))
}

#[tokio::test]
async fn a_created_account_gets_no_id_that_has_settings_keys_or_data() {
    let app = TestApp::start().await;
    app.manage_settings(&set("000000000001", json!({ "name": "Used" }))).await;
    app.new_key("000000000002", "read-only").await;
    let put = app.client.put_item().table_name(&app.table).item("pk", AttributeValue::S("A#000000000003".to_owned()));
    put.item("sk", AttributeValue::S("Q#0000000000000".to_owned())).send().await.expect("the row can be written");
    let before = table(&app).await;
    let table_of_four = drawing(&app, &["000000000001", "000000000002", "000000000003", "000000000004"]);
    let _ = app.faults.take_requests();
    let created = TestApp::manage_settings_over(&table_of_four, &create("acme")).await;
    assert_eq!((&created["account"], &created["created"]), (&json!("000000000004"), &json!(true)));
    for (_, query) in app.faults.take_requests().iter().filter(|(operation, _)| operation == "Query") {
        assert_eq!((&query["Select"], &query["Limit"], &query["ConsistentRead"]), (&json!("COUNT"), &json!(1), &json!(true)));
    }
    let mut after = table(&app).await;
    for (key, row) in before {
        assert_eq!(after.remove(&key), Some(row), "{key:?}");
    }
    assert_eq!(after.len(), 2);

    let all_used = drawing(&app, &["000000000002"; 6]);
    assert_eq!(TestApp::manage_settings_over(&all_used, &create("more")).await["code"], "unavailable");
    assert_eq!(app.manage_settings(&describe("more")).await, unknown("more"));
}

#[tokio::test]
async fn an_account_with_data_keeps_its_keys_and_its_limits_when_its_external_id_is_set() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let row = crate::helpers::invitation_row(&app, &id).await;
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "acme" }))).await;
    assert_eq!(crate::helpers::invitation_row(&app, &id).await, row);
    assert_eq!(
        number(&rows_of(&app, ACCOUNT, "acme").await[0].clone().expect("settings"), "external_since"),
        app.now().as_millis() + 60_000
    );
    app.advance(TICK);
    app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
}

#[tokio::test]
async fn a_single_account_stack_serves_no_other_account_by_any_name() {
    let app = TestApp::start().await;
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "own" }))).await;
    app.manage_settings(&set(OTHER_ACCOUNT, json!({ "externalID": "other" }))).await;
    let only = app.state().store.clone().only(Some(ACCOUNT.parse().expect("an account id")));
    let (direct, keys) = (Table(only.clone()), Keys::new(only.clone(), "{}".parse().expect("roles")));
    let revocations = Revocations { store: only, ..app.revocations(Duration::ZERO) };
    let expected = refusal("invalid-field", "account", &format!("this stack serves only the account {ACCOUNT}"));
    let before = table(&app).await;
    let list = async |event: &Value| -> Value {
        let answer =
            run_as("manage-api-keys", invocation::respond(Ok(&keys), &event.to_string(), "invocation-1", &manage_api_keys::handle)).await;
        serde_json::from_str(&answer).expect("JSON")
    };
    let erase = async |event: &Value| -> Value {
        let answer =
            run_as("erase-invitee", invocation::respond(Ok(&direct), &event.to_string(), "invocation-1", &erase_invitee::handle)).await;
        serde_json::from_str(&answer).expect("JSON")
    };
    let _ = app.faults.take_requests();
    for event in [json!({ "action": "describe", "account": OTHER_ACCOUNT }), set(OTHER_ACCOUNT, json!({ "externalID": "more" }))] {
        assert_eq!(TestApp::manage_settings_over(&direct, &event).await, expected, "{event}");
    }
    assert_eq!(list(&json!({ "action": "list", "account": OTHER_ACCOUNT })).await, expected);
    assert_eq!(erase(&json!({ "account": OTHER_ACCOUNT, "email": "user.one@example.com" })).await, expected);
    let revoke = async |event: &Value| TestApp::revoke_over(&revocations, event).await;
    assert_eq!(revoke(&json!({ "account": OTHER_ACCOUNT, "email": "user.one@example.com" })).await, expected);
    let created = TestApp::manage_settings_over(&direct, &create("more")).await;
    let message = format!("'create' is not possible: this stack serves only the account {ACCOUNT}");
    assert_eq!(created, refusal("invalid-field", "action", &message));
    assert_eq!(app.faults.take_requests(), []);

    assert_eq!(TestApp::manage_settings_over(&direct, &describe("other")).await, unknown("other"));
    assert_eq!(list(&json!({ "action": "list", "externalID": "other" })).await, unknown("other"));
    assert_eq!(erase(&json!({ "externalID": "other", "email": "user.one@example.com" })).await, unknown("other"));
    assert_eq!(revoke(&json!({ "externalID": "other", "email": "user.one@example.com" })).await, unknown("other"));
    assert_eq!(revoke(&json!({ "externalID": "own", "email": "user.one@example.com" })).await, json!({ "revoked": 0 }));
    assert_eq!(TestApp::manage_settings_over(&direct, &describe("own")).await["account"], ACCOUNT);
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_external_id_without_its_time_or_a_row_without_its_account_is_an_error() {
    let app = TestApp::start().await;
    app.manage_settings(&set(ACCOUNT, json!({ "externalID": "acme" }))).await;
    let key = |text: &str| AttributeValue::S(text.to_owned());
    for (pk, sk, attribute) in
        [(format!("SETTINGS#{ACCOUNT}"), "settings", "external_since"), ("EXTERNAL#acme".to_owned(), "account", "account")]
    {
        let update = app.client.update_item().table_name(&app.table).key("pk", key(&pk)).key("sk", key(sk));
        update.update_expression("REMOVE #it").expression_attribute_names("#it", attribute).send().await.expect("the row can be changed");
        assert_eq!(app.manage_settings(&describe("acme")).await["code"], "internal-error", "{attribute}");
    }
}
