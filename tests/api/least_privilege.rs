//! No function may do more than it calls, and each may do all that it calls; and it does not call more often than it must.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use serde_json::{Value, json};
use support::{ACCOUNT, Call, Post, TestApp, root_file};

use crate::{
    help::{COOLDOWN, resend, text},
    template::{functions, list, resources, string, template},
};

/// An IAM action on the table or on one of its indexes.
type Use = (String, String);

/// What DynamoDB checks for a request. A transaction needs the permissions of its parts.
fn uses(operation: &str, input: &Value) -> Vec<Use> {
    if operation == "TransactWriteItems" {
        let parts = list(&input["TransactItems"]).flat_map(|item| item.as_object().expect("a part").keys().cloned());
        return parts
            .map(|part| (if part == "ConditionCheck" { "ConditionCheckItem".into() } else { part + "Item" }, "table".into()))
            .collect();
    }
    let resource = input["IndexName"].as_str().map_or("table".to_owned(), |index| format!("index/{index}"));
    vec![(operation.to_owned(), resource)]
}

/// The partitions that a request names.
fn partitions(input: &Value, found: &mut BTreeSet<String>) {
    match input {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value["S"].as_str() {
                    Some(pk) if name == "pk" || name == ":pk" => drop(found.insert(pk.to_owned())),
                    _ => partitions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| partitions(item, found)),
        _ => {}
    }
}

/// The tables that a request names.
fn tables(input: &Value, found: &mut BTreeSet<String>) {
    match input {
        Value::Object(fields) => {
            found.extend(fields.get("TableName").map(string));
            fields.values().for_each(|value| tables(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| tables(item, found)),
        _ => {}
    }
}

/// Everything that every function does, with all it can come to, and the requests that each made.
async fn all_that_is_done(app: &TestApp) -> BTreeMap<&'static str, Vec<(String, Value)>> {
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let kept = |call: Call| call.header("idempotency-key", "k");
    let filters = ["", "?state=invited", "?email=user.one@example.com", "?roleID=full-access", "?state=invited&roleID=full-access"];
    let calls = [
        ("list-invitations", filters.map(|query| Call::get(&format!("/invitations{query}"))).to_vec()),
        ("describe-invitation", vec![Call::get(&format!("/invitations/{id}"))]),
        (
            "create-invitation",
            vec![
                Call::create("user.two@example.com", "full-access"),
                Call::create("user.two@example.com", "full-access"),
                kept(Call::create("user.three@example.com", "full-access")),
                kept(Call::create("user.three@example.com", "full-access")),
                kept(Call::create("user.four@example.com", "full-access")),
            ],
        ),
        (
            "modify-invitation",
            vec![
                Call::set_state(&id, "invited"),
                kept(Call::set_state(&id, "invited")),
                resend(&id),
                resend(&id),
                Call::set_state(&id, "revoked"),
                Call::set_state(&id, "revoked").header("idempotency-key", "r"),
            ],
        ),
    ];
    let mut done = BTreeMap::new();
    let _ = app.faults.take_requests();
    for (function, calls) in calls {
        // Long enough for the credential to be looked up again.
        app.advance(COOLDOWN);
        app.state().store.open().await;
        for call in calls {
            app.send(call.key(&app.full)).await;
        }
        done.insert(function, app.faults.take_requests());
    }
    in_the_background(app, &mut done).await;
    done.insert("accept-page", Vec::new());
    let created = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access" })).await;
    app.manage_keys(&json!({ "action": "list", "account": ACCOUNT })).await;
    app.manage_keys(&json!({ "action": "disable", "account": ACCOUNT, "id": created["id"] })).await;
    done.insert("manage-api-keys", app.faults.take_requests());
    done
}

/// What follows an answer: mails, reports of them, the invitee's answers, expiries.
async fn in_the_background(app: &TestApp, done: &mut BTreeMap<&'static str, Vec<(String, Value)>>) {
    app.invite("user.five@example.com").await;
    let mut post = Post::of(app).await;
    let _ = app.faults.take_requests();
    let mut note = |name: &'static str| {
        let requests = app.faults.take_requests();
        done.insert(name, requests);
    };
    post.deliver().await;
    note("deliver-invitations");
    post.report(&post.last_mail("user.two@example.com")).await;
    note("record-feedback");
    app.invite("user.six@example.com").await;
    post.lose_the_stream().await;
    let _ = app.faults.take_requests();
    app.advance(COOLDOWN * 10);
    post.reconcile().await;
    assert_eq!(post.last_mail("user.six@example.com").tags["sending"], "1");
    note("reconcile-deliveries");
    for (verb, name, email) in [
        ("lookup", "lookup-invitation", "user.two@example.com"),
        ("accept", "accept-invitation", "user.two@example.com"),
        ("decline", "decline-invitation", "user.three@example.com"),
    ] {
        app.state().store.open().await;
        app.send(Call::holder(verb, &post.last_token(email))).await.expect(200);
        if verb == "accept" {
            let call = Call::post("/invitations/accept");
            let body =
                json!({ "token": post.last_token("user.five@example.com"), "principal": "user-5", "email": "user.five@example.com" });
            app.send(call.json(&body).key(&app.full)).await.expect(200);
        }
        note(name);
    }
    let set = json!({ "action": "set", "account": ACCOUNT, "name": "Example" });
    app.manage_settings(&set).await;
    app.manage_settings(&json!({ "action": "describe", "account": ACCOUNT })).await;
    note("manage-account-settings");
    app.invite("user.seven@example.com").await;
    app.send(Call::create("user.eight@example.com", "full-access").key(&app.full).header("idempotency-key", "e")).await.expect(201);
    let _ = app.faults.take_requests();
    app.erase(&json!({ "account": ACCOUNT, "email": "user.eight@example.com" })).await;
    note("erase-invitee");
}

