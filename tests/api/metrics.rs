//! The metrics that are counted in the log: the template's filters on the lines that the functions log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Call, TestApp, Workers, logged::Lines};

use crate::{
    filter_pattern::matches,
    template::{string, template},
};

const DAY: Duration = Duration::from_secs(86_400);
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// A filter that counts in a metric.
struct Filter {
    group: String,
    pattern: String,
    metric: String,
    value: Value,
}

/// The filters that `Metrics` switches on, by name.
fn filters(template: &Value) -> BTreeMap<String, Filter> {
    let resources = template["Resources"].as_object().expect("resources");
    let filters = resources.iter().filter(|(_, it)| it["Type"] == "AWS::Logs::MetricFilter" && it["Condition"] == "HasMetrics");
    filters
        .map(|(name, it)| {
            let (properties, to) = (&it["Properties"], &it["Properties"]["MetricTransformations"][0]);
            assert_eq!(to["MetricNamespace"], json!({ "!Ref": "AWS::StackName" }), "{name}");
            assert_eq!(to["Dimensions"], Value::Null, "{name}: every value of a dimension is a metric with a price");
            let filter = Filter {
                group: string(&properties["LogGroupName"]["!Ref"]),
                pattern: string(&properties["FilterPattern"]),
                metric: string(&to["MetricName"]),
                value: to["MetricValue"].clone(),
            };
            (name.clone(), filter)
        })
        .collect()
}

/// What is counted: for each metric, its values.
struct Counted {
    filters: BTreeMap<String, Filter>,
    used: BTreeSet<String>,
    values: BTreeMap<String, Vec<f64>>,
}

impl Counted {
    /// Counts lines of a function's log.
    fn add(&mut self, group: &str, lines: &Lines) {
        for line in lines.take().lines() {
            for (name, filter) in self.filters.iter().filter(|(_, filter)| filter.group == group && matches(&filter.pattern, line)) {
                let line: Value = serde_json::from_str(line).expect("a line is JSON");
                let value = match string(&filter.value).strip_prefix("$.") {
                    Some(field) => line[field].as_f64().unwrap_or_else(|| panic!("{name}: {line}")),
                    None => string(&filter.value).parse().expect("a number"),
                };
                self.values.entry(filter.metric.clone()).or_default().push(value);
                self.used.insert(name.clone());
            }
        }
    }

    /// The values since the last call.
    fn take(&mut self) -> BTreeMap<String, Vec<f64>> {
        std::mem::take(&mut self.values)
    }
}

fn of<const N: usize>(values: [(&str, &[f64]); N]) -> BTreeMap<String, Vec<f64>> {
    values.into_iter().map(|(name, values)| (name.to_owned(), values.to_vec())).collect()
}

#[tokio::test]
async fn what_happens_to_invitations_is_counted_once_in_the_lines_of_the_log() {
    let app = TestApp::start().await;
    let mut workers = Workers::of(&app).await;
    let (lines, _guard) = Lines::as_deployed();
    let mut counted = Counted { filters: filters(&template()), used: BTreeSet::new(), values: BTreeMap::new() };
    let create = |email: &str| Call::create(email, "full-access").key(&app.full);

    // A replay and an error create nothing.
    for _ in 0..2 {
        app.send(create("accepts@example.com").header("idempotency-key", "create-1")).await.expect(201);
    }
    app.send(create("declines@example.com")).await.expect(201);
    app.send(create("declines@example.com")).await.expect(400);
    counted.add("CreateInvitationLogs", &lines);
    assert_eq!(counted.take(), of([("InvitationsCreated", &[1.0, 1.0])]));

    // A bulk counts the rows that it has created.
    let row = |email: &str| json!({ "email": email, "roleID": "full-access" });
    let rows = [row("bounce@example.com"), row("complaint@example.com"), row("nobody"), row("declines@example.com")];
    let bulk = || Call::bulk(&rows).key(&app.full);
    app.send(bulk().query("dryRun=true")).await.expect(200);
    for _ in 0..2 {
        app.send(bulk().header("idempotency-key", "bulk-1")).await.expect(200);
    }
    counted.add("CreateInvitationsLogs", &lines);
    assert_eq!(counted.take(), of([("InvitationsCreated", &[2.0])]));

    app.advance(Duration::from_secs(5));
    workers.deliver().await;
    counted.add("DeliverInvitationsLogs", &lines);
    let values = counted.take();
    assert_eq!(values["EmailsSent"], [1.0; 4]);
    assert!(
        values["SendingDelay"].len() == 4 && values["SendingDelay"].iter().all(|delay| (5000.0..65_000.0).contains(delay)),
        "{values:?}"
    );
    for name in ["accepts", "declines", "bounce", "complaint"] {
        workers.report(&workers.last_email(&format!("{name}@example.com"))).await;
    }
    counted.add("RecordFeedbackLogs", &lines);
    let values = counted.take();
    assert_eq!(values, of([("EmailsDelivered", &[1.0; 3]), ("EmailsBounced", &[1.0]), ("EmailsComplained", &[1.0])]));

    // A repeated decision changes nothing.
    for (verb, group, metric) in
        [("accept", "AcceptInvitationLogs", "InvitationsAccepted"), ("decline", "DeclineInvitationLogs", "InvitationsDeclined")]
    {
        let token = workers.last_token(&format!("{verb}s@example.com"));
        for _ in 0..2 {
            app.send(Call::holder(verb, &token)).await.expect(200);
        }
        counted.add(group, &lines);
        assert_eq!(counted.take(), of([(metric, &[1.0])]));
    }

    // The stream has lost one invitation; the reconciler finds it after the grace period.
    workers.deliver().await;
    workers.reconcile().await;
    app.invite("late@example.com").await;
    workers.drop_stream_records().await;
    drop(lines.take());
    app.advance(Duration::from_secs(3600));
    workers.reconcile().await;
    counted.add("ReconcileDeliveriesLogs", &lines);
    let values = counted.take();
    assert_eq!(values["EmailsSent"], [1.0]);
    assert!(values["SendingDelay"][0] >= 3_600_000.0 && (3000.0..3700.0).contains(&values["OldestDue"][0]), "{values:?}");
    workers.reconcile().await;
    counted.add("ReconcileDeliveriesLogs", &lines);
    assert_eq!(counted.take(), of([("OldestDue", &[0.0])]), "nothing is due any more");

    // Three invitations are open. One of them expires before the stream delivers it, which is even later than the reconciler.
    app.advance(LIFETIME + DAY);
    workers.reconcile().await;
    counted.add("ReconcileDeliveriesLogs", &lines);
    assert_eq!(counted.take()["InvitationsExpired"], [1.0; 3]);
    app.invite("forgotten@example.com").await;
    app.advance(LIFETIME + DAY);
    workers.deliver().await;
    counted.add("DeliverInvitationsLogs", &lines);
    assert_eq!(counted.take(), of([("InvitationsExpired", &[1.0])]));

    assert_eq!(counted.used, counted.filters.into_keys().collect(), "every filter has counted something");
}
