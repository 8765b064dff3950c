//! The template's alarms against CloudWatch's rules and the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use local::ses::Behaviour;
use serde_json::{Value, json};
use shared::domain::courier::pause_after;
use support::{ACCOUNT, Call, TestApp, Workers, faults::Fault, logged::Lines, root_file};

use crate::{
    filter_pattern::matches,
    template::{functions, list, string, template},
};

/// An invitee.
const EMAIL: &str = "user.one@example.com";

fn alarms(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let resources = template["Resources"].as_object().expect("resources");
    let alarms = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, alarm)| (name, &alarm["Properties"]))
}

/// How many metrics an alarm reads: its own, or those of its expression.
fn metrics(alarm: &Value) -> usize {
    list(&alarm["Metrics"]).filter(|part| part.get("MetricStat").is_some()).count().max(1)
}

#[test]
fn no_alarm_reads_more_metrics_than_cloudwatch_allows() {
    // CloudWatch refuses an alarm with more, and with it the whole stack; no linter knows that.
    for (name, alarm) in alarms(&template()) {
        assert!(metrics(alarm) <= 10, "{name} reads {} metrics", metrics(alarm));
    }
}

#[test]
fn the_alarm_for_throttles_reads_the_table_and_each_of_its_global_indexes() {
    let template = template();
    let (_, alarm) = alarms(&template).find(|(name, _)| *name == "TableThrottlesAlarm").expect("there is one");
    let read = list(&alarm["Metrics"]).map(|part| &part["MetricStat"]["Metric"]).filter(|metric| metric["Namespace"] == "AWS/DynamoDB");
    let read: BTreeSet<(String, Option<String>)> = read
        .map(|metric| {
            let dimension = |name: &str| list(&metric["Dimensions"]).find(|it| it["Name"] == name).map(|it| &it["Value"]);
            assert_eq!(dimension("TableName"), Some(&json!({ "!GetAtt": "TableName.Value" })));
            (string(&metric["MetricName"]), dimension("GlobalSecondaryIndexName").map(string))
        })
        .collect();
    // A global index has metrics of its own, with one more dimension. A local index counts as its table.
    let indexes = list(&template["Resources"]["InvitationsTable"]["Properties"]["GlobalSecondaryIndexes"]);
    let indexes: Vec<Option<String>> = indexes.map(|index| Some(string(&index["IndexName"]))).chain([None]).collect();
    let names = ["ReadThrottleEvents", "WriteThrottleEvents"];
    let expected = names.iter().flat_map(|name| indexes.iter().map(|index| ((*name).to_owned(), index.clone())));
    assert_eq!(read, expected.collect());
}

/// The log groups whose lines a filter counts in a metric, and its pattern.
fn filters<'a>(template: &'a Value, metric: &str) -> BTreeMap<String, &'a str> {
    let resources = template["Resources"].as_object().expect("resources").values();
    let filters = resources.filter(|resource| resource["Type"] == "AWS::Logs::MetricFilter").map(|filter| &filter["Properties"]);
    let counted = filters.filter(|filter| filter["MetricTransformations"][0]["MetricName"] == metric);
    counted.map(|filter| (string(&filter["LogGroupName"]["!Ref"]), filter["FilterPattern"].as_str().expect("a pattern"))).collect()
}

#[test]
fn an_alarm_reads_the_errors_of_every_function() {
    let template = template();
    // Of Lambda's own metric, or counted in the function's log.
    let of_alarms =
        alarms(&template).flat_map(|(_, alarm)| list(&alarm["Metrics"]).map(|part| &part["MetricStat"]["Metric"]).chain([alarm]));
    let (mut counted, mut logged) = (BTreeSet::new(), false);
    for metric in of_alarms {
        match metric["MetricName"].as_str() {
            Some("Errors") => _ = counted.insert(string(&metric["Dimensions"][0]["Value"]["!Ref"])),
            Some("FunctionErrors") => {
                logged = *metric == json!({ "Namespace": { "!Ref": "AWS::StackName" }, "MetricName": "FunctionErrors" })
            }
            _ => {}
        }
    }
    assert!(logged);
    let filters = filters(&template, "FunctionErrors");
    for (name, function) in functions(&template) {
        let in_log = filters.contains_key(&function.resource.replace("Function", "Logs"));
        assert!(counted.contains(&function.resource) != in_log, "{name} must be read once");
        // Nobody reads their responses, so their alarm must not depend on a log.
        let asynchronous = function.routes.is_empty() && !["manage-api-keys", "manage-account-settings", "erase-invitee"].contains(&&*name);
        assert_eq!(counted.contains(&function.resource), asynchronous, "{name}");
    }
}