#[tokio::test]
async fn each_function_is_allowed_exactly_what_it_calls() {
    let app = TestApp::start().await;
    let done = all_that_is_done(&app).await;
    let functions = functions(&template());
    assert_eq!(functions.keys().collect::<Vec<_>>(), done.keys().collect::<Vec<_>>());
    for (name, function) in functions {
        // What it may do with other services stands in statements of their own.
        let of_table = |statement: &&Value| list(&statement["Action"]).any(|action| string(action).starts_with("dynamodb:"));
        let statements: Vec<&Value> = function.allowed.iter().filter(of_table).collect();
        if name == "accept-page" {
            assert!(statements.is_empty() && function.allowed.is_empty(), "the page asks nobody anything");
            continue;
        }
        let [statement] = statements[..] else { panic!("{name} has not one statement about the table: {statements:?}") };
        let allowed: BTreeSet<String> = list(&statement["Action"]).map(string).collect();
        let used: BTreeSet<Use> = done[name.as_str()].iter().flat_map(|(operation, input)| uses(operation, input)).collect();
        assert_eq!(allowed, used.iter().map(|(action, _)| format!("dynamodb:{action}")).collect(), "{name}: actions");
        assert_eq!(resources(statement), used.into_iter().map(|(_, resource)| resource).collect(), "{name}: resources");
    }
}

#[tokio::test]
async fn the_store_makes_no_call_that_the_test_above_has_not_seen() {
    let app = TestApp::start().await;
    let seen: BTreeSet<String> = all_that_is_done(&app).await.into_values().flatten().map(|(operation, _)| operation).collect();
    let data_plane = [
        "batch_execute_statement",
        "batch_get_item",
        "batch_write_item",
        "delete_item",
        "execute_statement",
        "execute_transaction",
        "get_item",
        "put_item",
        "query",
        "scan",
        "transact_get_items",
        "transact_write_items",
        "update_item",
    ];
    let mut written = BTreeSet::new();
    let store = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/src/store");
    for entry in fs::read_dir(store).expect("the store's sources") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let source = root_file(&format!("shared/src/store/{name}"));
        let called = data_plane.iter().filter(|call| source.contains(&format!(".{call}()")));
        written.extend(called.map(|call| call.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>()));
        let paginated = source.contains(".into_paginator()");
        assert!(!paginated, "{name}: a paginator makes requests that nobody counts");
    }
    assert_eq!(written, seen);
    // The functions reach the table through the store only.
    let manifest = root_file("functions/Cargo.toml");
    assert!(!manifest.contains("aws-sdk-dynamodb"), "functions talk to DynamoDB themselves");
}

