//! Counters of DynamoDB requests and capacity.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The counters.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Requests by operation, such as `GetItem`.
    pub requests: BTreeMap<String, u64>,
    /// Opened connections.
    pub connections: u64,
    /// Completed TLS handshakes.
    pub handshakes: u64,
    /// The time that the engine took.
    pub engine: Duration,
    /// Consumed capacity; zero unless it is counted.
    pub capacity: Capacity,
}

impl Counts {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// Capacity units, as DynamoDB charges them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl Capacity {
    /// The capacity that the response to an `operation` reports, over all tables.
    #[must_use]
    pub fn of(operation: &str, response: &Value) -> Self {
        match response.get("ConsumedCapacity") {
            Some(Value::Array(tables)) => tables.iter().map(|table| Self::of_table(operation, table)).fold(Self::default(), Self::plus),
            Some(table) => Self::of_table(operation, table),
            None => Self::default(),
        }
    }

    /// Read and write units if the response distinguishes them, else by the operation.
    fn of_table(operation: &str, table: &Value) -> Self {
        let units = |name: &str| table.get(name).and_then(Value::as_f64);
        let distinguished = Self { read: units("ReadCapacityUnits").unwrap_or(0.0), write: units("WriteCapacityUnits").unwrap_or(0.0) };
        let all = units("CapacityUnits").unwrap_or(0.0);
        match operation {
            _ if distinguished != Self::default() => distinguished,
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
    fn distinguished_units_override_the_operation() {
        let response = json!({ "ConsumedCapacity": [{ "CapacityUnits": 5.0, "ReadCapacityUnits": 2.0, "WriteCapacityUnits": 3.0 }] });
        assert_eq!(Capacity::of("TransactWriteItems", &response), Capacity { read: 2.0, write: 3.0 });
    }

    #[test]
    fn a_response_without_capacity_counts_as_zero() {
        assert_eq!(Capacity::of("GetItem", &json!({ "Item": {} })), Capacity::default());
    }
}
