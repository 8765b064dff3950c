//! The partitions of DynamoDB requests.

use std::{collections::BTreeSet, sync::LazyLock};

use local::iam::{Key, Location, Schema, Template, dynamodb_requests};
use serde_json::Value;
use support::root_file;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let template = Template::parse(&root_file("template.yaml")).expect("template.yaml is a template");
    template.schema().expect("it has a table")
});

/// The partitions that IAM sees in a request. Fails if the service must not make such requests.
pub(crate) fn leading_keys(operation: &str, input: &Value) -> BTreeSet<String> {
    let location = Location { partition: "aws".into(), region: "us-east-1".into(), account: "123456789012".into() };
    let requests = dynamodb_requests(&location, &SCHEMA, operation, input).unwrap_or_else(|reason| panic!("{operation}: {reason}"));
    for request in &requests {
        assert!(request.values(Key::LeadingKeys).next().is_some(), "{operation} names no partition");
    }
    requests.iter().flat_map(|request| request.values(Key::LeadingKeys).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Every partition key anywhere in a request.
pub(crate) fn every_partition(input: &Value) -> BTreeSet<String> {
    let mut input = input.clone();
    if input["IndexName"].as_str().is_some_and(|name| SCHEMA.indexes.contains_key(name)) {
        // It is a position in the partition of the index; the partition of the table in it leads nowhere.
        input["ExclusiveStartKey"].take();
    }
    let mut found = BTreeSet::new();
    collect(&input, &mut found);
    found
}

fn collect(input: &Value, found: &mut BTreeSet<String>) {
    match input {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value["S"].as_str() {
                    Some(pk) if name == "pk" || name == ":pk" => drop(found.insert(pk.to_owned())),
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
