//! What AWS would refuse or bill at deployment, which no linter reports.

use std::time::Duration;

use regex_syntax::{
    hir::{Class, Hir, HirKind},
    parse,
};
use serde_json::{Value, json};

use crate::template::{self, list, string, template};

/// What Lambda allows for all environment variables of a function together, in bytes.
const ENVIRONMENT: usize = 4096;

/// The longest values that references other than to parameters can have.
const REFERENCES: [(&str, usize); 7] = [
    ("AWS::NoValue", 0),
    ("AWS::Region", 16),
    ("AWS::URLSuffix", 16),
    ("ConfigurationSet", 64),
    ("EventBus", 256),
    ("InvitationsApi", 10),
    ("TableName.Value", 255),
];

#[test]
fn each_functions_environment_has_room_for_the_longest_parameters() {
    let template = template();
    for (name, function) in template::functions(&template) {
        // Lambda measures a JSON object: `{"NAME":"value",…}`.
        let sizes = function.variables.iter().map(|(name, value)| name.len() + longest(value, &template) + r#""":"","#.len());
        let total = sizes.sum::<usize>() + "{}".len();
        assert!(total < ENVIRONMENT, "{name} needs up to {total} bytes");
    }
}

#[test]
fn every_endpoint_and_worker_returns_before_lambda_ends_it() {
    for (name, function) in template::functions(&template()) {
        let deadline = match name.as_str() {
            // Their alarms count invocations that Lambda ends.
            "manage-api-keys" | "manage-account-settings" | "erase-invitee" => continue,
            // Reading the last revocations, trying them and reading back takes two and a half minutes at most.
            "revoke-invitations" => functions::operator::revoke_invitations::TIME_LIMIT + Duration::from_secs(150),
            "deliver-invitations" | "reconcile-deliveries" | "record-feedback" | "refresh-issuers" => functions::delivery::worker::DEADLINE,
            _ => functions::http::edge::DEADLINE,
        };
        let timeout = Duration::from_secs(function.timeout);
        assert!(deadline + Duration::from_secs(5) < timeout, "{name}: {deadline:?} of {timeout:?}");
    }
}

#[test]
fn the_longest_value_of_a_variable_is_that_of_its_parameter_as_json() {
    let template = json!({
        "Parameters": {
            "Number": { "Type": "Number", "MaxValue": 86400 },
            "Choice": { "Type": "String", "AllowedValues": ["on", "off"] },
            "Plain": { "Type": "String", "MaxLength": 10, "AllowedPattern": "^[a-z]*$" },
            "Quotes": { "Type": "String", "MaxLength": 10, "AllowedPattern": "^([ -~])*$" },
            "Anything": { "Type": "String", "MaxLength": 10, "AllowedPattern": r"^[^\x00-\x1F]*$" },
            "Control": { "Type": "String", "MaxLength": 10, "AllowedPattern": "^[^@]*$" },
            "Json": { "Type": "String", "MaxLength": 10, "AllowedPattern": r"^\{[ -~]*\}$" },
        },
        "Resources": { "LinkKey": { "Properties": { "GenerateSecretString": { "PasswordLength": 64 } } } },
    });
    for (value, expected) in [
        (json!("text"), 4),
        (json!({ "!Ref": "AWS::NoValue" }), 0),
        (json!({ "!Ref": "Number" }), 5),
        (json!({ "!GetAtt": "TableName.Value" }), 255),
        (json!({ "!Ref": "Choice" }), 3),
        (json!({ "!Ref": "Plain" }), 10),
        (json!({ "!Ref": "Quotes" }), 20),
        (json!({ "!Base64": { "Ref": "Json" } }), 16),
        (json!({ "!Ref": "Anything" }), 40),
        (json!({ "!Ref": "Control" }), 60),
        (json!({ "!If": ["Condition", { "!Ref": "Choice" }, { "!Ref": "Number" }] }), 5),
        (json!({ "!Sub": "https://${Plain}/${Choice}" }), 22),
        (
            json!({ "!Sub": "{{resolve:secretsmanager:${LinkKeyArn.Value}:SecretString}}, {{resolve:secretsmanager:${PreviousLinkKeyArn}:SecretString}}" }),
            130,
        ),
    ] {
        assert_eq!(longest(&value, &template), expected, "{value}");
    }
}

/// The most bytes that a variable's value can have.
fn longest(value: &Value, template: &Value) -> usize {
    if let Some(text) = value.as_str() {
        return text.len();
    }
    let (function, argument) = value.as_object().and_then(|value| value.iter().next()).unwrap_or_else(|| panic!("no text: {value}"));
    match function.as_str() {
        "!Ref" | "!GetAtt" => reference(&string(argument), template),
        "!If" => list(argument).skip(1).map(|value| longest(value, template)).max().expect("two values"),
        "!Sub" => substituted(&string(argument), template),
        "!Base64" => base64(&string(&argument["Ref"]), template),
        other => panic!("the length of {other} is unknown"),
    }
}

/// The most bytes of the base64 of a parameter, in which no character needs an escape.
fn base64(name: &str, template: &Value) -> usize {
    let parameter = &template["Parameters"][name];
    let characters = usize::try_from(parameter["MaxLength"].as_u64().expect("a length")).expect("a length");
    let pattern = string(&parameter["AllowedPattern"]);
    assert!(pattern.contains("[ -~"), "{name} is not restricted to ASCII: {pattern}");
    characters.div_ceil(3) * 4
}

/// The most bytes of a text with `${references}`, and with the secret of links.
fn substituted(text: &str, template: &Value) -> usize {
    let length = &template["Resources"]["LinkKey"]["Properties"]["GenerateSecretString"]["PasswordLength"];
    let length = length.as_u64().map_or(0, |length| usize::try_from(length).expect("a length"));
    let (mut text, mut secrets) = (text.to_owned(), 0);
    for secret in ["LinkKeyArn.Value", "PreviousLinkKeyArn"].map(|arn| format!("{{{{resolve:secretsmanager:${{{arn}}}:SecretString}}}}")) {
        secrets += text.matches(&secret).count() * length;
        text = text.replace(&secret, "");
    }
    let mut parts = text.split("${");
    let before = parts.next().unwrap_or_default().len();
    let others = parts.map(|part| {
        let (name, after) = part.split_once('}').expect("a reference ends");
        reference(name, template) + after.len()
    });
    secrets + before + others.sum::<usize>()
}

/// The most bytes of a parameter, or of something else that has a name.
fn reference(name: &str, template: &Value) -> usize {
    let parameter = &template["Parameters"][name];
    if parameter.is_null() {
        let known = REFERENCES.iter().find(|(known, _)| *known == name);
        return known.unwrap_or_else(|| panic!("the length of {name} is unknown")).1;
    }
    if parameter["Type"] == "Number" {
        return parameter["MaxValue"].to_string().len();
    }
    if let Some(longest) = list(&parameter["AllowedValues"]).map(|value| string(value).len()).max() {
        return longest;
    }
    let characters = parameter["MaxLength"].as_u64().unwrap_or_else(|| panic!("{name} has no MaxLength"));
    let pattern = parse(&string(&parameter["AllowedPattern"])).expect("a pattern");
    usize::try_from(characters).expect("a length") * widest(&pattern)
}

/// The most bytes that a character of a text with this pattern takes in JSON.
fn widest(pattern: &Hir) -> usize {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(text) => str::from_utf8(&text.0).expect("a text").chars().map(width).max().unwrap_or(0),
        HirKind::Class(Class::Unicode(class)) => {
            // The widest character below U+0080 can be anywhere; above it, the last one is.
            let ascii = (0..0x80u8).map(char::from).filter(|c| class.iter().any(|range| (range.start()..=range.end()).contains(c)));
            ascii.chain(class.iter().map(|range| range.end())).map(width).max().unwrap_or(0)
        }
        HirKind::Class(Class::Bytes(_)) => panic!("a class of bytes"),
        HirKind::Repetition(repetition) => widest(&repetition.sub),
        HirKind::Capture(capture) => widest(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(widest).max().unwrap_or(0),
    }
}

/// The bytes of a character in a JSON text.
fn width(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c.is_ascii_control() && c != '\x7F' => 6,
        c => c.len_utf8(),
    }
}

#[test]
fn only_the_table_is_encrypted_with_a_key_that_is_billed_and_only_on_request() {
    // By default everything is encrypted with keys that AWS owns, which cost nothing. `SSEEnabled` takes one of KMS instead.
    let mut template = template();
    assert_eq!(template["Parameters"]["KmsKeyArn"]["Default"], "");
    assert_eq!(template["Conditions"]["HasKmsKey"], json!({ "!Not": [{ "!Equals": [{ "!Ref": "KmsKeyArn" }, ""] }] }));
    let table = template["Resources"]["InvitationsTable"]["Properties"].as_object_mut().expect("properties");
    let choice = table.remove("SSESpecification").expect("the table has one");
    assert_eq!((&choice["!If"][0], &choice["!If"][2]), (&json!("HasKmsKey"), &json!({ "!Ref": "AWS::NoValue" })));
    let mut found = Vec::new();
    names(&template["Resources"], &mut found);
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