#[tokio::test]
async fn every_request_stays_in_the_callers_partition_and_in_the_functions_own_table() {
    let app = TestApp::start().await;
    for (name, requests) in all_that_is_done(&app).await {
        let (mut pks, mut named) = (BTreeSet::new(), BTreeSet::new());
        for (_, input) in &requests {
            partitions(input, &mut pks);
            tables(input, &mut named);
        }
        let [data, keys, settings] = ["A", "KEYS", "SETTINGS"].map(|kind| format!("{kind}#{ACCOUNT}"));
        // A cold start reads what does not exist.
        let nobodys = "KEYS#".to_owned();
        let expected: BTreeSet<String> = match name {
            "manage-api-keys" => [keys].into(),
            "manage-account-settings" => [settings].into(),
            "accept-page" => BTreeSet::new(),
            "erase-invitee" | "record-feedback" => [data].into(),
            "deliver-invitations" | "reconcile-deliveries" => [data, settings].into(),
            "lookup-invitation" | "decline-invitation" => [data, settings, nobodys].into(),
            "accept-invitation" => [data, settings, keys, nobodys].into(),
            _ => [data, keys, nobodys].into(),
        };
        assert_eq!(pks, expected, "{name}");
        assert!(name == "accept-page" || named == [app.table.clone()].into(), "{name}: {named:?}");
    }
    // What keeps these there is the condition of their statements.
    for (name, keys) in [("manage-api-keys", "KEYS#*"), ("manage-account-settings", "SETTINGS#*"), ("erase-invitee", "A#*")] {
        let statement = &functions(&template())[name].allowed[0];
        let condition = json!({
            "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [keys] },
            "Null": { "dynamodb:LeadingKeys": "false" },
        });
        assert_eq!(statement["Condition"], condition, "{name}");
    }
}

#[test]
fn what_may_be_queried_are_the_indexes_of_the_table() {
    let template = template();
    let indexes = list(&template["Resources"]["InvitationsTable"]["Properties"]["LocalSecondaryIndexes"]);
    let mut expected: BTreeSet<String> = indexes.map(|index| format!("index/{}", string(&index["IndexName"]))).collect();
    expected.insert("table".to_owned());
    assert_eq!(resources(&functions(&template)["list-invitations"].allowed[0]), expected);
}

#[tokio::test]
async fn a_filter_that_matches_nothing_takes_few_requests_however_small_the_page() {
    let app = TestApp::start().await;
    for number in 0..300 {
        app.invite(&format!("user-{number}@example.com")).await;
    }
    // 12 + 24 + 48 + 96 + 192 rows are more than 300; so are 156 + 250, and 250 + 250.
    for (limit, expected) in [(1, 5), (25, 2), (100, 2)] {
        let _ = app.faults.take_operations();
        let path = format!("/invitations?state=invited&roleID=nobody&limit={limit}");
        assert_eq!(app.send(Call::get(&path).key(&app.full)).await.expect(200).json(), json!({ "invitations": [] }));
        let operations = app.faults.take_operations();
        assert_eq!(operations.iter().filter(|operation| *operation == "Query").count(), expected, "limit {limit}");
    }
}

#[tokio::test]
async fn an_operation_makes_as_few_requests_as_it_can() {
    let app = TestApp::start().await;
    // At the beginning of a quota's window: near its end a cooldown is the longer wait, and the quota is not asked.
    app.advance(Duration::from_millis(3_600_000 - app.now().as_millis().unsigned_abs() % 3_600_000));
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let path = format!("/invitations/{id}");
    let kept = |call: Call, key: &str| call.header("idempotency-key", key);
    for (call, expected) in [
        // The first one looks the credential up as well.
        (Call::get(&path), &["GetItem", "GetItem"][..]),
        (Call::get(&path), &["GetItem"]),
        (Call::get("/invitations"), &["Query"]),
        (Call::get("/invitations?state=invited"), &["Query"]),
        (Call::get("/invitations?email=user.one@example.com"), &["Query"]),
        (Call::get("/invitations?roleID=full-access"), &["Query"]),
        (Call::get("/invitations?roleID=full-access&state=invited"), &["Query"]),
        (Call::create("user.two@example.com", "full-access"), &["TransactWriteItems"]),
        (Call::create("user.two@example.com", "full-access"), &["TransactWriteItems"]),
        (kept(Call::create("user.three@example.com", "full-access"), "c"), &["TransactWriteItems"]),
        (kept(Call::create("user.three@example.com", "full-access"), "c"), &["TransactWriteItems"]),
        (Call::set_state(&id, "invited"), &["GetItem"]),
        (resend(&id), &["GetItem", "TransactWriteItems"]),
        // Refused for the cooldown: the quota may stand longer, and the caller is told the longer wait.
        (resend(&id), &["GetItem", "GetItem"]),
        (kept(Call::set_state(&id, "revoked"), "r"), &["GetItem", "TransactWriteItems"]),
        (Call::set_state(&id, "revoked"), &["GetItem"]),
        // What cannot come to anything costs nothing.
        (Call::get("/invitations?limit=x"), &[]),
        (Call::create("nobody", "full-access"), &[]),
        (Call::set_state("1", "revoked"), &[]),
    ] {
        let _ = app.faults.take_operations();
        let route = call.route();
        app.send(call.key(&app.full)).await;
        assert_eq!(app.faults.take_operations(), expected, "{route}");
    }
}
