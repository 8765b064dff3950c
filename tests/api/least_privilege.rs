//! Each function may do exactly what it does, and makes no more requests than it needs.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use local::iam::{Key, Policy, Request};
use serde_json::json;
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, root_file};

use crate::{
    helpers::{COOLDOWN, resend, text},
    operations::observed,
    permissions::{denied, deployment, differences, project_template, roles, short, used},
    template::{functions, list, resources, string, template},
};

#[tokio::test]
async fn each_function_is_allowed_exactly_the_calls_that_it_makes() {
    let used = used().await;
    assert_eq!(roles().keys().collect::<Vec<_>>(), used.keys().collect::<Vec<_>>());
    assert_eq!(differences(&project_template(), &used), Vec::<String>::new());
}

/// Every `Allow` of the template, with what the function does and could not do without it.
#[tokio::test]
async fn no_function_could_do_its_work_without_any_of_its_statements() {
    let used = used().await;
    let mut statements = 0;
    for (function, role) in roles() {
        // Those that SAM adds come first, without a name of the template's.
        for (document, policy) in role.documents.iter().enumerate() {
            for (number, statement) in list(&policy["Statement"]).enumerate().filter(|(_, statement)| statement["Effect"] == "Allow") {
                let sid = string(&statement["Sid"]);
                let mut documents = role.documents.clone();
                drop(documents[document]["Statement"].as_array_mut().expect("statements").remove(number));
                let without = Policy::parse(&documents).expect("the policies are supported");
                // Both managed policies of a function with a stream allow its log.
                let duplicate = sid == "AWSLambdaBasicExecutionRole" && function == "deliver-invitations";
                assert_eq!(denied(&without, &used[&function]).next().is_none(), duplicate, "{function} does not need its statement {sid}");
                statements += 1;
            }
        }
    }
    assert!(statements > 80, "{statements}");
}

/// T15: the second barrier, by the parameter `OnlyAccount`.
#[tokio::test]
async fn in_a_single_account_stack_no_function_may_reach_another_account() {
    let used = used().await;
    let of = |only: &str| project_template().roles(&deployment(only)).expect("the policies are supported");
    let (own, other) = (of(ACCOUNT), of(OTHER_ACCOUNT));
    for (name, requests) in used {
        for request in requests {
            assert!(own[&name].policy.allows(&request), "{name} is denied {}", short(&request));
            let of_an_account = request.values(Key::LeadingKeys).any(|partition| partition.ends_with(ACCOUNT));
            assert_eq!(other[&name].policy.allows(&request), !of_an_account, "{name}: {}", short(&request));
        }
    }
}

/// IAM cannot keep accounts apart in a stack that serves all of them; see docs/adr/0021.
#[test]
fn only_a_stack_for_one_account_keeps_accounts_apart() {
    let may_read = |only: &str, account: &str| {
        let roles = project_template().roles(&deployment(only)).expect("the policies are supported");
        let request = Request::new("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/invitations");
        roles["describe-invitation"].policy.allows(&request.with(Key::LeadingKeys, [format!("A#{account}")]))
    };
    assert_eq!([may_read("*", ACCOUNT), may_read("*", OTHER_ACCOUNT)], [true, true]);
    assert_eq!([may_read(ACCOUNT, ACCOUNT), may_read(ACCOUNT, OTHER_ACCOUNT)], [true, false]);
}

/// The files of a directory and of those in it.
fn sources(directory: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn the_store_makes_no_call_that_these_tests_do_not_observe() {
    let seen: BTreeSet<String> = observed().await.requests.values().flatten().map(|(operation, _)| operation.clone()).collect();
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
