//! Each function may do exactly what it does, and makes no more requests than it needs.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, root_file};

use crate::{
    access::{Access, accesses},
    helpers::{COOLDOWN, resend, text},
    operations::{EXTERNAL_ID, ISSUER_KEYS, requests_by_function},
    policy::allows,
    template::{functions, list, resources, string, template},
};

/// Every action on every resource where it makes sense, in partitions of every kind.
fn possible_accesses() -> Vec<Access> {
    let kinds = [
        format!("A#{ACCOUNT}"),
        format!("KEYS#{ACCOUNT}"),
        "KEYS#".to_owned(),
        format!("SETTINGS#{ACCOUNT}"),
        format!("EXTERNAL#{EXTERNAL_ID}"),
        ISSUER_KEYS.to_owned(),
        format!("B#{ACCOUNT}"),
    ];
    let mut partitions: Vec<BTreeSet<String>> = kinds.iter().map(|kind| [kind.clone()].into()).collect();
    // No partition at all, and several at once.
    partitions.push(BTreeSet::new());
    partitions.extend(kinds.iter().skip(1).map(|kind| [kinds[0].clone(), kind.clone()].into()));
    let items = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "BatchGetItem", "BatchWriteItem", "PartiQLSelect"];
    let items = items.map(|action| (action, vec!["table"]));
    let everywhere = ["Query", "Scan"].map(|action| (action, vec!["table", "index/by_state", "index/by_email", "index/by_role"]));
    let mut all = Vec::new();
    for (action, resources) in items.into_iter().chain(everywhere) {
        for resource in resources {
            all.extend(partitions.iter().map(|leading| Access {
                action: action.into(),
                resource: resource.into(),
                leading: leading.clone(),
                select: None,
            }));
        }
    }
    // The partitions of these indexes are shards and addresses.
    for (index, partition) in [("index/due", "0"), ("index/late", "0"), ("index/by_invitee", "user.five@example.com")] {
        all.extend(["Query", "Scan"].map(|action| Access {
            action: action.into(),
            resource: index.into(),
            leading: [partition.to_owned()].into(),
            select: None,
        }));
    }
    let counts: Vec<Access> = all.iter().filter(|access| matches!(access.action.as_str(), "Query" | "Scan")).cloned().collect();
    all.extend(counts.into_iter().map(|access| Access { select: Some("COUNT".to_owned()), ..access }));
    all
}

#[tokio::test]
async fn each_function_is_allowed_exactly_the_calls_that_it_makes() {
    let requests = requests_by_function().await;
    let functions = functions(&template());
    assert_eq!(functions.keys().collect::<Vec<_>>(), requests.keys().collect::<Vec<_>>());
    for (name, function) in functions {
        // Other services have their own statements.
        let of_table = |statement: &&Value| list(&statement["Action"]).any(|action| string(action).starts_with("dynamodb:"));
        let statements: Vec<Value> = function.allowed.iter().filter(of_table).cloned().collect();
        let used: BTreeSet<Access> = requests[name.as_str()].iter().flat_map(|(operation, input)| accesses(operation, input)).collect();
        if ["accept-page", "console-page"].contains(&name.as_str()) {
            assert!(function.allowed.is_empty() && used.is_empty(), "the page calls no service");
        }
        for access in &used {
            assert!(allows(&statements, access, "*"), "{name} is denied what it does: {access:?}");
        }
        // A pattern for the partition of any account also matches the partition without an account.
        let without_account = |access: &Access| {
            access.leading == ["KEYS#".to_owned()].into() && ["manage-api-keys", "manage-account-settings"].contains(&name.as_str())
        };
        // Permission to read rows includes permission to count them, and that to read several partitions at once each of them.
        let includes = |one: &Access, access: &Access| {
            let same = Access { leading: one.leading.clone(), ..access.clone() };
            !access.leading.is_empty()
                && access.leading.is_subset(&one.leading)
                && (*one == same || *one == Access { select: None, ..same })
        };
        let is_used = |access: &Access| used.iter().any(|one| includes(one, access));
        for access in possible_accesses().into_iter().filter(|access| !without_account(access)) {
            assert_eq!(allows(&statements, &access, "*"), is_used(&access), "{name} is allowed what it does not do: {access:?}");
        }
    }
}

/// T15: the second barrier, by the parameter `OnlyAccount`.
#[tokio::test]
async fn in_a_single_account_stack_no_function_may_reach_another_account() {
    let requests = requests_by_function().await;
    for (name, function) in functions(&template()) {
        let accesses: BTreeSet<Access> = requests[name.as_str()].iter().flat_map(|(operation, input)| accesses(operation, input)).collect();
        for access in accesses {
            let of_table = |statement: &&Value| list(&statement["Action"]).any(|action| string(action).starts_with("dynamodb:"));
            let statements: Vec<Value> = function.allowed.iter().filter(of_table).cloned().collect();
            assert!(allows(&statements, &access, ACCOUNT), "{name} is denied {access:?}");
            let of_an_account = access.leading.iter().any(|partition| partition.ends_with(ACCOUNT));
            assert_eq!(allows(&statements, &access, OTHER_ACCOUNT), !of_an_account, "{name} is allowed {access:?}");
        }
    }
}

