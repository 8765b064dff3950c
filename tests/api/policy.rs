//! IAM's decision about an access, by the part of its rules that the template uses. Everything else panics.

use serde_json::Value;

use crate::{
    access::Access,
    template::{list, resources, string},
};

/// Whether one of these `Allow` statements allows it. `only` is the template's `OnlyAccount`.
pub(crate) fn allows(statements: &[Value], access: &Access, only: &str) -> bool {
    statements.iter().any(|statement| {
        let action = list(&statement["Action"]).any(|action| string(action) == format!("dynamodb:{}", access.action));
        action && resources(statement).contains(&access.resource) && holds(&statement["Condition"], access, only)
    })
}

/// Whether all conditions of a statement hold.
fn holds(condition: &Value, access: &Access, only: &str) -> bool {
    let leading = &access.leading;
    let operators = condition.as_object().into_iter().flatten();
    operators.flat_map(|(operator, keys)| keys.as_object().expect("keys").iter().map(move |(key, values)| (operator, key, values))).all(
        |(operator, key, values)| match (operator.as_str(), key.as_str()) {
            // Also true without any value: hence `Null`.
            ("ForAllValues:StringLike", "dynamodb:LeadingKeys") => {
                leading.iter().all(|value| list(values).any(|pattern| like(&filled(pattern, only), value)))
            }
            ("StringEquals", "dynamodb:Select") => access.select == Some(string(values)),
            ("Null", "dynamodb:LeadingKeys") => leading.is_empty() == (string(values) == "true"),
            _ => panic!("unknown condition: {operator} of {key}"),
        },
    )
}

/// A text with its parameter filled in.
fn filled(text: &Value, only: &str) -> String {
    text["!Sub"].as_str().map_or_else(|| string(text), |text| text.replace("${OnlyAccount}", only))
}

/// Whether a pattern with a trailing `*` matches.
fn like(pattern: &str, value: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == value,
        Some((start, "")) => value.starts_with(start),
        Some(_) => panic!("unknown form of pattern: {pattern}"),
    }
}
