//! Helpers of these tests: concurrent callers, and the invariants of the table.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, Response, SecondApp, TestApp};

/// A row of the table.
pub(crate) type Row = HashMap<String, AttributeValue>;

/// Several processes of the service over one table, with empty caches.
pub(crate) fn processes(app: &TestApp, count: usize) -> Vec<Arc<SecondApp>> {
    (0..count).map(|_| Arc::new(app.another_patient())).collect()
}

/// Sends all calls at once, spread over the processes. The responses come in the order of the calls.
pub(crate) async fn race(processes: &[Arc<SecondApp>], calls: impl IntoIterator<Item = Call>) -> Vec<Response> {
    staggered(processes, calls.into_iter().map(|call| (0, call))).await
}

/// The same, each call after a delay in milliseconds.
pub(crate) async fn staggered(processes: &[Arc<SecondApp>], calls: impl IntoIterator<Item = (u64, Call)>) -> Vec<Response> {
    let send = |(process, (delay, call)): (Arc<SecondApp>, (u64, Call))| {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            process.send(call).await
        })
    };
    let running: Vec<_> = processes.iter().cloned().cycle().zip(calls).map(send).collect();
    let mut responses = Vec::with_capacity(running.len());
    for response in running {
        responses.push(response.await.expect("no call panics"));
    }
    responses
}

/// The body of an error.
pub(crate) fn error(code: &str, field: Option<&str>, message: &str) -> Value {
    let mut body = json!({ "code": code, "message": message, "fields": {}, "requestId": "request-1" });
    if let Some(field) = field {
        body["field"] = field.into();
        body["fields"][field] = message.strip_prefix(&format!("{field}: ")).unwrap_or(message).into();
    }
    body
}

/// The body that names the open invitation of an address.
pub(crate) fn already_invited(id: &str) -> Value {
    let message = format!("email: this address already has an open invitation, {id}; resend or revoke that one");
    error("already-invited", Some("email"), &message)
}

/// The body for a revoked invitation.
pub(crate) fn already_revoked() -> Value {
    error("already-revoked", None, "the invitation is already revoked; create a new one to invite again")
}

/// The body for a resend within the cooldown.
pub(crate) fn cooldown(seconds: u64) -> Value {
    let message = format!("the invitation was sent too recently; it can be sent again in {seconds} s");
    error("resend-cooldown", None, &message)
}

/// The body for a key that was used with another request.
pub(crate) fn key_reused() -> Value {
    let message = "this Idempotency-Key was used with another request in the last 24 hours; use a new key for a new request";
    error("idempotency-key-reused", None, message)
}

/// A resend.
pub(crate) fn resend(id: &str) -> Call {
    Call::post(&format!("/invitations/{id}"))
}

/// The invitation as described now.
pub(crate) async fn describe(app: &TestApp, id: &str) -> Value {
    app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200).json()
}

/// The row of an invitation.
pub(crate) async fn stored(app: &TestApp, id: &str) -> Row {
    let rows = app.rows_of(ACCOUNT, "I#").await;
    rows.into_iter().find(|row| text(row, "sk") == format!("I#{id}")).unwrap_or_else(|| panic!("no row of {id}"))
}

/// The account's sendings that count towards the quota.
pub(crate) async fn charged(app: &TestApp) -> i64 {
    app.rows_of(ACCOUNT, "Q#").await.iter().map(|row| number(row, "n")).sum()
}

/// The number of rows of each kind: invitations, locks, stored responses.
pub(crate) async fn counts(app: &TestApp) -> [usize; 3] {
    let rows = app.rows().await;
    ["I#", "P#", "K#"]
        .map(|prefix| rows.iter().filter(|row| text(row, "pk").starts_with("A#") && text(row, "sk").starts_with(prefix)).count())
}

