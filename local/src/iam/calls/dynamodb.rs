//! Requests to IAM of a DynamoDB call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Location;
use crate::iam::request::{Key, Request};

/// The partition keys of the table and its indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The table's attribute, and that of its local indexes.
    pub table: String,
    /// The attribute of each global index.
    pub indexes: BTreeMap<String, String>,
}

/// The requests to IAM of a DynamoDB call, by its operation and its JSON. A transaction has one for each part; an operation on the
/// table as a whole has no partition.
///
/// # Errors
/// When the partitions cannot be read.
pub fn requests(location: &Location, schema: &Schema, operation: &str, input: &Value) -> Result<Vec<Request>, String> {
    let call = Reader { location, schema, operation };
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => Ok(vec![call.on_row(operation, input, "Key")?]),
        "PutItem" => Ok(vec![call.on_row(operation, input, "Item")?]),
        "Query" => call.query(input).map(|request| vec![request]),
        "TransactWriteItems" | "TransactGetItems" => call.transaction(input),
        "BatchGetItem" => call.batch(input, |keys| list(&keys["Keys"]).collect()),
        "BatchWriteItem" => call.batch(input, |writes| {
            list(writes)
                .map(|write| if write["PutRequest"].is_null() { &write["DeleteRequest"]["Key"] } else { &write["PutRequest"]["Item"] })
                .collect()
        }),
        "Scan" => Ok(vec![call.select(call.on_table("Scan", input), input)]),
        "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction" => Err("PartiQL is not supported".into()),
        other => Ok(vec![call.on_table(other, input)]),
    }
}

struct Reader<'a> {
    location: &'a Location,
    schema: &'a Schema,
    operation: &'a str,
}

impl Reader<'_> {
    /// A request for the table that the input names, or one of its indexes.
    fn on_table(&self, action: &str, input: &Value) -> Request {
        let resource = match (input["TableName"].as_str(), input["IndexName"].as_str()) {
            (None, _) => "*".to_owned(),
            (Some(table), None) => self.arn(table),
            (Some(table), Some(index)) => format!("{}/index/{index}", self.arn(table)),
        };
        Request::new(format!("dynamodb:{action}"), resource)
    }

    /// A table can be named by its ARN.
    fn arn(&self, table: &str) -> String {
        if table.starts_with("arn:") { table.to_owned() } else { self.location.arn("dynamodb", &format!("table/{table}")) }
    }

    fn on_row(&self, action: &str, input: &Value, key: &str) -> Result<Request, String> {
        Ok(self.on_table(action, input).with(Key::LeadingKeys, [self.partition(&input[key], &self.schema.table)?]))
    }

    fn partition<'v>(&self, key: &'v Value, attribute: &str) -> Result<&'v str, String> {
        key[attribute]["S"].as_str().ok_or_else(|| format!("{} has a key without a partition", self.operation))
    }

    fn transaction(&self, input: &Value) -> Result<Vec<Request>, String> {
        let parts = list(&input["TransactItems"]).filter_map(Value::as_object).flatten();
        let request = |(kind, part): (&String, &Value)| {
            let (action, key) = match kind.as_str() {
                "Put" => ("PutItem", "Item"),
                "Update" => ("UpdateItem", "Key"),
                "Delete" => ("DeleteItem", "Key"),
                "Get" => ("GetItem", "Key"),
                // By the Service Authorization Reference this action, which exists in transactions only, has no such condition key.
                "ConditionCheck" => return self.on_row("ConditionCheckItem", part, "Key"),
                other => return Err(format!("a transaction cannot contain {other}")),
            };
            Ok(self.on_row(action, part, key)?.with(Key::EnclosingOperation, [self.operation]))
        };
        parts.map(request).collect()
    }

    /// One request for each table, which has the partitions of all rows together.
    fn batch<'v>(&self, input: &'v Value, keys: impl Fn(&'v Value) -> Vec<&'v Value>) -> Result<Vec<Request>, String> {
        let tables = input["RequestItems"].as_object().into_iter().flatten();
        let request = |(table, rows): (&String, &'v Value)| {
            let partitions = keys(rows).into_iter().map(|key| self.partition(key, &self.schema.table));
            let partitions: BTreeSet<&str> = partitions.collect::<Result<_, _>>()?;
            Ok(Request::new(format!("dynamodb:{}", self.operation), self.arn(table)).with(Key::LeadingKeys, partitions))
        };
        tables.map(request).collect()
    }

    /// Its partitions are that of the condition, and that of the start key.
    fn query(&self, input: &Value) -> Result<Request, String> {
        let index = input["IndexName"].as_str();
        let attribute = index.and_then(|index| self.schema.indexes.get(index)).unwrap_or(&self.schema.table);
        let condition = input["KeyConditionExpression"].as_str().ok_or("Query has no KeyConditionExpression")?;
        let of_partition = |term: &str| {
            let (name, value) = term.trim().trim_matches(['(', ')']).split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            let name = input["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
            if name == attribute { input["ExpressionAttributeValues"][value]["S"].as_str().map(str::to_owned) } else { None }
        };
        let partition = condition.split(" AND ").find_map(of_partition);
        let partition = partition.ok_or_else(|| format!("the partition of the query cannot be read: {condition}"))?;
        let start = &input["ExclusiveStartKey"];
        let start = if start.is_null() { None } else { Some(self.partition(start, attribute)?.to_owned()) };
        let request = self.on_table("Query", input).with(Key::LeadingKeys, start.into_iter().chain([partition]));
        Ok(self.select(request, input))
    }

    fn select(&self, request: Request, input: &Value) -> Request {
        request.with(Key::Select, input["Select"].as_str())
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
