//! The template of docs/events.md that sends events to a URL. `tests/webhook.py` transforms and lints it.

use std::{collections::BTreeSet, time::Duration};

use local::events::Event;
use serde_json::{Value, json};
use support::{ACCOUNT, Call, OTHER_ACCOUNT, TestApp, Workers, root_file};

use crate::{
    helpers::text,
    template::{self, list, plain, string},
};

/// The section of the page with the template.
fn section() -> String {
    let page = root_file("docs/events.md");
    let (_, section) = page.split_once("\n## Webhook\n").expect("there is a section");
    section.split("\n## ").next().expect("it ends").to_owned()
}

fn webhook() -> Value {
    let section = section();
    let (_, block) = section.split_once("```yaml\n").expect("there is a template");
    let template = block.split("```").next().expect("it ends");
    plain(&serde_yaml_ng::from_str(template).expect("the template is YAML"))
}

fn resource(name: &str, type_name: &str) -> Value {
    let resource = webhook()["Resources"][name].take();
    assert_eq!(resource["Type"], type_name, "{name}");
    resource["Properties"].clone()
}

fn rule() -> Value {
    resource("WebhookRule", "AWS::Events::Rule")
}

/// The rule's pattern if the parameter `OnlyAccount` has this value, or none.
fn pattern(only: Option<&str>) -> Value {
    let mut pattern = rule()["EventPattern"].take();
    let condition = pattern["detail"]["!If"].take();
    assert_eq!(condition[0], "HasAccount");
    assert_eq!(condition[2], json!({ "!Ref": "AWS::NoValue" }));
    assert_eq!(webhook()["Conditions"]["HasAccount"], json!({ "!Not": [{ "!Equals": [{ "!Ref": "OnlyAccount" }, ""] }] }));
    pattern.as_object_mut().expect("a pattern").remove("detail");
    if let Some(only) = only {
        assert_eq!(condition[1], json!({ "account": [{ "!Ref": "OnlyAccount" }] }));
        pattern["detail"] = json!({ "account": [only] });
    }
    pattern
}

/// Whether an event matches, by EventBridge's rules: all fields of the pattern, and one of the values of each. Values that are
/// objects would be other comparisons.
fn matches(pattern: &Value, event: &Value) -> bool {
    let fields = pattern.as_object().expect("an object");
    fields.iter().all(|(name, expected)| match expected {
        Value::Array(values) => values.iter().any(|value| string(value) == event[name]),
        nested => matches(nested, &event[name]),
    })
}

/// The accounts and types of the events that match.
fn selected(pattern: &Value, events: &[Event]) -> BTreeSet<(String, String)> {
    let envelope = |event: &Event| json!({ "source": event.source, "detail-type": event.detail_type, "detail": event.detail });
    let selected = events.iter().filter(|event| matches(pattern, &envelope(event)));
    selected.map(|event| (text(&event.detail, "account"), text(&event.detail, "type"))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(account, kind)| ((*account).to_owned(), (*kind).to_owned())).collect()
}

#[tokio::test]
async fn the_rule_selects_how_invitations_end_in_all_accounts_or_in_one() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    for email in ["accepts@example.com", "declines@example.com", "revoked@example.com", "expires@example.com"] {
        let id = text(&app.invite(email).await, "id");
        workers.deliver().await;
        workers.report(&workers.last_email(email)).await;
        let call = match email {
            "accepts@example.com" => Call::holder("accept", &workers.last_token(email)),
            "declines@example.com" => Call::holder("decline", &workers.last_token(email)),
            "revoked@example.com" => Call::set_state(&id, "revoked").key(&app.full),
            _ => continue,
        };
        app.send(call).await.expect(200);
    }
    let key = app.new_key(OTHER_ACCOUNT, "full-access").await;
    app.send(Call::create("accepts@example.com", "read-only").key(&key)).await.expect(201);
    workers.deliver().await;
    app.send(Call::holder("accept", &workers.last_token("accepts@example.com"))).await.expect(200);
    workers.deliver().await;
    app.advance(Duration::from_secs(8 * 86_400));
    workers.reconcile().await;

    let events = workers.bus.events();
    let ends = [(ACCOUNT, "accepted"), (ACCOUNT, "declined"), (ACCOUNT, "revoked"), (ACCOUNT, "expired"), (OTHER_ACCOUNT, "accepted")];
    assert_eq!(selected(&pattern(None), &events), pairs(&ends));
    assert_eq!(selected(&pattern(Some(OTHER_ACCOUNT)), &events), pairs(&ends[4..]));
    assert_eq!(selected(&pattern(Some(ACCOUNT)), &events), pairs(&ends[..4]));
    assert_eq!(selected(&pattern(Some("999999999999")), &events), pairs(&[]));
    // Others were published, and the names in the rule are all names that were.
    let published: BTreeSet<String> = events.iter().map(|event| event.detail_type.clone()).collect();
    let selected: BTreeSet<String> = list(&pattern(None)["detail-type"]).map(string).collect();
    assert!(published.is_superset(&selected) && published.contains("Invitation Created"), "{published:?}");
    // The receiver gets the payload.
    assert_eq!(rule()["Targets"][0]["InputPath"], "$.detail");
}

/// All policy statements below a value.
fn statements(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(list(&fields.get("Statement").cloned().unwrap_or_default()).cloned());
            fields.values().for_each(|value| statements(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| statements(item, found)),
        _ => {}
    }
}

