//! The accesses that IAM checks for a DynamoDB request: actions, resources and partitions.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::template::{list, string};

/// The global indexes, with their partition keys. The local ones have that of the table.
const GLOBAL_INDEXES: [(&str, &str); 3] = [("due", "shard"), ("late", "shard"), ("by_invitee", "invitee")];

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    /// Without the service prefix, such as `GetItem`.
    pub(crate) action: String,
    /// `table`, or `index/{name}`.
    pub(crate) resource: String,
    /// `dynamodb:LeadingKeys`: its partition keys.
    pub(crate) leading: BTreeSet<String>,
    /// `dynamodb:Select`, if the request names one.
    pub(crate) select: Option<String>,
}

/// The accesses of a request. A transaction has those of each part.
pub(crate) fn accesses(operation: &str, input: &Value) -> Vec<Access> {
    let select = input["Select"].as_str();
    let access = |action: &str, resource: String, leading: BTreeSet<String>| Access {
        action: action.to_owned(),
        resource,
        leading,
        select: select.map(str::to_owned),
    };
    let on_table = |action: &str, key: &Value| access(action, "table".to_owned(), [string(&key["pk"]["S"])].into());
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => vec![on_table(operation, &input["Key"])],
        "PutItem" => vec![on_table(operation, &input["Item"])],
        "Query" => {
            let index = input["IndexName"].as_str();
            let global = GLOBAL_INDEXES.iter().find(|(name, _)| index == Some(name));
            let attribute = global.map_or("pk", |(_, attribute)| attribute);
            let resource = index.map_or("table".to_owned(), |index| format!("index/{index}"));
            vec![access("Query", resource, partitions(input, attribute))]
        }
        "TransactWriteItems" => {
            let parts = list(&input["TransactItems"]).flat_map(|part| part.as_object().expect("a part"));
            let asked = parts.map(|(kind, part)| match kind.as_str() {
                "Put" => on_table("PutItem", &part["Item"]),
                "Update" | "Delete" => on_table(&format!("{kind}Item"), &part["Key"]),
                "ConditionCheck" => on_table("ConditionCheckItem", &part["Key"]),
                other => panic!("unknown kind of part: {other}"),
            });
            asked.collect()
        }
        // One access: IAM sees the partitions of all keys together.
        "BatchGetItem" => {
            let keys = input["RequestItems"].as_object().expect("tables").values().flat_map(|table| list(&table["Keys"]));
            vec![access("BatchGetItem", "table".to_owned(), keys.map(|key| string(&key["pk"]["S"])).collect())]
        }
        // Scan, batches of writes and PartiQL have no tenant check, so nothing may use them.
        other => panic!("the service must not make such requests: {other}"),
    }
}

/// The partitions of a query: the value of its first condition, and the one of its start key.
fn partitions(input: &Value, attribute: &str) -> BTreeSet<String> {
    let condition = string(&input["KeyConditionExpression"]);
    let (name, rest) = condition.split_once(" = ").expect("the partition comes first");
    let value = rest.split(' ').next().expect("a value");
    let name = input["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
    assert_eq!(name, attribute, "{condition}");
    let start = input["ExclusiveStartKey"].as_object().map(|start: &Map<String, Value>| string(&start[attribute]["S"]));
    start.into_iter().chain([string(&input["ExpressionAttributeValues"][value]["S"])]).collect()
}

/// Every partition key anywhere in a request.
pub(crate) fn every_partition(input: &Value) -> BTreeSet<String> {
    let mut input = input.clone();
    if GLOBAL_INDEXES.iter().any(|(name, _)| input["IndexName"] == *name) {
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
