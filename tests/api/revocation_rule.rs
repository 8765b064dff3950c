//! The EventBridge rule of docs/operations.md, whose target is `revoke-invitations`.

use serde_json::{Value, json};
use support::{
    ACCOUNT, Call, TestApp, root_file,
    tokens::{ISSUERS, claims, publish, signing_key},
};

use crate::{
    helpers::text,
    template::{plain, string},
};

/// The rule's target.
fn target() -> Value {
    let page = root_file("docs/operations.md");
    let yaml = page.split("```").find(|block| block.contains("InputTransformer")).expect("there is an example");
    let mut resources = plain(&serde_yaml_ng::from_str(yaml.trim_start_matches("yaml")).expect("the example is YAML"));
    resources["MemberRemoved"]["Properties"]["Targets"][0].take()
}

/// What the rule makes of an event about a member. Inside quotes a variable is inserted as text, elsewhere as JSON.
fn transformed(detail: &Value) -> Value {
    let transformer = &target()["InputTransformer"];
    let mut made = string(&transformer["InputTemplate"]);
    for (name, path) in transformer["InputPathsMap"].as_object().expect("paths") {
        let property = string(path).strip_prefix("$.detail.").expect("a property of the detail").to_owned();
        let variable = format!("<{name}>");
        while let Some(start) = made.find(&variable) {
            let in_quotes = made[..start].matches('"').count() % 2 == 1;
            let inserted = if in_quotes { string(&detail[&property]) } else { detail[&property].to_string() };
            made.replace_range(start..start + variable.len(), &inserted);
        }
    }
    // The region of the tests.
    serde_json::from_str(&made.replace(":us-east-1:", ":ca-1:")).expect("the event is JSON")
}

#[tokio::test]
async fn the_rule_revokes_what_the_removed_member_has_sent() {
    let issuers = ISSUERS.replacen("acme", "main", 1);
    let app = TestApp::with(&[("ISSUERS", &issuers)]).await;
    let key = signing_key("k1");
    publish(&app, &issuers, &[&key]).await;
    for (subject, email) in [("auth0|5f7c", "user.one@example.com"), ("auth0|5f7d", "user.two@example.com")] {
        let token = key.token(&claims(app.now(), &json!({ "sub": subject })));
        app.send(Call::create(email, "read-only").bearer(&token)).await.expect(201);
    }
    let revocation = transformed(&json!({ "account": ACCOUNT, "subject": "auth0%7C5f7c" }));
    assert_eq!(app.revoke(&revocation).await, json!({ "revoked": 1 }));
    let left = app.send(Call::get("/invitations?state=invited").key(&app.full)).await.expect(200).json();
    assert_eq!(text(&left["invitations"][0], "email"), "user.two@example.com");

    for incomplete in [
        json!({ "account": ACCOUNT, "subject": "" }),
        json!({ "account": "", "subject": "auth0%7C5f7d" }),
        json!({ "account": ACCOUNT, "subject": "auth0|5f7d" }),
    ] {
        let answer = app.revoke(&transformed(&incomplete)).await;
        assert_eq!(answer["code"], "invalid-field", "{incomplete}: {answer}");
    }
}

#[test]
fn the_rule_and_the_permission_name_the_function_by_the_stacks_output() {
    let page = root_file("docs/operations.md");
    assert!(root_file("template.yaml").contains("  RevokeInvitationsFunctionName:\n"));
    assert!(page.contains("output `RevokeInvitationsFunctionName`"));
    assert!(string(&target()["Arn"]["!Sub"]).ends_with(":function:${RevokeInvitations}"));
}
