//! Each condition key of the template's policies is used with operators that suit its type; otherwise IAM denies, or allows, everything.

use serde_json::{Value, json};

use crate::template::template;

/// The number of values of a key in a request, by the Service Authorization Reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    /// `String`: one value.
    Single,
    /// `String`, and one value; but the developer guide compares it as a set. This suits both.
    SingleInASet,
    /// `ArrayOfString`: any number of values, so only a set operator can match it.
    Multivalued,
}

/// Every condition key that the template uses.
const KEYS: [(&str, Type); 5] = [
    ("dynamodb:EnclosingOperation", Type::SingleInASet),
    ("dynamodb:LeadingKeys", Type::Multivalued),
    ("dynamodb:Select", Type::Single),
    ("events:source", Type::Multivalued),
    ("ses:FromAddress", Type::Single),
];

/// The operators that a type allows. For many values `ForAnyValue` is not among them: one good value would let all others through.
fn operators(of: Type) -> &'static [&'static str] {
    match of {
        Type::Single => &["StringEquals", "StringEqualsIgnoreCase", "StringLike"],
        Type::SingleInASet => &["ForAnyValue:StringEquals"],
        Type::Multivalued => &["ForAllValues:StringEquals", "ForAllValues:StringLike", "Null"],
    }
}

/// The problems of a statement's `Condition`.
fn problems(condition: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (operator, keys) in condition.as_object().expect("operators") {
        for key in keys.as_object().expect("keys").keys() {
            match KEYS.iter().find(|(name, _)| name == key) {
                None => problems.push(format!("the type of {key} is unknown")),
                Some((_, of)) if !operators(*of).contains(&operator.as_str()) => problems.push(format!("{operator} does not suit {key}")),
                // `ForAllValues` alone also matches a request that has no value at all.
                Some((_, Type::Multivalued)) if condition["Null"][key] != "false" => {
                    problems.push(format!("{operator} of {key} needs Null: false"));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

/// Every condition of a policy statement in the template.
fn conditions<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            // A resource's `Condition` is a name.
            found.extend(fields.get("Condition").filter(|condition| fields.contains_key("Effect") && condition.is_object()));
            fields.values().for_each(|value| conditions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| conditions(item, found)),
        _ => {}
    }
}

#[test]
fn every_condition_of_the_template_suits_the_type_of_its_key() {
    let template = template();
    let mut found = Vec::new();
    conditions(&template["Resources"], &mut found);
    assert!(found.len() > 20, "{}", found.len());
    for condition in found {
        assert_eq!(problems(condition), Vec::<String>::new(), "{condition}");
    }
}

#[test]
fn a_key_of_an_unknown_type_and_an_operator_of_another_type_are_reported() {
    for (condition, expected) in [
        (json!({ "StringEquals": { "aws:SourceArn": "x" } }), vec!["the type of aws:SourceArn is unknown"]),
        (json!({ "StringEquals": { "events:source": "x" } }), vec!["StringEquals does not suit events:source"]),
        (json!({ "StringEquals": { "dynamodb:EnclosingOperation": "x" } }), vec!["StringEquals does not suit dynamodb:EnclosingOperation"]),
        (
            json!({ "ForAnyValue:StringEquals": { "events:source": "x" }, "Null": { "events:source": "false" } }),
            vec!["ForAnyValue:StringEquals does not suit events:source"],
        ),
        (
            json!({ "ForAllValues:StringEquals": { "events:source": "x" } }),
            vec!["ForAllValues:StringEquals of events:source needs Null: false"],
        ),
        (
            json!({ "ForAllValues:StringEquals": { "events:source": "x" }, "Null": { "events:source": "true" } }),
            vec!["ForAllValues:StringEquals of events:source needs Null: false", "Null of events:source needs Null: false"],
        ),
        (json!({ "ForAllValues:StringLike": { "ses:FromAddress": "x" } }), vec!["ForAllValues:StringLike does not suit ses:FromAddress"]),
        (json!({ "ForAllValues:StringEquals": { "events:source": "x" }, "Null": { "events:source": "false" } }), vec![]),
        (json!({ "StringEqualsIgnoreCase": { "ses:FromAddress": "x" } }), vec![]),
    ] {
        assert_eq!(problems(&condition), expected, "{condition}");
    }
}
