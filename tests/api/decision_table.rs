//! The decisions of the local evaluator, for `make test-iam`, which compares them with those of another one.

use std::{env, fs};

use serde_json::{Value, json};

use crate::permissions::{is_needed, possible_requests, roles, used};

#[tokio::test]
async fn the_decisions_about_every_function_are_as_expected_and_can_be_exported() {
    let (used, possible) = (used().await, possible_requests());
    let mut table: Vec<Value> = Vec::new();
    let (mut allowed, mut denied) = (0, 0);
    for (function, role) in roles() {
        let others = possible.iter().filter(|request| !used[&function].contains(request));
        let mut decisions = Vec::new();
        for request in used[&function].iter().chain(others) {
            let expected = is_needed(&used[&function], request);
            assert_eq!(role.policy.allows(request), expected, "{function}: {request:?}");
            *(if expected { &mut allowed } else { &mut denied }) += 1;
            decisions.push(json!({ "request": request, "allowed": expected }));
        }
        table.push(json!({ "function": function, "resource": role.function, "policies": role.documents, "decisions": decisions }));
    }
    assert!(allowed > 200 && denied > 5000, "{allowed} {denied}");
    if let Ok(path) = env::var("DECISIONS") {
        fs::write(&path, Value::from(table).to_string()).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}
