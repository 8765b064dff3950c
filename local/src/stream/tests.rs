use std::{
    cell::{Cell, RefCell},
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use serde_json::{Value, json};

use super::{Mapping, Pump, Start, Stream, sequence_number};
use crate::{
    client,
    table::{create_table, tests::engine},
};

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// A function `f` whose mapping has these further properties.
fn mapping(properties: &str) -> Mapping {
    Mapping::of(&template(properties), "f").expect("it is a mapping")
}

fn template(properties: &str) -> String {
    format!(
        "Resources:
  F:
    Metadata: {{ BuildProperties: {{ Binary: f }} }}
    Properties:
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt InvitationsTable.StreamArn
            StartingPosition: TRIM_HORIZON
            FunctionResponseTypes: [ReportBatchItemFailures]
{properties}"
    )
}

const STREAM_PENDING: &str = r#"            FilterCriteria:
              Filters: [{ Pattern: '{"dynamodb":{"NewImage":{"pending":{"S":["1"]}}}}' }]
"#;

/// A table of its own in an engine, and the engine's endpoint.
struct Table {
    _engine: Option<crate::engine::Engine>,
    endpoint: String,
    client: Client,
    name: String,
}

impl Table {
    async fn new() -> Self {
        let (engine, endpoint, name) = engine();
        let client = client::for_endpoint(&endpoint);
        create_table(&client, &name, TEMPLATE).await.expect("the table is made");
        Self { _engine: engine, endpoint, client, name }
    }

    async fn put(&self, key: &str, pending: bool) {
        let put = self.client.put_item().table_name(&self.name).item("pk", text(key)).item("sk", text("x"));
        let put = if pending { put.item("pending", text("1")) } else { put };
        put.send().await.expect("the row is written");
    }

    async fn stream(&self, start: Start) -> Stream {
        Stream::open(&self.endpoint, &self.name, start).await.expect("the stream opens")
    }

    async fn pump(&self, properties: &str) -> Pump {
        let mapping = mapping(properties);
        Pump::new(self.stream(mapping.start()).await, mapping).with_pause(Duration::ZERO)
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// The keys of the records of an event.
fn keys(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().expect("records");
    records.iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key").to_owned()).collect()
}

/// The answer of a function that failed with the record of this key.
fn failure(event: &Value, key: &str) -> Value {
    let records = event["Records"].as_array().expect("records");
    let record = records.iter().find(|record| record["dynamodb"]["Keys"]["pk"]["S"] == key).expect("it is there");
    json!({ "batchItemFailures": [{ "itemIdentifier": record["dynamodb"]["SequenceNumber"] }] })
}

#[tokio::test]
async fn records_have_the_shape_of_lambdas_events() {
    let table = Table::new().await;
    let mut stream = table.stream(Start::TrimHorizon).await;
    let row = table.client.put_item().table_name(&table.name).item("pk", text("a")).item("sk", text("x"));
    let row = row.item("n", AttributeValue::N("7".into())).item("b", AttributeValue::B(Blob::new("hi")));
    let row = row.item("l", AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::Null(true)]));
    let row = row.item("m", AttributeValue::M([("s".to_owned(), AttributeValue::Ss(vec!["t".into()]))].into()));
    row.send().await.expect("the row is written");
    table.put("a", true).await;
    let delete = table.client.delete_item().table_name(&table.name).key("pk", text("a")).key("sk", text("x"));
    delete.send().await.expect("the row is deleted");

    let event = Stream::event(&stream.next_batch(100).await.expect("records"));
    let [insert, modify, remove] = &event["Records"].as_array().expect("records")[..] else { panic!("three: {event}") };
    let keys = json!({ "pk": { "S": "a" }, "sk": { "S": "x" } });
    let first = json!({
        "pk": { "S": "a" }, "sk": { "S": "x" }, "n": { "N": "7" }, "b": { "B": "aGk=" },
        "l": { "L": [{ "BOOL": true }, { "NULL": true }] }, "m": { "M": { "s": { "SS": ["t"] } } },
    });
    let second = json!({ "pk": { "S": "a" }, "sk": { "S": "x" }, "pending": { "S": "1" } });
    for (record, name, old, new) in
        [(insert, "INSERT", None, Some(&first)), (modify, "MODIFY", Some(&first), Some(&second)), (remove, "REMOVE", Some(&second), None)]
    {
        let change = &record["dynamodb"];
        assert_eq!((record["eventName"].as_str(), &change["Keys"]), (Some(name), &keys));
        assert_eq!((change.get("OldImage"), change.get("NewImage")), (old, new));
        assert_eq!(record["eventSource"], "aws:dynamodb");
        assert_eq!(record["eventVersion"], "1.1");
        assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
        assert!(record["eventSourceARN"].as_str().is_some_and(|arn| arn.contains(&table.name) && arn.contains("/stream/")), "{record}");
        assert!(record["awsRegion"].is_string() && change["SizeBytes"].is_u64(), "{record}");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        assert!(change["ApproximateCreationDateTime"].as_u64().is_some_and(|time| now.abs_diff(time) < 120), "{record}");
        assert!(sequence_number(record).len() >= 21, "{record}");
    }
    assert_ne!(insert["eventID"], modify["eventID"]);
}

#[tokio::test]
async fn reading_starts_where_it_is_asked_to() {
    let table = Table::new().await;
    table.put("a", true).await;
    table.put("b", true).await;
    let mut latest = table.stream(Start::Latest).await;
    table.put("c", true).await;

    let mut oldest = table.stream(Start::TrimHorizon).await;
    let first = oldest.next_batch(1).await.expect("a record");
    assert_eq!(keys(&Stream::event(&first)), ["a"]);
    assert_eq!(keys(&Stream::event(&oldest.next_batch(10).await.expect("records"))), ["b", "c"]);
    assert_eq!(oldest.next_batch(10).await.expect("no more"), Vec::<Value>::new());
    let mut after = table.stream(Start::After(sequence_number(&first[0]).into())).await;
    assert_eq!(keys(&Stream::event(&after.next_batch(10).await.expect("records"))), ["b", "c"]);
    assert_eq!(keys(&Stream::event(&latest.next_batch(10).await.expect("records"))), ["c"]);
}

#[tokio::test]
async fn reading_can_start_before_anything_is_written() {
    for start in [Start::TrimHorizon, Start::Latest] {
        let table = Table::new().await;
        let mut stream = table.stream(start.clone()).await;
        assert_eq!(stream.next_batch(10).await.expect("nothing yet"), Vec::<Value>::new());
        let mut unread = table.stream(start.clone()).await;
        table.put("a", true).await;
        for stream in [&mut stream, &mut unread] {
            assert_eq!(keys(&Stream::event(&stream.next_batch(10).await.expect("records"))), ["a"], "{start:?}");
        }
    }
}

#[tokio::test]
async fn the_pump_hands_on_what_the_filter_lets_pass_in_batches() {
    let table = Table::new().await;
    for (key, ring) in [("a", true), ("b", false), ("c", true), ("d", true), ("e", false)] {
        table.put(key, ring).await;
    }
    let mut pump = table.pump(&format!("{STREAM_PENDING}            BatchSize: 3\n")).await;
    assert_eq!(pump.handled(), None);
    let batches = RefCell::new(Vec::new());
    let invoke = async |event: Value| {
        batches.borrow_mut().push(keys(&event));
        Ok(json!({ "batchItemFailures": [] }))
    };
    pump.drain(invoke).await.expect("it drains");
    assert_eq!(*batches.borrow(), [vec!["a", "c"], vec!["d"]]);

    let handled = pump.handled().expect("a number").to_owned();
    table.put("f", true).await;
    let mut rest = table.stream(Start::After(handled)).await;
    assert_eq!(keys(&Stream::event(&rest.next_batch(10).await.expect("records"))), ["f"], "a filtered record is handled, too");
}

#[tokio::test]
async fn a_failure_is_tried_again_from_the_lowest_record_that_failed() {
    let table = Table::new().await;
    for key in ["a", "b", "c"] {
        table.put(key, true).await;
    }
    let mut pump = table.pump("").await;
    let batches = RefCell::new(Vec::new());
    let invoke = async |event: Value| {
        batches.borrow_mut().push(keys(&event));
        let tries = batches.borrow().len();
        Ok(if tries == 1 { failure(&event, "b") } else { Value::Null })
    };
    assert!(pump.step(&invoke).await.expect("one step"));
    assert!(pump.handled().is_some(), "the record before it is handled");
    pump.drain(&invoke).await.expect("it drains");
    assert_eq!(*batches.borrow(), [vec!["a", "b", "c"], vec!["b", "c"]]);
    assert_eq!(pump.dropped(), &[] as &[String]);
}

#[tokio::test]
async fn a_record_that_keeps_failing_is_dropped_after_the_retries_of_the_template() {
    let table = Table::new().await;
    for key in ["a", "b"] {
        table.put(key, true).await;
    }
    let mut pump = table.pump("            MaximumRetryAttempts: 2\n").await;
    let batches = RefCell::new(Vec::new());
    let invoke = async |event: Value| {
        batches.borrow_mut().push(keys(&event));
        if keys(&event)[0] == "a" { Err("it is down".into()) } else { Ok(json!({})) }
    };
    pump.drain(invoke).await.expect("it drains");
    assert_eq!(*batches.borrow(), [vec!["a", "b"], vec!["a", "b"], vec!["a", "b"], vec!["b"]]);
    assert_eq!(pump.dropped().len(), 1);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_fails_the_batch() {
    for answer in [
        json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }),
        json!({ "batchItemFailures": [{ "itemIdentifier": null }] }),
        json!({ "batchItemFailures": [{ "id": "1" }] }),
        json!({ "batchItemFailures": "all" }),
        json!({ "failures": [] }),
        json!("done"),
    ] {
        let table = Table::new().await;
        table.put("a", true).await;
        let mut pump = table.pump("").await;
        let tries = Cell::new(0);
        let invoke = async |_| {
            tries.set(tries.get() + 1);
            Ok(if tries.get() == 1 { answer.clone() } else { Value::Null })
        };
        pump.drain(invoke).await.expect("it drains");
        assert_eq!(tries.get(), 2, "{answer}");
    }
}

