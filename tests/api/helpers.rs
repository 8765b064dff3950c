//! Helpers of these tests: they compare whole responses and whole rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::entity_tag::EntityTag;
use support::{ACCOUNT, Call, Response, TestApp};

/// The end of every error about a closed invitation.
pub(crate) const CLOSED: &str = "create a new one to invite again";
/// The message of every 404.
pub(crate) const NOT_FOUND: &str = "The resource you were looking for doesn't exist.";
/// The default lifetime of an invitation.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// The pause between two sendings.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(60);
/// The smallest step of the clock.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Asserts status, body and all headers; `more` are the headers beyond the three of every response and the tag of an invitation.
#[track_caller]
pub(crate) fn assert_response(response: &Response, status: u16, body: &Value, more: &[(&str, &str)]) {
    assert_eq!(response.status, status, "{}", response.text);
    assert_eq!(&response.json(), body);
    let id = body["requestId"].as_str().unwrap_or("request-1");
    let always = [("cache-control", "no-store"), ("content-type", "application/json"), ("x-request-id", id)];
    let mut headers: BTreeMap<String, String> = always.iter().chain(more).map(|(name, value)| ((*name).into(), (*value).into())).collect();
    if body["urn"].is_string() {
        headers.insert("etag".to_owned(), EntityTag::of(&response.text).to_string());
    }
    assert_eq!(response.headers, headers);
}

/// Asserts a whole error response without further headers, except for a 401.
#[track_caller]
pub(crate) fn assert_error(response: &Response, status: u16, code: &str, field: Option<&str>, message: &str) {
    let challenge = [("www-authenticate", "ApiKey realm=\"invitations\"")];
    assert_response(response, status, &error(code, field, message), if status == 401 { &challenge } else { &[] });
}

/// Asserts a whole error response with a `Retry-After`.
#[track_caller]
pub(crate) fn assert_retry_after(response: &Response, status: u16, code: &str, seconds: u64, message: &str) {
    assert_response(response, status, &error(code, None, message), &[("retry-after", &seconds.to_string())]);
}

/// The body of an error of one field, or of none.
pub(crate) fn error(code: &str, field: Option<&str>, message: &str) -> Value {
    let reason = |field| message.strip_prefix(&format!("{field}: ")).unwrap_or(message);
    error_of_fields(code, &field.map_or_else(Vec::new, |field| vec![(field, reason(field))]), message)
}

/// The body of an error of several fields, each with its reason.
pub(crate) fn error_of_fields(code: &str, fields: &[(&str, &str)], message: &str) -> Value {
    let reasons: BTreeMap<&str, &str> = fields.iter().copied().collect();
    let mut body = json!({ "code": code, "message": message, "fields": reasons, "requestId": "request-1" });
    if let Some((first, _)) = fields.first() {
        body["field"] = (*first).into();
    }
    body
}

/// `value` with some fields changed or added; null removes one.
pub(crate) fn with(value: &Value, changes: Value) -> Value {
    let mut value = value.clone();
    let fields = value.as_object_mut().expect("an object");
    let Value::Object(changes) = changes else { panic!("no object") };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, change);
        }
    }
    value
}

/// The names of the fields in which two objects differ.
pub(crate) fn differences(one: &Value, other: &Value) -> BTreeSet<String> {
    let (one, other) = (one.as_object().expect("an object"), other.as_object().expect("an object"));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

/// The whole table: rows by partition and sort key, their attributes as JSON.
pub(crate) async fn table(app: &TestApp) -> BTreeMap<(String, String), Value> {
    let rows = app.rows().await.into_iter().map(|row| row.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Value>());
    rows.map(|row| ((text(&row, "pk"), text(&row, "sk")), row)).collect()
}

/// A row of [`ACCOUNT`]'s data.
pub(crate) async fn row(app: &TestApp, sk: &str) -> Option<Value> {
    table(app).await.remove(&(format!("A#{ACCOUNT}"), sk.to_owned()))
}

/// The row of an invitation of [`ACCOUNT`].
pub(crate) async fn invitation_row(app: &TestApp, id: &str) -> Value {
    row(app, &format!("I#{id}")).await.expect("the invitation is there")
}

/// Deletes a row directly, as TTL or a restored backup would.
pub(crate) async fn delete(app: &TestApp, pk: &str, sk: &str) {
    let [pk, sk] = [pk, sk].map(|text| AttributeValue::S(text.to_owned()));
    app.client.delete_item().table_name(&app.table).key("pk", pk).key("sk", sk).send().await.expect("a row can be deleted");
}

/// The account's sendings that count towards the quota, in all windows.
pub(crate) async fn charged(app: &TestApp) -> i64 {
    let rows = table(app).await;
    rows.iter().filter(|((_, sk), _)| sk.starts_with("Q#")).map(|(_, row)| number(row, "n")).sum()
}

/// A string field.
#[track_caller]
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no string '{field}' in {value}")).to_owned()
}

/// A number field.
#[track_caller]
pub(crate) fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("no number '{field}' in {value}"))
}

/// The resource as described now.
pub(crate) async fn describe(app: &TestApp, id: &str) -> Value {
    app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200).json()
}

/// A resend.
pub(crate) fn resend(id: &str) -> Call {
    Call::post(&format!("/invitations/{id}"))
}

/// Advances the clock to an invitation's expiry, to the millisecond.
pub(crate) async fn advance_to_expiry(app: &TestApp, id: &str) {
    let left = number(&invitation_row(app, id).await, "exp") - app.now().as_millis();
    app.advance(Duration::from_millis(u64::try_from(left).expect("it has not expired yet")));
}

/// An attribute as JSON; sets are sorted.
fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => text.clone().into(),
        AttributeValue::N(number) => number.parse::<i64>().expect("an integer").into(),
        AttributeValue::Bool(flag) => (*flag).into(),
        AttributeValue::Ss(set) => set.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        other => panic!("rows have no {other:?}"),
    }
}
