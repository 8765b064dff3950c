//! What `openapi.yaml` lets later versions add: responses are open, requests are closed, and our own responses are checked as closed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Call, Response, TestApp, openapi};

use crate::helpers::text;

/// Calls `visit` with the pointer and the value of each schema that can be reached from `value`.
fn walk(document: &Value, value: &Value, pointer: &str, seen: &mut BTreeSet<String>, visit: &mut dyn FnMut(&str, &Value)) {
    visit(pointer, value);
    if let Some(target) = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'))
        && seen.insert(target.to_owned())
    {
        walk(document, document.pointer(target).expect("the reference has a target"), target, seen, visit);
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(name, child)| (name.clone(), child)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str())) {
        walk(document, child, &format!("{pointer}/{name}"), seen, visit);
    }
}

/// Visits all schemas of one part of each operation: `responses` or `requestBody`.
fn walk_all(part: &str, mut visit: impl FnMut(&str, &Value)) -> usize {
    let document = openapi::document();
    let mut seen = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            walk(&document, &operation[part], &format!("/paths{path}/{method}/{part}"), &mut seen, &mut visit);
        }
    }
    seen.len()
}

#[test]
fn responses_can_gain_properties_and_values_except_for_state() {
    let mut enums = BTreeSet::new();
    let visited = walk_all("responses", |pointer, schema| {
        assert_ne!(schema["additionalProperties"], false, "{pointer} is closed");
        assert_ne!(schema["unevaluatedProperties"], false, "{pointer} is closed");
        if schema["enum"].is_array() {
            enums.insert(pointer.to_owned());
        }
        assert!(schema["x-extensible-enum"].is_null() || schema["enum"].is_null(), "{pointer} lists its values twice");
    });
    assert!(visited > 15, "{visited}");
    assert_eq!(enums, ["/components/schemas/State".to_owned()].into());
}

#[test]
fn bodies_of_requests_are_closed() {
    let mut closed = BTreeSet::new();
    walk_all("requestBody", |pointer, schema| {
        // Its names are the caller's.
        if schema["type"] == "object" && pointer != "/components/schemas/Metadata" {
            assert_eq!(schema["additionalProperties"], false, "{pointer} is open");
            closed.insert(pointer.to_owned());
        }
    });
    let expected = [
        "HostAcceptance",
        "HostDecision",
        "InvitationChange",
        "NewInvitation",
        "NewInvitations",
        "OwnAcceptance",
        "OwnDecision",
        "Token",
        "TokenToAccept",
    ]
    .map(|name| format!("/components/schemas/{name}"));
    assert_eq!(closed, expected.into());
}

/// A response with changes in its body.
fn changed(response: &Response, change: impl FnOnce(&mut Value)) -> Response {
    let mut body = response.json();
    change(&mut body);
    Response { text: body.to_string(), ..response.clone() }
}

#[tokio::test]
async fn a_test_fails_if_a_response_has_an_undocumented_property_or_value() {
    let app = TestApp::start().await;
    let id = text(&app.invite("user.one@example.com").await, "id");
    let describe = Call::get(&format!("/invitations/{id}")).key(&app.full);
    let described = app.send(describe.clone()).await.expect(200);
    let with_delivery = |state: &str| {
        let delivery = json!({ "state": state, "time": "2030-01-01T00:00:00Z" });
        changed(&described, |body| body["delivery"] = delivery)
    };
    let list = Call::get("/invitations").key(&app.full);
    let listed = app.send(list.clone()).await.expect(200);
    let create = Call::create("user.one", "read-only").key(&app.full);
    let rejected = app.send(create.clone()).await.expect(400);

    for (call, response) in
        [(&describe, with_delivery("sent")), (&create, changed(&rejected, |body| body["code"] = "invalid-role-id".into()))]
    {
        assert_eq!(openapi::check(call, &response), Ok(()));
    }
    for (call, response, problem) in [
        (&describe, changed(&described, |body| body["extra"] = 1.into()), "'extra'"),
        (&describe, changed(&with_delivery("sent"), |body| body["delivery"]["extra"] = 1.into()), "'extra'"),
        (&describe, with_delivery("opened"), "opened"),
        (&describe, changed(&described, |body| body["state"] = "paused".into()), "paused"),
        (&list, changed(&listed, |body| body["invitations"][0]["extra"] = 1.into()), "'extra'"),
        (&list, changed(&listed, |body| body["total"] = 1.into()), "'total'"),
        (&create, changed(&rejected, |body| body["extra"] = 1.into()), "'extra'"),
        (&create, changed(&rejected, |body| body["code"] = "max-sends".into()), "max-sends"),
        (&create, changed(&rejected, |body| body["fields"]["email"] = 1.into()), "/fields/email"),
        (&create, changed(&rejected, |body| body["fields"] = Value::Null), "/fields"),
    ] {
        let found = openapi::check(call, &response).expect_err("undocumented");
        assert!(found.contains(problem), "{problem}: {found}");
    }
}