#[test]
fn the_filters_for_errors_find_lambdas_reports_of_invocations_that_failed() {
    let report = |status: &str| {
        json!({
            "time": "2026-11-29T06:05:50.581Z",
            "type": "platform.report",
            "record": {
                "requestId": "aec7a529-47f9-4090-be01-c9ed91bf83cf",
                "metrics": { "durationMs": 5000.0, "billedDurationMs": 5000, "memorySizeMB": 128, "maxMemoryUsedMB": 94 },
                "status": status,
            },
        })
    };
    let other = json!({ "type": "platform.runtimeDone", "record": { "requestId": "1", "status": "timeout" } });
    let own = json!({ "level": "ERROR", "message": "failed", "status": 500 });
    for (group, pattern) in filters(&template(), "FunctionErrors") {
        for status in ["timeout", "error", "failure"] {
            assert!(matches(pattern, &report(status).to_string()), "{group}: {status}");
        }
        for line in [report("success"), other.clone(), own.clone()] {
            assert!(!matches(pattern, &line.to_string()), "{group}: {line}");
        }
    }
}

#[test]
fn the_alarm_for_delivery_failures_stays_on_between_two_attempts() {
    let template = template();
    let (_, alarm) = alarms(&template).find(|(name, _)| *name == "DeliveryFailuresAlarm").expect("there is one");
    let number = |name: &str| alarm[name].as_u64().expect("a number");
    let window = Duration::from_secs(number("Period") * number("EvaluationPeriods"));
    // The window contains this many attempts even without the reconciler's minute and the period in which the window begins.
    let apart = pause_after(u32::MAX) + Duration::from_secs(60 + number("Period"));
    assert!(window >= apart * u32::try_from(number("DatapointsToAlarm")).expect("a small number"));
}

/// Whether the filter on a log group counts any of these lines.
fn counts(metric: &str, group: &str, lines: &str) -> bool {
    let template = template();
    let pattern = filters(&template, metric).remove(group).unwrap_or_else(|| panic!("{metric} has no filter on {group}"));
    lines.lines().any(|line| matches(pattern, line))
}

#[tokio::test]
async fn a_full_partition_is_counted_in_the_log_of_every_function_that_it_stops() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (lines, _guard) = Lines::as_deployed();
    let id = string(&app.invite(EMAIL).await["id"]);
    workers.deliver().await;
    let token = workers.last_token(EMAIL);
    drop(lines.take());
    let calls = [
        ("CreateInvitationLogs", Call::create("two@example.com", "full-access").key(&app.full)),
        ("CreateInvitationsLogs", Call::bulk(&[json!({ "email": "two@example.com", "roleID": "full-access" })]).key(&app.full)),
        ("ModifyInvitationLogs", Call::set_state(&id, "revoked").key(&app.full)),
        ("AcceptInvitationLogs", Call::holder("accept", &token)),
        ("DeclineInvitationLogs", Call::holder("decline", &token)),
    ];
    let groups: Vec<String> = filters(&template(), "PartitionFull").into_keys().collect();
    assert_eq!(groups.iter().map(String::as_str).collect::<BTreeSet<_>>(), calls.iter().map(|(group, _)| *group).collect());
    for (group, call) in calls {
        app.faults.transactions([Fault::Cancelled(vec!["ItemCollectionSizeLimitExceeded"])]);
        app.send(call.clone()).await.expect(500);
        assert!(counts("PartitionFull", group, &lines.take()), "{group}");
        app.faults.transactions([Fault::Cancelled(vec!["ValidationError"])]);
        app.send(call).await.expect(500);
        assert!(!counts("PartitionFull", group, &lines.take()), "{group}");
    }
}

