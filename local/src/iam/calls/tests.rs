//! The requests of calls as the SDK makes them.

use serde_json::json;

use super::*;
use crate::iam::request::Key;

fn location() -> Location {
    Location { partition: "aws".into(), region: "us-east-1".into(), account: "123456789012".into() }
}

fn schema() -> Schema {
    Schema { table: "pk".into(), indexes: [("due".to_owned(), "shard".to_owned())].into() }
}

fn requests(target: Option<&str>, path: &str, body: &Value) -> Result<Vec<Request>, String> {
    let body = body.to_string();
    Call { authorization: None, target, path, body: body.as_bytes() }.requests(&location(), &schema())
}

fn dynamodb(operation: &str, mut input: Value) -> Result<Vec<Request>, String> {
    if input["RequestItems"].is_null() && input["TransactItems"].is_null() {
        input["TableName"] = "invitations".into();
    }
    requests(Some(&format!("DynamoDB_20120810.{operation}")), "/", &input)
}

/// Action, resource after `table/invitations`, partitions.
fn short(request: &Request) -> (String, String, String) {
    let resource = request.resource.replace("arn:aws:dynamodb:us-east-1:123456789012:table/invitations", "");
    (request.action.replace("dynamodb:", ""), resource, request.values(Key::LeadingKeys).collect::<Vec<_>>().join(" "))
}

fn key(pk: &str) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": "x" } })
}

#[test]
fn a_call_on_rows_names_their_partitions() {
    let tables = |rows: Value| json!({ "RequestItems": { "invitations": rows } });
    for (operation, input, expected) in [
        ("GetItem", json!({ "Key": key("A#1") }), ("GetItem", "", "A#1")),
        ("UpdateItem", json!({ "Key": key("A#1") }), ("UpdateItem", "", "A#1")),
        ("DeleteItem", json!({ "Key": key("A#1") }), ("DeleteItem", "", "A#1")),
        ("PutItem", json!({ "Item": key("A#1") }), ("PutItem", "", "A#1")),
        ("BatchGetItem", tables(json!({ "Keys": [key("A#1"), key("B#1"), key("A#1")] })), ("BatchGetItem", "", "A#1 B#1")),
        (
            "BatchWriteItem",
            tables(json!([{ "PutRequest": { "Item": key("A#1") } }, { "DeleteRequest": { "Key": key("B#1") } }])),
            ("BatchWriteItem", "", "A#1 B#1"),
        ),
        ("Scan", json!({ "IndexName": "by_state" }), ("Scan", "/index/by_state", "")),
        ("DescribeTable", json!({}), ("DescribeTable", "", "")),
    ] {
        let requests = dynamodb(operation, input).unwrap();
        let expected = (expected.0.to_owned(), expected.1.to_owned(), expected.2.to_owned());
        assert_eq!(requests.iter().map(short).collect::<Vec<_>>(), [expected], "{operation}");
        assert!(!requests[0].context.contains_key(&Key::EnclosingOperation));
    }
}

#[test]
fn each_part_of_a_transaction_is_a_request_of_its_own() {
    let input = json!({ "TransactItems": [
        { "Put": { "TableName": "invitations", "Item": key("A#1") } },
        { "Update": { "TableName": "invitations", "Key": key("A#2") } },
        { "Delete": { "TableName": "invitations", "Key": key("A#3") } },
        { "ConditionCheck": { "TableName": "other", "Key": key("A#4") } },
        // Another row of the same partition is the same request.
        { "ConditionCheck": { "TableName": "other", "Key": key("A#4") } },
    ] });
    let requests = dynamodb("TransactWriteItems", input).unwrap();
    let enclosing: Vec<_> = requests.iter().map(|request| request.values(Key::EnclosingOperation).next()).collect();
    assert_eq!(enclosing, [Some("TransactWriteItems"), Some("TransactWriteItems"), Some("TransactWriteItems"), None]);
    let texts: Vec<_> = requests.iter().map(|request| format!("{:?}", short(request))).collect();
    assert_eq!(
        texts,
        [
            r#"("PutItem", "", "A#1")"#,
            r#"("UpdateItem", "", "A#2")"#,
            r#"("DeleteItem", "", "A#3")"#,
            r#"("ConditionCheckItem", "arn:aws:dynamodb:us-east-1:123456789012:table/other", "A#4")"#,
        ]
    );
    let read =
        dynamodb("TransactGetItems", json!({ "TransactItems": [{ "Get": { "TableName": "invitations", "Key": key("A#1") } }] })).unwrap();
    assert_eq!(read[0].values(Key::EnclosingOperation).collect::<Vec<_>>(), ["TransactGetItems"]);
}

