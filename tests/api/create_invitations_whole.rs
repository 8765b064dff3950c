//! `POST /invitations/bulk` as a whole: dry runs, what refuses a request, what it costs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Call, TestApp, faults::wire::Wire};

use crate::{
    create_invitations::{already_invited, results, row, rows, send, without_invitations},
    helpers::{advance_to_expiry, assert_error, assert_response, error_of_fields, table, text},
    snapshot::Snapshot,
};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_the_request_would_do() {
    let app = TestApp::start().await;
    let revoked = text(&app.invite("user-2@example.com").await, "id");
    app.send(Call::set_state(&revoked, "revoked").key(&app.full)).await.expect(200);
    app.invite("user-4@example.com").await;
    let expired = text(&app.invite("user-5@example.com").await, "id");
    advance_to_expiry(&app, &expired).await;
    let open = text(&app.invite("user-4@example.com").await, "id");
    let rows = [&rows(6)[..], &[row("user-1@example.com"), json!({ "email": "x" })]].concat();
    let before = table(&app).await;
    let _ = app.faults.take_operations();
    let response = app.send(Call::bulk(&rows).query("dryRun=true").key(&app.full)).await;
    assert_response(&response, 200, &response.json(), &[]);
    assert_eq!(app.faults.take_operations().iter().filter(|operation| *operation == "TransactWriteItems").count(), 0);
    assert_eq!(table(&app).await, before);
    let found = results(&response);
    assert_eq!(found[0], json!({ "status": 201 }));
    assert_eq!(found[4], already_invited(&open));
    assert_eq!(found, without_invitations(&results(&send(&app, &rows).await)), "the request does what the dry run said");
    for value in ["false", "true", "false"] {
        let call = Call::bulk(&rows).query(&format!("dryRun={value}")).key(&app.full);
        assert!(results(&app.send(call).await.expect(200)).iter().all(|result| result["status"] == 400), "they are open now");
    }
}

#[tokio::test]
async fn a_dry_run_takes_no_idempotency_key_and_its_value_is_a_boolean() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let call = |query: &str| Call::bulk(&rows(1)).query(query).key(&app.full);
    let response = app.send(call("dryRun=true").header("idempotency-key", "k")).await;
    let message = "Idempotency-Key: a dry run has no effect, so it takes no key";
    assert_error(&response, 400, "invalid-idempotency-key", Some("Idempotency-Key"), message);
    for (query, code, field, message) in [
        ("dryRun=yes", "invalid-dry-run", "dryRun", "dryRun: must be true or false, not 'yes'"),
        ("dryRun=", "invalid-dry-run", "dryRun", "dryRun: must be true or false, not ''"),
        ("dryRun=true&dryRun=true", "invalid-query", "dryRun", "dryRun: appears twice"),
        ("dryrun=true", "unknown-parameter", "dryrun", "dryrun: unknown query parameter; accepted: dryRun"),
    ] {
        assert_error(&app.send(call(query)).await, 400, code, Some(field), message);
    }
    assert_eq!(table(&app).await, before);
    app.send(call("dryRun=false").header("idempotency-key", "k")).await.expect(200);
}