#[tokio::test]
async fn a_revocation_that_does_not_complete_is_counted() {
    let app = TestApp::start().await;
    // One more than are revoked at a time.
    for number in 0..5 {
        app.invite(&format!("user-{number}@example.com")).await;
    }
    let (lines, _guard) = Lines::as_deployed();
    let counted = || counts("RevocationFailures", "RevokeInvitationsLogs", &lines.take());
    let event = json!({ "account": ACCOUNT, "roleID": "full-access" });
    app.revoke(&json!({ "account": ACCOUNT })).await;
    assert!(counted(), "the event is rejected");
    app.faults.always(Fault::Error(400, "AccessDeniedException"));
    app.revoke(&event).await;
    assert!(counted(), "the table fails");
    app.faults.clear();
    TestApp::revoke_over(&app.revocations(Duration::ZERO), &event).await;
    assert!(counted(), "there is no time");
    assert_eq!(app.revoke(&event).await, json!({ "revoked": 1 }));
    assert!(!counted());
}

#[tokio::test]
async fn an_email_or_event_that_is_not_sent_is_counted_in_both_logs() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (lines, _guard) = Lines::as_deployed();
    let mut failures = Vec::new();
    workers.inbox.answer_with(|_| Behaviour::SenderNotVerified);
    app.invite(EMAIL).await;
    workers.deliver().await;
    failures.push(counts("DeliveryFailures", "DeliverInvitationsLogs", &lines.take()));
    app.advance(Duration::from_secs(7200));
    workers.reconcile().await;
    failures.push(counts("DeliveryFailures", "ReconcileDeliveriesLogs", &lines.take()));
    workers.inbox.answer_with(|_| Behaviour::Accept);
    app.advance(Duration::from_secs(7200));
    workers.reconcile().await;
    failures.push(counts("DeliveryFailures", "ReconcileDeliveriesLogs", &lines.take()));
    assert_eq!(failures, [true, true, false]);
}

/// The sections of a page by the anchor of their heading.
fn sections(page: &str) -> BTreeMap<String, String> {
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut anchor = String::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            anchor = heading.to_lowercase().replace(' ', "-");
        }
        let section = sections.entry(anchor.clone()).or_default();
        section.push_str(line);
        section.push('\n');
    }
    sections
}

#[test]
fn the_description_of_every_alarm_names_its_entry_and_every_entry_says_what_to_do() {
    let template = template();
    let sections = sections(&root_file("docs/operations.md"));
    let mut used = BTreeSet::new();
    for (name, alarm) in alarms(&template) {
        let description = string(&alarm["AlarmDescription"]);
        let (_, anchor) = description.split_once(" See docs/operations.md#").unwrap_or_else(|| panic!("{name}: {description}"));
        let anchor = anchor.strip_suffix('.').expect("a sentence ends with a full stop");
        let section = sections.get(anchor).unwrap_or_else(|| panic!("{name}: there is no section {anchor}"));
        assert!(section.contains(&format!("`{name}`")), "{name}: {section}");
        used.insert(anchor.to_owned());
    }
    // Between the heading of all alarms and that of the logs.
    let page = root_file("docs/operations.md");
    let (_, rest) = page.split_once("\n## Alarms\n").expect("there is a section");
    let (entries, _) = rest.split_once("\n## Logs\n").expect("there is a next one");
    for entry in entries.split("\n### ").skip(1) {
        let heading = entry.lines().next().unwrap_or_default();
        assert!(used.contains(&heading.to_lowercase().replace(' ', "-")), "no alarm has the entry {heading}");
        for part in ["**look**", "**do**"] {
            assert!(entry.to_lowercase().contains(part), "{heading}: {part}");
        }
    }
}

#[test]
fn the_page_on_costs_counts_the_alarms_and_what_they_cost() {
    let template = template();
    let (count, metrics) = (alarms(&template).count(), alarms(&template).map(|(_, alarm)| metrics(alarm)).sum::<usize>());
    let page = root_file("docs/costs.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = format!("The template has {count} alarms on {metrics} metrics");
    assert!(page.contains(&sentence), "docs/costs.md: {sentence}");
}