#[test]
fn both_halves_of_the_condition_are_needed_and_one_account_can_be_named() {
    let statement = functions(&template())["manage-account-settings"].allowed[0].clone();
    let access = |leading: &[&str]| Access {
        action: "GetItem".to_owned(),
        resource: "table".to_owned(),
        leading: leading.iter().map(|key| (*key).to_owned()).collect(),
        select: None,
    };
    let without = |part: &str| {
        let mut statement = statement.clone();
        statement["Condition"].as_object_mut().expect("it has one").remove(part).expect("it has this part");
        [statement]
    };
    let whole = [statement.clone()];
    let (settings, data, nothing) = (access(&["SETTINGS#1"]), access(&["A#1"]), access(&[]));
    assert_eq!([&settings, &data, &nothing].map(|access| allows(&whole, access, "*")), [true, false, false]);
    assert_eq!([&settings, &data, &nothing].map(|access| allows(&without("Null"), access, "*")), [true, false, true]);
    assert_eq!([&settings, &data, &nothing].map(|access| allows(&without("ForAllValues:StringLike"), access, "*")), [true, true, false]);
    // IAM cannot keep accounts apart here, unless the stack serves only one; see docs/adr/0021.
    assert_eq!(["1", "2"].map(|only| allows(&whole, &settings, only)), [true, false]);
    assert!(allows(&whole, &access(&["SETTINGS#2"]), "*"));
}

/// The files of a directory and of those in it.
fn sources(directory: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn the_store_makes_no_call_that_these_tests_do_not_observe() {
    let seen: BTreeSet<String> = requests_by_function().await.into_values().flatten().map(|(operation, _)| operation).collect();
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
    for path in sources(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/src/store").into()) {
        let source = fs::read_to_string(&path).expect("a source");
        let name = path.display();
        let called = data_plane.iter().filter(|call| source.contains(&format!(".{call}()")));
        written.extend(called.map(|call| call.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>()));
        let paginated = source.contains(".into_paginator()");
        assert!(!paginated, "{name}: a paginator makes uncounted requests");
    }
    assert_eq!(written, seen);
    // The functions reach the table through the store only.
    let manifest = root_file("functions/Cargo.toml");
    assert!(!manifest.contains("aws-sdk-dynamodb"), "the functions must not call DynamoDB themselves");
}

#[test]
fn exactly_the_indexes_of_the_table_may_be_queried() {
    let template = template();
    let indexes = list(&template["Resources"]["InvitationsTable"]["Properties"]["LocalSecondaryIndexes"]);
    let mut expected: BTreeSet<String> = indexes.map(|index| format!("index/{}", string(&index["IndexName"]))).collect();
    expected.insert("table".to_owned());
    assert_eq!(resources(&functions(&template)["list-invitations"].allowed[0]), expected);
}

#[tokio::test]
async fn a_filter_without_matches_takes_few_requests_even_with_small_pages() {
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
async fn each_operation_makes_as_few_requests_as_possible() {
    let app = TestApp::start().await;
    // At the start of a quota window: near its end the cooldown is the longer wait, and the quota is not read.
    app.advance(Duration::from_millis(3_600_000 - app.now().as_millis().unsigned_abs() % 3_600_000));
    let id = text(&app.invite("user.one@example.com").await, "id");
    app.advance(COOLDOWN);
    let path = format!("/invitations/{id}");
    let kept = |call: Call, key: &str| call.header("idempotency-key", key);
    let bulk = |email: &str| Call::bulk(&[json!({ "email": email, "roleID": "full-access" })]);
    for (call, expected) in [
        // The first one also reads the credential.
        (Call::get(&path), &["GetItem", "GetItem"][..]),
        (Call::get(&path), &["GetItem"]),
        (Call::get("/invitations/caller"), &["GetItem", "GetItem"]),
        (Call::get("/invitations/caller"), &["GetItem"]),
        (Call::get("/invitations"), &["Query"]),
        (Call::get("/invitations?state=invited"), &["Query"]),
        (Call::get("/invitations?order=asc"), &["Query"]),
        (Call::get("/invitations?email=user.one@example.com"), &["Query"]),
        (Call::get("/invitations?emailPrefix=user"), &["Query"]),
        (Call::get("/invitations?roleID=full-access"), &["Query"]),
        (Call::get("/invitations?roleID=full-access&state=invited"), &["Query"]),
        // The first one also reads the settings of the account.
        (Call::create("user.two@example.com", "full-access"), &["GetItem", "TransactWriteItems"]),
        (Call::create("user.two@example.com", "full-access"), &["TransactWriteItems"]),
        (kept(Call::create("user.three@example.com", "full-access"), "c"), &["TransactWriteItems"]),
        (kept(Call::create("user.three@example.com", "full-access"), "c"), &["TransactWriteItems"]),
        (bulk("user.four@example.com"), &["BatchGetItem", "TransactWriteItems"]),
        (bulk("user.four@example.com"), &["BatchGetItem"]),
        (bulk("user.five@example.com").query("dryRun=true"), &["BatchGetItem", "GetItem"]),
        // The record first, the results last.
        (kept(bulk("user.five@example.com"), "b"), &["TransactWriteItems", "BatchGetItem", "TransactWriteItems", "TransactWriteItems"]),
        (kept(bulk("user.five@example.com"), "b"), &["TransactWriteItems"]),
        (Call::set_state(&id, "invited"), &["GetItem"]),
        (resend(&id), &["GetItem", "TransactWriteItems"]),
        // Refused for the cooldown: the quota may apply longer, and the longer wait is returned.
        (resend(&id), &["GetItem", "GetItem"]),
        (kept(Call::set_state(&id, "revoked"), "r"), &["GetItem", "TransactWriteItems"]),
        (Call::set_state(&id, "revoked"), &["GetItem"]),
        // Invalid requests cost nothing.
        (Call::get("/invitations?limit=x"), &[]),
        (Call::create("nobody", "full-access"), &[]),
        (bulk("nobody"), &[]),
        (Call::set_state("1", "revoked"), &[]),
    ] {
        let _ = app.faults.take_operations();
        let route = call.route();
        app.send(call.key(&app.full)).await;
        assert_eq!(app.faults.take_operations(), expected, "{route}");
    }
}
