//! Calls of functions, with the policies of the template.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;

fn check(guard: &Guard, key: &str, target: Option<&str>, path: &str, body: &Value) -> Result<(), Refusal> {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
    let body = body.to_string();
    guard.check(&Call { authorization: Some(&authorization), target, path, body: body.as_bytes() })
}

fn get(partition: &str) -> Value {
    json!({ "TableName": "invitations", "Key": { "pk": { "S": partition }, "sk": { "S": "x" } } })
}

#[test]
fn a_function_may_do_what_its_role_allows_and_nothing_else() {
    let guard = Guard::for_tests();
    let table = |key: &str, operation: &str, body: &Value| check(&guard, key, Some(&format!("DynamoDB_20120810.{operation}")), "/", body);
    assert_eq!(table("describe-invitation", "GetItem", &get("A#012345678912")), Ok(()));
    let refusal = table("lookup-invitation", "GetItem", &get("KEYS#012345678912")).unwrap_err();
    assert_eq!(refusal.code, "AccessDeniedException");
    assert_eq!(
        refusal.message,
        "User: arn:aws:sts::123456789012:assumed-role/local-lookup-invitation/lookup-invitation is not authorized to perform: \
         dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/invitations because no identity-based policy allows \
         the dynamodb:GetItem action"
    );
    assert_eq!(
        refusal.to_string(),
        "lookup-invitation is not authorized to perform dynamodb:GetItem on table/invitations, partition KEYS#"
    );
    assert!(table("describe-invitation", "Scan", &json!({ "TableName": "invitations" })).is_err());
    assert!(
        table("describe-invitation", "GetItem", &json!({ "TableName": "invitations" }))
            .unwrap_err()
            .message
            .contains("without a partition")
    );
}

#[test]
fn a_call_about_nothing_is_refused() {
    let guard = Guard::for_tests();
    let table = |operation: &str, body: Value| check(&guard, "accept-page", Some(operation), "/", &body).is_ok();
    assert!(!table("DynamoDB_20120810.TransactWriteItems", json!({ "TransactItems": [] })));
    assert!(!table("AWSEvents.PutEvents", json!({ "Entries": [] })));
    assert!(check(&guard, "accept-page", None, "/v2/email/outbound-emails", &json!({})).is_err());
}

#[test]
fn the_access_key_must_be_that_of_a_function_or_of_the_developer() {
    let guard = Guard::for_tests();
    let table = |key: &str| check(&guard, key, Some("DynamoDB_20120810.GetItem"), "/", &get("A#1")).map_err(|refusal| refusal.code);
    assert_eq!(table("AKIAIOSFODNN7EXAMPLE"), Err("UnrecognizedClientException"));
    assert_eq!(table("local"), Ok(()));
    let unsigned = Call { authorization: None, target: Some("DynamoDB_20120810.GetItem"), path: "/", body: b"{}" };
    assert_eq!(guard.check(&unsigned).map_err(|refusal| refusal.code), Err("MissingAuthenticationTokenException"));
    assert_eq!(check(&guard, "local", None, "/v2/email/outbound-emails", &json!({})), Ok(()));
}

#[test]
fn emails_and_events_are_decided_too() {
    let guard = Guard::for_tests();
    let email = |key: &str, from: &str| {
        let body = json!({ "FromEmailAddress": from, "Destination": { "ToAddresses": ["u@x.example"] }, "ConfigurationSetName": "local" });
        check(&guard, key, None, "/v2/email/outbound-emails", &body).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(email("deliver-invitations", "Example <Invitations@example.com>"), Ok(()));
    let denied = "deliver-invitations is not authorized to perform ses:SendEmail on identity";
    assert_eq!(email("deliver-invitations", "b@example.com"), Err(denied.to_owned()));
    assert!(email("create-invitation", "invitations@example.com").is_err());
    let event = |source: &str, bus: &str| {
        let body = json!({ "Entries": [{ "EventBusName": bus, "Source": source }] });
        check(&guard, "reconcile-deliveries", Some("AWSEvents.PutEvents"), "/", &body).is_ok()
    };
    assert_eq!([event("invitations", "local"), event("other", "local"), event("invitations", "default")], [true, false, false]);
}

#[test]
fn the_observer_gets_every_decision_about_a_function() {
    let (guard, seen) = (Guard::for_tests(), Arc::new(Mutex::new(Vec::new())));
    let shared = Arc::clone(&seen);
    guard
        .observe(move |name, decision| shared.lock().unwrap().push((name.to_owned(), decision.as_ref().map(Vec::len).map_err(|r| r.code))));
    for key in ["describe-invitation", "accept-page", "nobody", "local"] {
        let _ = check(&guard, key, Some("DynamoDB_20120810.GetItem"), "/", &get("A#1"));
    }
    let expected =
        [("describe-invitation", Ok(1)), ("accept-page", Err("AccessDeniedException")), ("nobody", Err("UnrecognizedClientException"))];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(name, decision)| (name.to_owned(), decision)));
}
