//! What AWS would refuse or bill when the stack is deployed, which no linter reports.

use serde_json::Value;

use crate::template::template;

#[test]
fn nothing_is_encrypted_with_a_key_that_is_billed() {
    // Everything is encrypted with keys that AWS owns, which cost nothing. `SSEEnabled` takes one of KMS instead.
    let mut found = Vec::new();
    names(&template()["Resources"], &mut found);
    found.retain(|name| name == "SSESpecification" || name.to_lowercase().contains("kms"));
    assert_eq!(found, Vec::<String>::new());
}

/// The names of all properties.
fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.keys().cloned());
            fields.values().for_each(|value| names(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}
