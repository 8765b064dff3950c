//! An unreadable row is an error and is never skipped.

use aws_sdk_dynamodb::types::AttributeValue;
use support::{ACCOUNT, Call, TestApp, Workers};

use crate::common::{Row, assert_consistent, counts, error, resend};

fn internal() -> serde_json::Value {
    error("internal-error", None, "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why.")
}

async fn put(app: &TestApp, row: Row) {
    app.client.put_item().table_name(&app.table).set_item(Some(row)).send().await.expect("the row can be written");
}

#[tokio::test]
async fn a_corrupt_invitation_is_a_500_wherever_the_corrupt_attribute_is_read() {
    let app = TestApp::start().await;
    app.invite("bob@example.com").await;
    let id = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();
    let good = app.rows_of(ACCOUNT, "I#").await.into_iter().find(|row| row["sk"].as_s() == Ok(&format!("I#{id}"))).expect("it is there");

    let text = |value: &str| Some(AttributeValue::S(value.to_owned()));
    let number = |value: &str| Some(AttributeValue::N(value.to_owned()));
    let corruptions = [
        ("st", text("open")),
        ("st", text("revoked")),
        ("st", None),
        ("exp", number("-1")),
        // The table rejects another type, because it is the key of an index.
        ("exp", None),
        ("created", number("99999999999999")),
        ("email", text("nobody")),
        ("role", text("Full Access")),
        ("sends", number("-1")),
        ("nonce", text("!")),
        ("th", text("AAAA")),
        ("ops", text("one")),
        ("rev", None),
    ];
    for (attribute, value) in corruptions {
        let mut row = good.clone();
        row.remove(attribute);
        row.extend(value.map(|value| (attribute.to_owned(), value)));
        put(&app, row.clone()).await;
        let reads = [
            Call::get(&format!("/invitations/{id}")),
            Call::get("/invitations"),
            Call::get("/invitations?limit=1"),
            Call::get("/invitations?order=asc"),
            Call::get("/invitations?emailPrefix=ann"),
            Call::get("/invitations?state=invited"),
            Call::get("/invitations?roleID=full-access&state=invited"),
        ];
        let changes = [resend(&id), Call::set_state(&id, "revoked")];
        // Attributes that are never shown do not affect reads.
        let hidden = matches!(attribute, "sends" | "nonce" | "th" | "ops" | "rev");
        for read in reads.iter().filter(|_| hidden).cloned() {
            app.send(read.key(&app.full)).await.expect(200);
        }
        for call in changes.into_iter().chain(reads.into_iter().filter(|_| !hidden)) {
            let response = app.send(call.key(&app.full)).await;
            assert_eq!((response.status, response.json()), (500, internal()), "{attribute}: {:?}", row.get(attribute));
        }
        let after = app.rows_of(ACCOUNT, "I#").await;
        assert!(after.contains(&row), "the row is unchanged");
    }
    put(&app, good).await;
    app.send(Call::get("/invitations").key(&app.full)).await.expect(200);
    assert_consistent(&app).await;
}

/// The command of docs/incidents.md, "A row cannot be read".
#[tokio::test]
async fn a_row_that_is_repaired_as_documented_works_and_its_waiting_email_is_sent() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let id = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();
    let good = app.rows_of(ACCOUNT, "I#").await.remove(0);
    let mut row = good.clone();
    row.remove("exp");
    put(&app, row.clone()).await;
    workers.deliver().await;
    assert!(workers.inbox.emails().is_empty(), "the row is quarantined");

    let now = AttributeValue::N(app.now().as_millis().to_string());
    let update = app.client.update_item().table_name(&app.table).key("pk", row["pk"].clone()).key("sk", row["sk"].clone());
    let update = update.update_expression("SET #name = :right, due_at = :now ADD rev :one").condition_expression("rev = :rev");
    let update = update.expression_attribute_names("#name", "exp").expression_attribute_values(":right", good["exp"].clone());
    let update = update.expression_attribute_values(":now", now).expression_attribute_values(":rev", row["rev"].clone());
    update.expression_attribute_values(":one", AttributeValue::N("1".to_owned())).send().await.expect("the row can be repaired");

    app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 1);
    app.send(Call::holder("accept", &workers.last_token("ann@example.com"))).await.expect(200);
}

#[tokio::test]
async fn a_corrupt_lock_or_stored_response_is_a_500() {
    let app = TestApp::start().await;
    let call = Call::create("ann@example.com", "full-access").key(&app.full).header("idempotency-key", "k");
    app.send(call.clone()).await.expect(201);

    let mut lock = app.rows_of(ACCOUNT, "P#").await.remove(0);
    lock.insert("inv".to_owned(), AttributeValue::S("nobody".to_owned()));
    put(&app, lock).await;
    let response = app.send(Call::create("ann@example.com", "full-access").key(&app.full)).await;
    assert_eq!((response.status, response.json()), (500, internal()));

    let stored = app.rows_of(ACCOUNT, "K#").await.remove(0);
    for attribute in ["fp", "status", "body", "inv"] {
        let mut row = stored.clone();
        row.insert(attribute.to_owned(), AttributeValue::Bool(true));
        put(&app, row).await;
        let response = app.send(call.clone()).await;
        assert_eq!((response.status, response.json()), (500, internal()), "{attribute}");
    }
    assert_eq!(counts(&app).await, [1, 1, 1]);
}

#[tokio::test]
async fn a_corrupt_row_does_not_affect_requests_that_do_not_read_it() {
    let app = TestApp::start().await;
    let ann = app.invite("ann@example.com").await["id"].as_str().expect("an id").to_owned();
    let bob = app.invite("bob@example.com").await;
    app.set(&ann, "st", AttributeValue::N("1".to_owned())).await;
    let page = app.send(Call::get("/invitations?email=bob@example.com").key(&app.full)).await.expect(200).json();
    assert_eq!(page, serde_json::json!({ "invitations": [bob] }));
    app.send(Call::get("/invitations").key(&app.other)).await.expect(200);
}

#[tokio::test]
async fn an_expired_stored_response_counts_as_absent_even_if_it_is_corrupt() {
    let app = TestApp::start().await;
    let call = Call::create("ann@example.com", "full-access").key(&app.full).header("idempotency-key", "k");
    app.send(call.clone()).await.expect(201);
    let mut stored = app.rows_of(ACCOUNT, "K#").await.remove(0);
    stored.insert("status".to_owned(), AttributeValue::Bool(true));
    put(&app, stored).await;
    app.advance(std::time::Duration::from_secs(25 * 3600));
    app.send(call).await.expect_error(400, "already-invited");
}
