//! What DynamoDB was asked, and what it charges for.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What has been counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Requests by operation, such as `GetItem`.
    pub requests: BTreeMap<String, u64>,
    /// Connections that were opened.
    pub connections: u64,
    /// TLS handshakes that were completed.
    pub handshakes: u64,
    /// How long the front has waited for the engine.
    pub engine: Duration,
    /// Capacity consumed; zero unless it is asked for.
    pub capacity: Capacity,
}

impl Counts {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// Capacity units, as they are charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl Capacity {
    /// What the response to one `operation` says it consumed, in all its tables.
    #[must_use]
    pub fn of(operation: &str, response: &Value) -> Self {
        match response.get("ConsumedCapacity") {
            Some(Value::Array(tables)) => tables.iter().map(|table| Self::of_table(operation, table)).fold(Self::default(), Self::plus),
            Some(table) => Self::of_table(operation, table),
            None => Self::default(),
        }
    }

    /// Read and write units where both are told apart, else by the kind of the operation.
    fn of_table(operation: &str, table: &Value) -> Self {
        let units = |name: &str| table.get(name).and_then(Value::as_f64);
        let told = Self { read: units("ReadCapacityUnits").unwrap_or(0.0), write: units("WriteCapacityUnits").unwrap_or(0.0) };
        let all = units("CapacityUnits").unwrap_or(0.0);
        match operation {
            _ if told != Self::default() => told,
            "GetItem" | "BatchGetItem" | "TransactGetItems" | "Query" | "Scan" => Self { read: all, write: 0.0 },
            _ => Self { read: 0.0, write: all },
        }
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { read: self.read + other.read, write: self.write + other.write }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_read_counts_as_read_units() {
        let response = json!({ "Item": {}, "ConsumedCapacity": { "TableName": "t", "CapacityUnits": 1.5 } });
        assert_eq!(Capacity::of("GetItem", &response), Capacity { read: 1.5, write: 0.0 });
        assert_eq!(Capacity::of("Query", &response), Capacity { read: 1.5, write: 0.0 });
        assert_eq!(Capacity::of("PutItem", &response), Capacity { read: 0.0, write: 1.5 });
    }

    #[test]
    fn a_transaction_counts_for_each_table() {
        let table = |units: f64| json!({ "CapacityUnits": units });
        let response = json!({ "ConsumedCapacity": [table(9.0), table(2.0)] });
        assert_eq!(Capacity::of("TransactWriteItems", &response), Capacity { read: 0.0, write: 11.0 });
        assert_eq!(Capacity::of("TransactGetItems", &response), Capacity { read: 11.0, write: 0.0 });
    }

    #[test]
    fn units_that_are_told_apart_go_before_the_kind() {
        let response = json!({ "ConsumedCapacity": [{ "CapacityUnits": 5.0, "ReadCapacityUnits": 2.0, "WriteCapacityUnits": 3.0 }] });
        assert_eq!(Capacity::of("TransactWriteItems", &response), Capacity { read: 2.0, write: 3.0 });
    }

    #[test]
    fn without_it_nothing_is_counted() {
        assert_eq!(Capacity::of("GetItem", &json!({ "Item": {} })), Capacity::default());
    }
}