#[test]
fn the_template_maps_pending_rows_to_the_deliver_function() {
    let mapping = Mapping::of(TEMPLATE, "deliver-invitations").expect("it is a mapping");
    assert!(mapping.reports_failures && mapping.retries.is_some(), "{mapping:?}");
    let record = |image: Value| json!({ "eventName": "MODIFY", "dynamodb": { "NewImage": image } });
    assert!(mapping.matches(&record(json!({ "pending": { "S": "1" } }))));
    assert!(!mapping.matches(&record(json!({ "pending": { "S": "0" } }))));
    assert!(!mapping.matches(&record(json!({ "rung": { "S": "1" } }))));
    assert!(!mapping.matches(&json!({ "eventName": "REMOVE", "dynamodb": { "OldImage": { "pending": { "S": "1" } } } })));
}

#[test]
fn an_unsupported_mapping_is_an_error() {
    for pattern in [
        r#"{"dynamodb":{"NewImage":{"due":{"N":[{"exists":true}]}}}}"#,
        r#"{"eventName":["INSERT"],"dynamodb":{"SizeBytes":[1]}}"#,
        r#"{"eventName":[]}"#,
        r#"{}"#,
        "INSERT",
    ] {
        let properties = format!("            FilterCriteria: {{ Filters: [{{ Pattern: '{pattern}' }}] }}\n");
        let refused = Mapping::of(&template(&properties), "f").expect_err("it is refused");
        assert!(refused.to_string().contains(pattern), "{refused}");
    }
    for invalid in ["            BatchSize: !Ref Size\n", "            FilterCriteria: { Filters: [{ Pattern: 7 }] }\n"] {
        Mapping::of(&template(invalid), "f").expect_err("it is refused");
    }
    Mapping::of(&template(""), "g").expect_err("there is no such function");
}
