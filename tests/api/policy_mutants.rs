//! Mistakes in the policies of `template.yaml`. Each must be found, and the finding must name the function (T15).

use local::iam::Template;
use serde_json::{Value, json};

use crate::permissions::{differences, project_template, used};

/// A mistake: its name, the function that is named, and the change of the template.
type Mutant = (&'static str, &'static str, fn(&mut Value));

const MUTANTS: [Mutant; 26] = [
    ("the condition on partitions is dropped", "describe-invitation", |it| {
        drop(condition(it, "DescribeInvitation", "Data").remove("ForAllValues:StringLike"));
    }),
    ("Null is dropped, so a scan matches", "list-invitations", |it| {
        let data = statement(it, "ListInvitations", "Data");
        data["Action"] = json!(["dynamodb:Query", "dynamodb:Scan"]);
        drop(condition(it, "ListInvitations", "Data").remove("Null"));
    }),
    ("a pattern matches every partition", "create-invitation", |it| patterns(it, "CreateInvitation", "Data", json!("*"))),
    ("a pattern matches a kind without an account", "manage-api-keys", |it| patterns(it, "ManageApiKeys", "Table", json!("KEYS#*"))),
    ("a pattern ignores OnlyAccount", "lookup-invitation", |it| patterns(it, "LookupInvitation", "Data", json!("A#?*"))),
    ("a pattern for another kind is added", "lookup-invitation", |it| {
        patterns(it, "LookupInvitation", "Settings", json!(["SETTINGS#?*", "KEYS#?*"]));
    }),
    ("StringEquals instead of StringLike", "modify-invitation", |it| {
        operator(it, "ModifyInvitation", "ApiKeys", "ForAllValues:StringLike", "ForAllValues:StringEquals");
    }),
    ("ForAnyValue instead of ForAllValues", "list-own-invitations", |it| {
        operator(it, "ListOwnInvitations", "DataAndSettings", "ForAllValues:StringLike", "ForAnyValue:StringLike");
    }),
    ("an operator for one value instead of a set", "accept-invitation", |it| {
        operator(it, "AcceptInvitation", "Data", "ForAllValues:StringLike", "StringLike");
    }),
    ("an operator with IfExists, which is not supported", "DeclineInvitation", |it| {
        operator(it, "DeclineInvitation", "Data", "ForAllValues:StringLike", "ForAllValues:StringLikeIfExists");
    }),
    ("a statement is moved to another function", "record-feedback", |it| {
        let moved = statement(it, "DeliverInvitations", "SendEmail").take();
        statements(it, "DeliverInvitations").retain(|statement| !statement.is_null());
        statements(it, "RecordFeedback").push(moved);
    }),
    ("a wildcard for actions", "erase-invitee", |it| statement(it, "EraseInvitee", "Table")["Action"] = json!("dynamodb:*")),
    ("a wildcard for resources", "describe-invitation", |it| statement(it, "DescribeInvitation", "Data")["Resource"] = json!("*")),
    ("NotAction instead of Action", "RefreshIssuers", |it| {
        let keys = statement(it, "RefreshIssuers", "Keys").as_object_mut().expect("a statement");
        let action = keys.remove("Action").expect("an action");
        keys.insert("NotAction".to_owned(), action);
    }),
    ("an index is added", "revoke-invitations", |it| {
        let resources = statement(it, "RevokeInvitations", "OpenInvitations")["Resource"].as_array_mut().expect("resources");
        resources.push(json!({ "Fn::Sub": "${TableArn.Value}/index/by_role" }));
    }),
    ("an index is missing", "list-invitations", |it| {
        drop(statement(it, "ListInvitations", "Data")["Resource"].as_array_mut().expect("resources").pop());
    }),
    ("the table instead of its index", "list-own-invitations", |it| {
        statement(it, "ListOwnInvitations", "InviteeIndex")["Resource"] = json!({ "Fn::GetAtt": ["TableArn", "Value"] });
    }),
    ("writes outside of transactions", "create-invitation", |it| {
        drop(condition(it, "CreateInvitation", "DataInTransactions").remove("ForAnyValue:StringEquals"));
    }),
    ("the wrong enclosing operation", "accept-invitation", |it| {
        let condition = condition(it, "AcceptInvitation", "DataInTransactions");
        condition["ForAnyValue:StringEquals"]["dynamodb:EnclosingOperation"] = json!("TransactGetItems");
    }),
    ("rows can be read, not only counted", "manage-account-settings", |it| {
        drop(condition(it, "ManageAccountSettings", "CountData").remove("StringEquals"));
    }),
    ("an operator for one value with the sources of events", "deliver-invitations", |it| {
        operator(it, "DeliverInvitations", "PublishEvents", "ForAllValues:StringEquals", "StringEquals");
    }),
    ("any bus", "reconcile-deliveries", |it| {
        let bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/*";
        statement(it, "ReconcileDeliveries", "PublishEvents")["Resource"] = json!({ "Fn::Sub": bus });
    }),
    ("any sender", "reconcile-deliveries", |it| {
        drop(condition(it, "ReconcileDeliveries", "SendEmail").remove("StringEqualsIgnoreCase"));
    }),
    ("the sender's case matters", "deliver-invitations", |it| {
        operator(it, "DeliverInvitations", "SendEmail", "StringEqualsIgnoreCase", "StringEquals");
    }),
    ("any stream of the AWS account", "deliver-invitations", |it| {
        statements(it, "DeliverInvitations").retain(|statement| statement["Sid"] != "OwnStreamOnly");
    }),
    ("any log group of the AWS account", "accept-page", |it| {
        statements(it, "AcceptPage").retain(|statement| statement["Sid"] != "OwnLogGroupOnly");
    }),
];

#[tokio::test]
async fn every_mistake_in_the_policies_is_found_and_the_finding_names_the_function() {
    let used = used().await;
    for (name, function, mutate) in MUTANTS {
        let mut mutant = project_template();
        mutate(&mut mutant.0);
        assert_ne!(mutant, project_template(), "{name}: nothing is changed");
        let found = differences(&mutant, &used);
        assert!(found.iter().any(|difference| difference.starts_with(function)), "not found in {function}: {name}; but {found:?}");
    }
}

/// The check finds nothing where there is nothing, so the mistakes are what it finds.
#[tokio::test]
async fn the_policies_of_the_template_are_without_a_difference() {
    assert_eq!(differences(&Template(project_template().0), &used().await), Vec::<String>::new());
}

fn statements<'a>(template: &'a mut Value, function: &str) -> &'a mut Vec<Value> {
    let policies = &mut template["Resources"][format!("{function}Function")]["Properties"]["Policies"];
    policies[0]["Statement"].as_array_mut().unwrap_or_else(|| panic!("{function} has no statements"))
}

fn statement<'a>(template: &'a mut Value, function: &str, sid: &str) -> &'a mut Value {
    let mut all = statements(template, function).iter_mut();
    all.find(|statement| statement["Sid"] == sid).unwrap_or_else(|| panic!("{function} has no statement {sid}"))
}

fn condition<'a>(template: &'a mut Value, function: &str, sid: &str) -> &'a mut serde_json::Map<String, Value> {
    statement(template, function, sid)["Condition"].as_object_mut().unwrap_or_else(|| panic!("{function} {sid} has no condition"))
}

fn patterns(template: &mut Value, function: &str, sid: &str, patterns: Value) {
    condition(template, function, sid)["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] = patterns;
}

fn operator(template: &mut Value, function: &str, sid: &str, from: &str, to: &str) {
    let condition = condition(template, function, sid);
    let keys = condition.remove(from).unwrap_or_else(|| panic!("{function} {sid} has no {from}"));
    condition.insert(to.to_owned(), keys);
}
