//! An erasure reads every stored response of the account, but keeps only one page of them in memory.
//!
//! The function runs in a process of its own, so that its memory is not the engine's: this test, started a second time.

#![cfg(target_os = "linux")] // Linux reports the peak memory of a process.

use std::{env, fs, process::Command};

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use functions::operator::{
    erase_invitee,
    invocation::{Table, respond},
};
use local::client::{CREDENTIALS, REGION};
use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

const ERASED: &str = "user.one@example.com";
const OTHER: &str = "user.two@example.com";
/// One in this many stored responses shows the erased invitation.
const OF_ERASED: usize = 500;
/// What the function may need more in the large account: 10 bytes for each stored response.
const MORE: u64 = 2_000_000;
/// The variable with the event for the function's process.
const EVENT: &str = "ERASURE_EVENT";

#[tokio::test]
async fn an_erasure_needs_no_more_memory_in_a_large_account() {
    if let Ok(event) = env::var(EVENT) {
        return function(&event).await;
    }
    let (small, large) = (peak_memory(2_000).await, peak_memory(200_000).await);
    println!("{small} bytes with 2,000 stored responses, {large} with 200,000");
    assert!(large < small + MORE, "{small} bytes with 2,000 stored responses, {large} with 200,000");
}

/// Erases an address in an account with this many stored responses, checks what is left, and returns the peak memory of the function.
async fn peak_memory(responses: usize) -> u64 {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for email in [ERASED, OTHER] {
        let create = Call::create(email, "full-access").key(&app.full).header("idempotency-key", email);
        ids.push(app.send(create).await.expect(201).json()["id"].as_str().expect("an id").to_owned());
    }
    let stored = app.rows_of(ACCOUNT, "K#").await;
    let about = |id: &String| stored.iter().find(|row| row["inv"].as_s() == Ok(id)).expect("a response is stored");
    let (erased, other) = (about(&ids[0]), about(&ids[1]));
    app.import((0..responses).map(|number| {
        let mut row = if number % OF_ERASED == 0 { erased } else { other }.clone();
        row.insert("sk".to_owned(), AttributeValue::S(format!("K#{number:064x}")));
        row
    }));

    let event = json!({ "account": ACCOUNT, "email": ERASED });
    let output = Command::new(env::current_exe().expect("a test is a program"))
        .args(["an_erasure_needs_no_more_memory_in_a_large_account", "--exact", "--nocapture"])
        .env_clear()
        .envs([(EVENT, event.to_string().as_str()), ("TABLE_NAME", &app.table), ("AWS_ENDPOINT_URL_DYNAMODB", &app.endpoint)])
        .envs([("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", CREDENTIALS.0), ("AWS_SECRET_ACCESS_KEY", CREDENTIALS.1)])
        .output()
        .expect("the function's process starts");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");

    // The other invitation's: its own, and its share of the copies.
    assert_eq!(stored_responses(&app, &ids[0]).await, (1 + responses - responses / OF_ERASED, 0));
    app.send(Call::get(&format!("/invitations/{}", ids[0])).key(&app.full)).await.expect_error(404, "not-found");
    app.send(Call::get(&format!("/invitations/{}", ids[1])).key(&app.full)).await.expect(200);
    printed.trim().parse().unwrap_or_else(|_| panic!("not a number of bytes: {printed}"))
}

/// The number of the account's stored responses, and of those that show an invitation.
async fn stored_responses(app: &TestApp, id: &str) -> (usize, usize) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let query = app.client.query().table_name(&app.table).select(Select::Count).limit(500);
    let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :sk)").filter_expression("inv = :inv");
    let query = query.expression_attribute_values(":pk", text(&format!("A#{ACCOUNT}"))).expression_attribute_values(":sk", text("K#"));
    let mut pages = query.expression_attribute_values(":inv", text(id)).into_paginator().send();
    let (mut all, mut of_it) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page.expect("the table can be queried");
        all += usize::try_from(page.scanned_count).expect("a count");
        of_it += usize::try_from(page.count).expect("a count");
    }
    (all, of_it)
}

/// The function's process: erases, and prints its peak memory.
async fn function(event: &str) {
    let table = Table::from_env().expect("the environment is complete");
    let answer = respond(Ok(&table), event, "invocation-1", &erase_invitee::handle).await;
    assert_eq!(answer, json!({ "erased": 1 }).to_string());
    let status = fs::read_to_string("/proc/self/status").expect("Linux describes a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    eprintln!("{}", peak.expect("Linux reports the peak memory") * 1024);
}