#[tokio::test]
async fn the_whole_request_is_refused_only_for_what_concerns_all_of_it() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let call = |text: &str| Call::post("/invitations/bulk").text(text).key(&app.full);
    let count = |count| format!("invitations: must have 1 to 100 elements, not {count}");
    let deep = format!(r#"{{"invitations":[{}1{}]}}"#, "[".repeat(30_000), "]".repeat(30_000));
    for (body, code, field, message) in [
        (String::new(), "invalid-json", None, "the body must be a JSON object with invitations".to_owned()),
        ("[]".to_owned(), "invalid-json", None, "the body must be one JSON object: it does not start with '{'".to_owned()),
        ("{}".to_owned(), "missing-field", Some("invitations"), "invitations: is required".to_owned()),
        (r#"{"invitations":{}}"#.to_owned(), "invalid-field", Some("invitations"), "invitations: must be an array".to_owned()),
        (r#"{"invitations":[]}"#.to_owned(), "invalid-invitations", Some("invitations"), count(0)),
        (json!({ "invitations": rows(101) }).to_string(), "invalid-invitations", Some("invitations"), count(101)),
        (json!({ "invitations": vec![Value::Null; 50_000] }).to_string(), "invalid-invitations", Some("invitations"), count(50_000)),
    ] {
        assert_error(&app.send(call(&body)).await, 400, code, field, &message);
    }
    for body in [&*deep, r#"{"invitations":[{"email":"a@example.com","email":"b@example.com"}]}"#, r#"{"invitations":[{"a":1}"#] {
        let response = app.send(call(body)).await.expect_error(400, "invalid-json");
        assert!(response.text.len() < 500, "{}", response.text);
    }
    let two = json!({ "invitations": [], "dryRun": true });
    let unknown = "unknown field; accepted: invitations";
    let fields = [("invitations", "must have 1 to 100 elements, not 0"), ("dryRun", unknown)];
    let message = format!("{}; dryRun: {unknown}", count(0));
    assert_response(&app.send(call(&two.to_string())).await, 400, &error_of_fields("invalid-invitations", &fields, &message), &[]);
    app.send(Call::bulk(&rows(1)).key(&app.full).header("content-type", "text/csv")).await.expect_error(400, "invalid-content-type");
    app.send(Call::bulk(&rows(1)).key(&app.full).header("idempotency-key", "a,b")).await.expect_error(400, "invalid-idempotency-key");
    app.send(Call::bulk(&rows(1)).key(&app.read_only)).await.expect_error(403, "forbidden");
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn the_body_may_have_256_kib_on_this_route_only() {
    let app = TestApp::start().await;
    let body = |length: usize| {
        let body = json!({ "invitations": rows(1) }).to_string();
        body.clone() + &" ".repeat(length - body.len())
    };
    let most = MIB / 4;
    for call in [Call::post("/invitations/bulk").text(&body(most)), Call::post("/invitations/bulk").bytes(body(most).as_bytes())] {
        app.send(call.key(&app.full)).await.expect(200);
    }
    for length in [most + 1, most + 2, most + 3, most + 4, MIB, 6 * MIB] {
        for call in [Call::post("/invitations/bulk").text(&body(length)), Call::post("/invitations/bulk").bytes(body(length).as_bytes())] {
            assert_error(&app.send(call.key(&app.full)).await, 400, "body-too-large", None, "the body must not be larger than 256 KiB");
        }
    }
    let create = Call::post("/invitations").text(&" ".repeat(64 * 1024 + 1)).key(&app.full);
    assert_error(&app.send(create).await, 400, "body-too-large", None, "the body must not be larger than 64 KiB");
}

#[tokio::test]
async fn errors_of_a_bulk() {
    let roles = r#"{"full-access":{"can":["invitations:create"],"mayGrant":["full-access"]},"read-only":{"can":[],"mayGrant":[]}}"#;
    let app = TestApp::with(&[("ROLES", roles), ("SEND_QUOTA", "2")]).await;
    app.advance_to_window();
    let mut snapshot = Snapshot::new("bulk");
    let start = app.now();
    snapshot.redact(start.plus(Duration::from_secs(3600)), "in an hour");
    snapshot.redact(start.plus(Duration::from_secs(30 * 86_400)), "in 30 days");
    snapshot.redact(start, "now");
    snapshot.redact(text(&app.invite("taken@example.com").await, "id"), "the open invitation");
    let call = |text: &str| Call::post("/invitations/bulk").text(text);
    let with = |field: &str, value: Value| {
        let mut row = row("user@example.com");
        row[field] = value;
        row
    };
    let rows = [
        json!(1),
        json!({}),
        with("email", json!("user.one")),
        with("roleID", json!("Full Access")),
        with("expiry", json!("tomorrow")),
        with("expiry", json!(start.to_string())),
        with("locale", json!("en_US")),
        with("role", json!("x")),
        row("USER@example.com"),
        row("taken@example.com"),
        json!({ "email": "admin@example.com", "roleID": "admin" }),
        row("user.two@example.com"),
        row("user.three@example.com"),
    ];
    for (case, call) in [
        ("no body", Call::post("/invitations/bulk")),
        ("no rows", call(r#"{"invitations":[]}"#)),
        ("a row instead of rows", call(&row("user@example.com").to_string())),
        ("no array", call(r#"{"invitations":{}}"#)),
        ("a dry run that is no boolean", Call::bulk(&rows).query("dryRun=1")),
        ("a dry run with a key", Call::bulk(&rows).query("dryRun=true").header("idempotency-key", "k")),
        ("rows", Call::bulk(&rows).query("dryRun=true")),
    ] {
        snapshot.response(case, &app.send(call.key(&app.full)).await);
    }
    snapshot.response("no permission", &app.send(Call::bulk(&rows).key(&app.read_only)).await);
    snapshot.assert();
}

/// Counts the units of reads and of transactions, and how many transactions there are.
#[derive(Debug, Default)]
struct Units(Mutex<(f64, f64, usize)>);

impl Wire for Units {
    fn request(&self, _: &str, input: &mut Value) -> Option<(&'static str, Value)> {
        input["ReturnConsumedCapacity"] = "INDEXES".into();
        None
    }

    fn reply(&self, operation: &str, output: &mut Value) {
        let units = || output["ConsumedCapacity"][0]["CapacityUnits"].as_f64().expect("a number");
        let mut counted = self.0.lock().expect("no test panics in here");
        match operation {
            "BatchGetItem" => counted.0 += units(),
            "TransactWriteItems" => {
                counted.1 += units();
                counted.2 += 1;
            }
            _ => {}
        }
    }
}

/// The cost that the documentation promises.
#[tokio::test]
async fn a_hundred_rows_take_five_transactions_and_eight_units_each_and_little_more_with_a_key() {
    let issuers = json!({ "login": {
        "issuer": "https://login.example.com/",
        "audience": { "values": ["invitations"] },
        "account": { "claim": "/org", "kind": "id" },
        "role": { "claim": "/role", "map": { "admin": "full-access" } },
        "email": "/email",
    }});
    for (issuers, listed) in [("", 0.0), (&*issuers.to_string(), 100.0)] {
        let app = TestApp::with(&[("ISSUERS", issuers)]).await;
        assert_eq!(app.state().store.lists_by_invitee(), listed > 0.0);
        for (key, transactions, units) in [(None, 5, 810.0), (Some("k"), 7, 830.0)] {
            let name = key.unwrap_or("none");
            let rows: Vec<Value> = (0..100).map(|number| row(&format!("{name}-{number}@example.com"))).collect();
            let call = Call::bulk(&rows).key(&app.full);
            let call = key.map_or(call.clone(), |key| call.header("idempotency-key", key));
            let counted = Arc::new(Units::default());
            app.faults.wire(Arc::clone(&counted) as _);
            let _ = app.faults.take_operations();
            let found = results(&app.send(call).await.expect(200));
            assert!(found.iter().all(|result| result["status"] == 201), "{found:?}");
            assert_eq!(*counted.0.lock().expect("no test panics in here"), (100.0, units + listed, transactions), "{name}");
            let mut operations = app.faults.take_operations();
            operations.retain(|operation| operation != "GetItem" && operation != "TransactWriteItems");
            assert_eq!(operations, ["BatchGetItem"], "one read of the locks");
        }
    }
}