#[test]
fn a_query_leads_to_the_partition_of_its_condition_and_of_its_start() {
    let query = |condition: &str, more: Value| {
        let mut input = json!({
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": { "#pk": "pk", "#sk": "sk" },
            "ExpressionAttributeValues": { ":pk": { "S": "A#1" }, ":from": { "S": "I#" }, ":to": { "S": "J#" }, ":shard": { "S": "1" } },
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        dynamodb("Query", input).map(|requests| short(&requests[0]))
    };
    let found = |index: &str, leading: &str| Ok(("Query".to_owned(), index.to_owned(), leading.to_owned()));
    assert_eq!(query("#pk = :pk", json!({})), found("", "A#1"));
    assert_eq!(query("pk = :pk AND begins_with(#sk, :from)", json!({})), found("", "A#1"));
    assert_eq!(query("#sk BETWEEN :from AND :to AND (#pk = :pk)", json!({})), found("", "A#1"));
    assert_eq!(query("#pk = :pk", json!({ "IndexName": "by_state" })), found("/index/by_state", "A#1"));
    assert_eq!(query("shard = :shard", json!({ "IndexName": "due" })), found("/index/due", "1"));
    assert_eq!(query("#pk = :pk", json!({ "ExclusiveStartKey": key("B#1") })), found("", "A#1 B#1"));
    // What cannot be read is refused.
    assert!(query("#sk = :from", json!({})).unwrap_err().contains("the partition of the query cannot be read"));
    assert!(query("#pk = :pk", json!({ "IndexName": "due" })).is_err());
    assert!(query("#pk = :pk", json!({ "ExclusiveStartKey": {} })).is_err());
    assert!(dynamodb("Query", json!({ "KeyConditions": {} })).is_err());
    assert!(dynamodb("GetItem", json!({ "Key": { "sk": { "S": "x" } } })).is_err());
    assert!(dynamodb("ExecuteStatement", json!({ "Statement": "SELECT * FROM invitations" })).is_err());
    let counted =
        json!({ "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": { ":pk": { "S": "A#1" } }, "Select": "COUNT" });
    assert_eq!(dynamodb("Query", counted).unwrap()[0].values(Key::Select).collect::<Vec<_>>(), ["COUNT"]);
}

#[test]
fn an_email_needs_the_identities_and_the_configuration_set() {
    let input = json!({
        "FromEmailAddress": "Example <sender@Example.com>",
        "Destination": { "ToAddresses": ["user@other.example"] },
        "ConfigurationSetName": "emails",
    });
    let requests = requests(None, "/v2/email/outbound-emails", &input).unwrap();
    let resources: Vec<_> = requests.iter().map(|request| request.resource.rsplit_once(':').unwrap().1).collect();
    let identities = ["identity/Example.com", "identity/other.example", "identity/sender@Example.com", "identity/user@other.example"];
    assert_eq!(resources, [&identities[..], &["configuration-set/emails"]].concat());
    for request in requests {
        assert_eq!(request.action, "ses:SendEmail");
        assert_eq!(request.values(Key::FromAddress).collect::<Vec<_>>(), ["sender@Example.com"]);
    }
}

#[test]
fn events_need_their_buses_each_with_all_sources() {
    let input = json!({ "Entries": [
        { "EventBusName": "events", "Source": "invitations" },
        { "EventBusName": "events", "Source": "other" },
        { "Source": "invitations" },
        { "EventBusName": "arn:aws:events:us-east-1:123456789012:event-bus/events" },
    ] });
    let requests = requests(Some("AWSEvents.PutEvents"), "/", &input).unwrap();
    let found: Vec<_> =
        requests.iter().map(|request| (request.resource.as_str(), request.values(Key::Source).collect::<Vec<_>>())).collect();
    assert_eq!(
        found,
        [
            ("arn:aws:events:us-east-1:123456789012:event-bus/default", vec!["invitations"]),
            ("arn:aws:events:us-east-1:123456789012:event-bus/events", vec!["invitations", "other"]),
        ]
    );
}

#[test]
fn the_access_key_is_that_of_the_signature() {
    let key = |authorization| Call { authorization, target: None, path: "/", body: b"" }.access_key().map(str::to_owned);
    let signed = "AWS4-HMAC-SHA256 Credential=create-invitation/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    assert_eq!(key(Some(signed)).as_deref(), Some("create-invitation"));
    for unsigned in [None, Some(""), Some("Bearer x"), Some("AWS4-HMAC-SHA256 Credential=/x"), Some("AWS4-HMAC-SHA256 Signature=0")] {
        assert_eq!(key(unsigned), None, "{unsigned:?}");
    }
}
