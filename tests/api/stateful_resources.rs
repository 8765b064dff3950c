//! The resources that hold state, the table and the secret, are compared with a frozen copy of what CloudFormation can only change by
//! replacing them.
//!
//! The copy is what a release has deployed. A change that fails here needs a new resource with a migration of the old one's data, and
//! then a new copy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use support::root_file;

use crate::template::{list, string, template};

/// Why the table's frozen properties must stay.
const TABLE: &str = "after a release this must not change: CloudFormation would replace the table and, because of UpdateReplacePolicy: \
                     Retain, keep the old one and carry on with a new, EMPTY one. Local indexes are created with their table; neither \
                     their keys nor their projection can change later";

/// Why stream and TTL must stay.
const SETTINGS: &str = "after a release this must not change: DynamoDB only allows it in two steps, first off and then on again. A new \
                        stream lacks the records that are not processed yet, and rows with the old TTL attribute are never purged";

/// Why the secret's frozen properties must stay.
const SECRET: &str = "after a release this must not change: CloudFormation would generate another secret, and emails and reminders with \
                      links of the old one could not be sent";

/// The projection of the local indexes.
fn projection() -> Value {
    let attributes =
        "email role st closed created modified exp sent by delivery accepted_by nsa loc metadata redirect link_only reminded more";
    json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": attributes.split(' ').collect::<Vec<_>>() })
}

/// A local index, named like its sort key.
fn local_index(name: &str) -> Value {
    json!({
        "IndexName": name,
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": name, "KeyType": "RANGE" }],
        "Projection": projection(),
    })
}

/// The types of the attributes in keys. Another type replaces the table; another attribute, for a new global index, does not.
const TYPES: [(&str, &str); 10] = [
    ("pk", "S"),
    ("sk", "S"),
    ("by_state", "S"),
    ("by_email", "S"),
    ("by_role", "S"),
    ("shard", "S"),
    ("due_at", "N"),
    ("late_at", "N"),
    ("invitee", "S"),
    ("exp", "N"),
];

#[test]
fn no_change_of_the_template_replaces_the_table() {
    let template = template();
    let table = &template["Resources"]["InvitationsTable"];
    let properties = &table["Properties"];
    assert_eq!(table["Type"], "AWS::DynamoDB::Table", "{TABLE}");
    assert_eq!([&properties["TableName"], &properties["ImportSourceSpecification"]], [&Value::Null; 2], "{TABLE}");
    assert_eq!(
        properties["KeySchema"],
        json!([{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }]),
        "{TABLE}"
    );
    let indexes: Vec<Value> = ["by_state", "by_email", "by_role"].into_iter().map(local_index).collect();
    assert_eq!(properties["LocalSecondaryIndexes"], Value::from(indexes), "{TABLE}");
    let types: BTreeMap<String, String> = list(&properties["AttributeDefinitions"])
        .map(|attribute| (string(&attribute["AttributeName"]), string(&attribute["AttributeType"])))
        .collect();
    for (name, expected) in TYPES {
        assert!(types.get(name).is_none_or(|found| found == expected), "{name}: {TABLE}");
    }
    assert_eq!(properties["StreamSpecification"], json!({ "StreamViewType": "NEW_AND_OLD_IMAGES" }), "{SETTINGS}");
    assert_eq!(properties["TimeToLiveSpecification"], json!({ "AttributeName": "ttl", "Enabled": true }), "{SETTINGS}");
}

#[test]
fn no_change_of_the_template_replaces_a_secret() {
    let template = template();
    for name in ["LinkKey", "SecondLinkKey"] {
        let secret = &template["Resources"][name];
        assert_eq!(secret["Type"], "AWS::SecretsManager::Secret", "{SECRET}");
        let mut properties = secret["Properties"].as_object().expect("properties").clone();
        properties.remove("Description");
        assert_eq!(
            Value::from(properties),
            json!({ "GenerateSecretString": { "PasswordLength": 64, "ExcludePunctuation": true } }),
            "{SECRET}"
        );
    }
}

