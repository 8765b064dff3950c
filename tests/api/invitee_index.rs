//! The index by invitee: what it costs, and what its eventual consistency must not lead to.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, People, TestApp, Workers, faults::wire::Wire};

use crate::helpers::{COOLDOWN, assert_retry_after, resend, text};

const EMAIL: &str = "user.one@example.com";
const UNAVAILABLE: &str = "The service is temporarily unavailable, likely due to maintenance. It should be available soon, check the \
                           Retry-After header for an indication of when you might be able to try again.";

/// Counts the write units of transactions.
#[derive(Debug, Default)]
struct WriteUnits(Mutex<f64>);

impl WriteUnits {
    fn take(&self) -> f64 {
        std::mem::take(&mut *self.0.lock().expect("no test panics in here"))
    }
}

impl Wire for WriteUnits {
    fn request(&self, operation: &str, input: &mut Value) -> Option<(&'static str, Value)> {
        if operation == "TransactWriteItems" {
            input["ReturnConsumedCapacity"] = "TOTAL".into();
        }
        None
    }

    fn reply(&self, operation: &str, output: &mut Value) {
        if operation == "TransactWriteItems" {
            let units = output["ConsumedCapacity"][0]["CapacityUnits"].as_f64().unwrap_or_default();
            *self.0.lock().expect("no test panics in here") += units;
        }
    }
}

/// The write units of each operation that takes or releases a lock.
async fn units(issuers: bool) -> Vec<(&'static str, f64)> {
    let app = if issuers { People::start().await.0 } else { TestApp::start().await };
    let mut workers = Workers::of(&app).await;
    let counter = Arc::new(WriteUnits::default());
    app.faults.wire(counter.clone());
    let mut units = Vec::new();
    // All addresses have the same length.
    for (number, end) in ["revoke", "accept", "decline"].into_iter().enumerate() {
        let email = format!("user.{number}@example.com");
        let id = text(&app.invite(&email).await, "id");
        units.push(("create", counter.take()));
        app.advance(COOLDOWN);
        app.send(resend(&id).key(&app.full)).await.expect(200);
        units.push(("resend", counter.take()));
        workers.deliver().await;
        counter.take();
        let call = match end {
            "revoke" => Call::set_state(&id, "revoked").key(&app.full),
            verb => Call::holder(verb, &workers.last_token(&email)),
        };
        app.send(call).await.expect(200);
        units.push((end, counter.take()));
    }
    units
}

#[tokio::test]
async fn an_entry_costs_one_unit_and_moving_it_two_and_nobody_else_pays() {
    let (without, with) = (units(false).await, units(true).await);
    assert!(without.iter().all(|(_, units)| *units > 5.0), "{without:?}");
    let more: BTreeSet<(&str, u32)> = without.iter().zip(&with).map(|((name, less), (_, more))| (*name, (more - less) as u32)).collect();
    // A resend deletes the entry with the earlier expiry and puts another one.
    assert_eq!(more, [("accept", 1), ("create", 1), ("decline", 1), ("resend", 2), ("revoke", 1)].into());
    assert_eq!(without[0], ("create", 10.0), "as docs/costs.md says");
}

/// Requests the invitations of [`EMAIL`] while the wire changes them, and returns their ids.
async fn listed(app: &TestApp, people: &People) -> Vec<String> {
    let page = app.send(Call::get("/invitations/mine").bearer(&people.token(app, EMAIL))).await.expect(200).json();
    page["invitations"].as_array().expect("a list").iter().map(|it| text(it, "id")).collect()
}

async fn invite(app: &TestApp, key: &str) -> String {
    app.send(Call::create(EMAIL, "full-access").key(key)).await.expect(201).str("id")
}

/// Adds entries to the replies of queries, in front of the current ones, as an index does that still has them.
#[derive(Debug)]
struct Stale(Vec<Value>);

impl Wire for Stale {
    fn reply(&self, operation: &str, output: &mut Value) {
        if operation == "Query" {
            let current = output["Items"].as_array().cloned().unwrap_or_default();
            output["Items"] = self.0.iter().cloned().chain(current).collect();
        }
    }
}

fn entry(account: &str, expiry: i64, id: &str) -> Value {
    json!({
        "pk": { "S": format!("A#{account}") }, "sk": { "S": format!("P#{EMAIL}") }, "invitee": { "S": EMAIL },
        "exp": { "N": expiry.to_string() }, "inv": { "S": id },
    })
}