#[test]
fn the_rule_may_call_its_destination_and_send_to_its_queue_and_nothing_else_is_allowed() {
    let template = webhook();
    let types: BTreeSet<String> =
        template["Resources"].as_object().expect("resources").values().map(|resource| string(&resource["Type"])).collect();
    let expected = [
        "AWS::CloudWatch::Alarm",
        "AWS::Events::ApiDestination",
        "AWS::Events::Connection",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    ];
    assert_eq!(types, expected.map(str::to_owned).into());
    let mut found = Vec::new();
    statements(&template["Resources"], &mut found);
    let rule_arn = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${InvitationsBus}/${AWS::StackName}-webhook";
    let service = json!({ "Service": "events.amazonaws.com" });
    let expected = [
        json!({
            "Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": { "!Ref": "AWS::AccountId" }, "aws:SourceArn": { "!Sub": rule_arn } } },
        }),
        json!({ "Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": { "!GetAtt": "WebhookDestination.Arn" } }),
        json!({
            "Effect": "Allow", "Principal": service, "Action": "sqs:SendMessage", "Resource": { "!GetAtt": "WebhookDeadLetterQueue.Arn" },
            "Condition": { "ArnEquals": { "aws:SourceArn": { "!GetAtt": "WebhookRule.Arn" } } },
        }),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(expected.iter().all(|statement| found.contains(statement)), "{found:?}");
    let role = resource("WebhookRole", "AWS::IAM::Role");
    assert_eq!(role["ManagedPolicyArns"], Value::Null);
    // The role names the rule before it exists.
    assert_eq!(rule()["Name"], json!({ "!Sub": "${AWS::StackName}-webhook" }));
    assert_eq!(rule()["EventBusName"], json!({ "!Ref": "InvitationsBus" }));
    assert_eq!(rule()["Targets"][0]["RoleArn"], json!({ "!GetAtt": "WebhookRole.Arn" }));
    let longest = 64 - "-webhook".len();
    assert!(section().contains(&format!("The name of the stack can have at most {longest} characters")));
}

#[test]
fn an_event_is_retried_for_a_day_then_kept_encrypted_for_fourteen_and_an_alarm_reports_it() {
    let target = &rule()["Targets"][0];
    assert_eq!(target["RetryPolicy"], json!({ "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 }));
    assert_eq!(target["DeadLetterConfig"], json!({ "Arn": { "!GetAtt": "WebhookDeadLetterQueue.Arn" } }));
    let queue = resource("WebhookDeadLetterQueue", "AWS::SQS::Queue");
    assert_eq!(queue, json!({ "MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": true }));
    let policy = resource("WebhookDeadLetterQueuePolicy", "AWS::SQS::QueuePolicy");
    assert_eq!(policy["Queues"], json!([{ "!Ref": "WebhookDeadLetterQueue" }]));
    let alarm = resource("WebhookDeadLetterAlarm", "AWS::CloudWatch::Alarm");
    let own = template::template()["Resources"]["FeedbackDeadLetterAlarm"]["Properties"].clone();
    for name in ["Namespace", "MetricName", "Statistic", "Threshold", "ComparisonOperator", "TreatMissingData"] {
        assert_eq!(alarm[name], own[name], "it watches a queue like the alarm of the service: {name}");
    }
    assert_eq!(alarm["Dimensions"], json!([{ "Name": "QueueName", "Value": { "!GetAtt": "WebhookDeadLetterQueue.QueueName" } }]));
}

#[test]
fn the_key_is_sent_over_tls_only_and_not_shown() {
    let parameters = webhook()["Parameters"].take();
    assert_eq!(parameters["WebhookKey"]["NoEcho"], true);
    assert!(string(&parameters["WebhookUrl"]["AllowedPattern"]).starts_with("^https://"));
    let destination = resource("WebhookDestination", "AWS::Events::ApiDestination");
    assert_eq!(destination["InvocationEndpoint"], json!({ "!Ref": "WebhookUrl" }));
    assert_eq!(destination["HttpMethod"], "POST");
    let connection = resource("WebhookConnection", "AWS::Events::Connection");
    let key = json!({ "ApiKeyName": "X-Webhook-Key", "ApiKeyValue": { "!Ref": "WebhookKey" } });
    assert_eq!(connection, json!({ "AuthorizationType": "API_KEY", "AuthParameters": { "ApiKeyAuthParameters": key } }));
}

#[test]
fn the_command_sets_every_parameter_without_a_default() {
    let (template, section) = (webhook(), section());
    let command = section.split("--parameter-overrides ").nth(1).and_then(|rest| rest.lines().next()).expect("there is a command");
    let set: BTreeSet<&str> = command.split_whitespace().filter_map(|parameter| parameter.split('=').next()).collect();
    let parameters = template["Parameters"].as_object().expect("parameters");
    let required: BTreeSet<&str> =
        parameters.iter().filter(|(_, parameter)| parameter["Default"].is_null()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(set, required);
    let outputs = template::template()["Outputs"].take();
    for (name, parameter) in [("EventBusName", "InvitationsBus"), ("AlarmTopicArn", "AlarmTopicArn")] {
        assert!(outputs[name].is_object(), "the stack has no output {name}");
        assert!(string(&parameters[parameter]["Description"]).contains(&format!("output {name}")), "{parameter}");
    }
    let outputs: Vec<&String> = template["Outputs"].as_object().expect("outputs").keys().collect();
    assert_eq!(outputs, ["WebhookDeadLetterQueueUrl"]);
    assert!(section.contains("the output `WebhookDeadLetterQueueUrl`"));
}