/// Asserts the invariants of an account's rows: an address has at most one open invitation, which holds its lock until the
/// expiry; every sending counts once towards the quota; no two sendings share a link.
pub(crate) async fn assert_consistent(app: &TestApp) {
    let now = app.now().as_millis();
    let invitations = app.rows_of(ACCOUNT, "I#").await;
    let open = |row: &&Row| text(row, "st") == "pending" && number(row, "exp") > now;
    let mut holders: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for row in invitations.iter().filter(open) {
        let address = text(row, "by_email").rsplit_once('#').expect("an address and an id").0;
        let id = text(row, "sk")[2..].to_owned();
        if let Some((other, _)) = holders.insert(address.to_owned(), (id.clone(), number(row, "exp"))) {
            panic!("{other} and {id} are open for one address");
        }
    }
    let locks: BTreeMap<String, (String, i64)> = app
        .rows_of(ACCOUNT, "P#")
        .await
        .iter()
        .filter(|row| number(row, "exp") > now)
        .map(|row| (text(row, "sk")[2..].to_owned(), (text(row, "inv").to_owned(), number(row, "exp"))))
        .collect();
    assert_eq!(locks, holders, "the locks are those of the open invitations");

    let sends: i64 = invitations.iter().map(|row| number(row, "sends")).sum();
    assert_eq!(charged(app).await, sends, "every sending counts once");
    let mut links: Vec<&str> = invitations.iter().map(|row| text(row, "th")).collect();
    links.sort_unstable();
    links.dedup();
    assert_eq!(links.len(), invitations.len(), "no two links share a secret");
    for row in &invitations {
        // The first operation created it; each further one resent, changed or closed it. Nothing publishes events here.
        let events = row["out"].as_ss().expect("unpublished events");
        let changes = events.iter().filter(|event| event.contains("#changed#")).count();
        let revisions = number(row, "sends") + i64::try_from(changes).expect("few") + i64::from(text(row, "st") != "pending");
        assert_eq!((number(row, "rev"), number(row, "tv")), (revisions, number(row, "sends")), "{row:?}");
        assert_eq!(row["ops"].as_ss().map(Vec::len), Ok(usize::try_from(revisions).expect("a count")), "{row:?}");
    }
}

/// A string attribute.
#[track_caller]
pub(crate) fn text<'a>(row: &'a Row, attribute: &str) -> &'a str {
    row[attribute].as_s().expect("it is a string")
}

/// A number attribute.
#[track_caller]
pub(crate) fn number(row: &Row, attribute: &str) -> i64 {
    row[attribute].as_n().expect("it is a number").parse().expect("it is an integer")
}

/// Reads all pages of a list. `between` runs after each page but the last, with the invitations read so far.
pub(crate) async fn read_pages(app: &TestApp, key: &str, query: &str, mut between: impl AsyncFnMut(&[Value])) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut read = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let cursor = next.map(|token| format!("&cursor={token}")).unwrap_or_default();
        let mut page = app.send(Call::get(&format!("/invitations?{query}{cursor}")).key(key)).await.expect(200).json();
        let invitations: Vec<Value> = serde_json::from_value(page["invitations"].take()).expect("a list");
        read.extend(invitations.clone());
        pages.push(invitations);
        next = page.get("next").map(|token| token.as_str().expect("a string").to_owned());
        if next.is_none() {
            return pages;
        }
        assert!(pages.len() < 500, "paging does not end");
        between(&read).await;
    }
}

/// The ids of invitations.
pub(crate) fn ids(invitations: &[Value]) -> Vec<String> {
    invitations.iter().map(|it| it["id"].as_str().expect("an id").to_owned()).collect()
}

/// Deletes an invitation's row directly, as TTL would.
pub(crate) async fn purge(app: &TestApp, id: &str) {
    let key = |text: String| AttributeValue::S(text);
    let delete = app.client.delete_item().table_name(&app.table).key("pk", key(format!("A#{ACCOUNT}"))).key("sk", key(format!("I#{id}")));
    delete.send().await.expect("the row can be deleted");
}