#[test]
fn cloudformation_never_deletes_the_table_or_a_secret() {
    let resources = &template()["Resources"];
    for (name, condition) in
        [("InvitationsTable", "CreatesTable"), ("LinkKey", "CreatesFirstLinkKey"), ("SecondLinkKey", "CreatesSecondLinkKey")]
    {
        assert_eq!(resources[name]["Condition"], condition, "{name}: another condition that becomes false would leave it behind");
        let policies = ["DeletionPolicy", "UpdateReplacePolicy"].map(|policy| &resources[name][policy]);
        assert_eq!(policies, ["Retain"; 2], "{name}: its data would be deleted with the stack, or when the resource is replaced");
    }
}

#[test]
fn a_stack_on_an_existing_table_refers_to_that_table_only() {
    let template = template();
    let (own, existing) = ["InvitationsTable", "ExistingTableStreamArn"].into();
    let mut parts = vec![template["Globals"].clone(), template["Outputs"].clone()];
    let resources = template["Resources"].as_object().expect("resources").iter();
    parts.extend(resources.filter(|(name, _)| *name != own).map(|(_, resource)| resource.clone()));
    for (branch, expected, other) in [(1, own, existing), (2, existing, own)] {
        let chosen = parts.iter().map(|part| choose(part, "CreatesTable", branch).to_string()).collect::<String>();
        assert!(chosen.contains(expected) && !chosen.contains(other), "{expected}");
    }
    let stream = "arn:aws:dynamodb:us-east-1:123456789012:table/invitations-1.B_2/stream/2026-11-29T12:00:00.000";
    let table = |name: &str| evaluate(&choose(&template["Resources"][name]["Properties"]["Value"], "CreatesTable", 2), stream);
    assert_eq!(table("TableArn"), "arn:aws:dynamodb:us-east-1:123456789012:table/invitations-1.B_2");
    assert_eq!(table("TableName"), "invitations-1.B_2");
}

/// A part of the template with the chosen branch of every `!If` of this condition.
fn choose(value: &Value, condition: &str, branch: usize) -> Value {
    match value {
        Value::Object(fields) => match fields.get("!If") {
            Some(choice) if choice[0] == condition => choose(&choice[branch], condition, branch),
            _ => fields.iter().map(|(name, value)| (name.clone(), choose(value, condition, branch))).collect(),
        },
        Value::Array(items) => items.iter().map(|item| choose(item, condition, branch)).collect(),
        other => other.clone(),
    }
}

/// The text that CloudFormation makes of `!Select`, `!Split` and `!Ref`, each parameter having this value.
fn evaluate(value: &Value, parameter: &str) -> String {
    if value.get("!Ref").is_some() {
        return parameter.to_owned();
    }
    let (index, split) = (value["!Select"][0].as_u64().expect("an index"), &value["!Select"][1]["!Split"]);
    let (separator, text) = (string(&split[0]), evaluate(&split[1], parameter));
    text.split(&separator).nth(usize::try_from(index).expect("an index")).expect("a part").to_owned()
}

#[test]
fn the_documented_stack_policy_protects_exactly_the_retained_resources() {
    let page = root_file("docs/deploy.md");
    let [_, policy] = page.split("```json\n").collect::<Vec<_>>()[..] else { panic!("the page has not exactly one JSON block") };
    let policy = policy.split("```").next().expect("the block ends");
    let policy: Value = serde_json::from_str(policy).expect("the policy is JSON");
    let template = template();
    let resources = template["Resources"].as_object().expect("resources");
    let retained = |(name, resource): (&String, &Value)| {
        let policies = [&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]];
        policies.iter().any(|policy| **policy == "Retain").then(|| format!("LogicalResourceId/{name}"))
    };
    let retained: BTreeSet<String> = resources.iter().filter_map(retained).collect();
    assert_eq!(
        policy,
        json!({ "Statement": [
            { "Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*" },
            { "Effect": "Deny", "Principal": "*", "Action": "Update:Replace", "Resource": retained },
            // A secret leaves the stack when it is rotated.
            { "Effect": "Deny", "Principal": "*", "Action": "Update:Delete", "Resource": "LogicalResourceId/InvitationsTable" },
        ] })
    );
    assert!(page.contains("aws cloudformation set-stack-policy --stack-name invitations --stack-policy-body file://stack-policy.json"));
}