#[tokio::test]
async fn stale_and_double_entries_show_each_open_invitation_once() {
    let (app, people) = People::start().await;
    let soon = app.now().plus(Duration::from_secs(60)).as_millis();
    let revoked = invite(&app, &app.full).await;
    app.send(Call::set_state(&revoked, "revoked").key(&app.full)).await.expect(200);
    let (open, other) = (invite(&app, &app.full).await, invite(&app, &app.other).await);
    let entries = vec![
        // The entry before a resend, beside the current one.
        entry(ACCOUNT, soon, &open),
        // That of an earlier invitation of the same account.
        entry(ACCOUNT, soon, &revoked),
        // Those of invitations that are gone.
        entry(OTHER_ACCOUNT, soon, &"0".repeat(32)),
        entry("999999999999", soon, &"0".repeat(32)),
    ];
    app.faults.wire(Arc::new(Stale(entries)));
    assert_eq!(listed(&app, &people).await, [open, other]);
}

/// Hides all entries, as an index does that does not have them yet.
#[derive(Debug)]
struct Behind;

impl Wire for Behind {
    fn reply(&self, operation: &str, output: &mut Value) {
        if operation == "Query" {
            output["Items"] = json!([]);
        }
    }
}

#[tokio::test]
async fn an_invitation_whose_entry_is_missing_can_still_be_accepted_by_its_id() {
    let (app, people) = People::start().await;
    let id = invite(&app, &app.full).await;
    app.faults.wire(Arc::new(Behind));
    assert_eq!(listed(&app, &people).await, [""; 0]);
    let accept = Call::post("/invitations/accept").json(&json!({ "id": id, "account": ACCOUNT }));
    app.send(accept.bearer(&people.token(&app, EMAIL))).await.expect(200);
}

/// Moves all rows but the first of a batch to the unprocessed keys, in this number of replies.
#[derive(Debug)]
struct Unprocessed {
    table: String,
    replies: AtomicUsize,
}

impl Wire for Unprocessed {
    fn reply(&self, operation: &str, output: &mut Value) {
        let one_less = |left: usize| left.checked_sub(1);
        if operation == "BatchGetItem" && self.replies.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            let rows = output["Responses"][&self.table].as_array_mut().expect("rows");
            let keys: Vec<Value> = rows.drain(1..).map(|row| json!({ "pk": row["pk"], "sk": row["sk"] })).collect();
            output["UnprocessedKeys"][&self.table] = json!({ "Keys": keys, "ConsistentRead": true });
        }
    }
}

#[tokio::test]
async fn keys_that_dynamodb_leaves_unprocessed_are_read_again() {
    let (app, people) = People::start().await;
    let invited = [invite(&app, &app.full).await, invite(&app, &app.other).await];
    for account in [ACCOUNT, OTHER_ACCOUNT] {
        app.manage_settings(&json!({ "action": "set", "account": account, "name": "Example Ltd" })).await;
    }
    // Four rows: the last reply has the fourth.
    for replies in 0..=3 {
        app.faults.wire(Arc::new(Unprocessed { table: app.table.clone(), replies: AtomicUsize::new(replies) }));
        let _ = app.faults.take_requests();
        assert_eq!(listed(&app, &people).await, invited);
        let requests = app.faults.take_requests();
        let keys = |(_, input): &(String, Value)| input["RequestItems"][&app.table]["Keys"].as_array().map(Vec::len);
        assert_eq!(requests.iter().filter_map(keys).collect::<Vec<_>>(), (0..=replies).map(|done| 4 - done).collect::<Vec<_>>());
    }
}

/// Leaves one key unprocessed, whatever was requested.
#[derive(Debug)]
struct Throttled(String);

impl Wire for Throttled {
    fn reply(&self, operation: &str, output: &mut Value) {
        if operation == "BatchGetItem" {
            let key = json!({ "pk": { "S": format!("A#{ACCOUNT}") }, "sk": { "S": "I#0" } });
            *output = json!({ "Responses": {}, "UnprocessedKeys": { &self.0: { "Keys": [key], "ConsistentRead": true } } });
        }
    }
}

#[tokio::test]
async fn keys_that_stay_unprocessed_are_a_503_after_six_requests() {
    let (app, people) = People::start().await;
    invite(&app, &app.full).await;
    app.faults.wire(Arc::new(Throttled(app.table.clone())));
    let _ = app.faults.take_operations();
    let response = app.send(Call::get("/invitations/mine").bearer(&people.token(&app, EMAIL))).await;
    assert_retry_after(&response, 503, "unavailable", 2, UNAVAILABLE);
    assert_eq!(app.faults.take_operations().iter().filter(|operation| *operation == "BatchGetItem").count(), 6);
}
