//! The template of this project, and small ones with one peculiarity each.

use serde_json::json;

use super::*;
use crate::iam::{
    policy::Decision,
    request::{Key, Request},
};

fn deployment(parameters: &[(&str, &str)]) -> Deployment {
    let given = |parameters: &[(&str, &str)]| parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Deployment { parameters: given(parameters), names: given(&[(TABLE, "invitations")]), ..Deployment::of(&|_| None) }
}

fn project() -> Template {
    Template::parse(include_str!("../../../../template.yaml")).unwrap()
}

#[test]
fn every_function_of_the_template_has_a_role() {
    let given = [("FromAddress", "a@example.com")];
    let roles = project().roles(&deployment(&given)).unwrap();
    let stream = "arn:aws:dynamodb:us-east-1:123456789012:table/earlier/stream/2026-11-29T12:00:00.000";
    let existing = project().roles(&deployment(&[given[0], ("ExistingTableStreamArn", stream)])).unwrap();
    let read = Request::new("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/earlier").with(Key::LeadingKeys, ["A#1"]);
    assert_eq!([&existing, &roles].map(|roles| roles["describe-invitation"].policy.allows(&read)), [true, false]);
    // Without the console.
    assert_eq!(roles.len(), 19, "{:?}", roles.keys());
    let roles = project().roles(&deployment(&[given[0], ("Console", "true"), ("OnlyAccount", "012345678912")])).unwrap();
    assert_eq!(roles.len(), 20);
    let deliver = &roles["deliver-invitations"];
    assert_eq!(deliver.function, "DeliverInvitationsFunction");
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:us-east-1:123456789012:{resource}");
    let decide = |action: &str, resource: String| deliver.policy.decide(&Request::new(action, resource));
    // What SAM adds, and what the template takes away from it.
    assert_eq!(
        decide("dynamodb:GetRecords", arn("dynamodb", "table/invitations/stream/1")),
        Decision::Allowed("AWSLambdaDynamoDBExecutionRole")
    );
    assert_eq!(decide("dynamodb:GetRecords", arn("dynamodb", "table/other/stream/1")), Decision::Denied("OwnStreamOnly"));
    assert!(matches!(decide("logs:PutLogEvents", arn("logs", "log-group:/aws/lambda/local/deliver-invitations:x")), Decision::Allowed(_)));
    assert_eq!(decide("logs:PutLogEvents", arn("logs", "log-group:/aws/lambda/local/accept-page:x")), Decision::Denied("OwnLogGroupOnly"));
    assert_eq!(decide("sqs:SendMessage", arn("sqs", "local-StreamDeadLetterQueue")), Decision::Allowed("SQSSendMessage"));
    assert_eq!(decide("sqs:SendMessage", arn("sqs", "local-FeedbackDeadLetterQueue")), Decision::NotAllowed);
    let read = |account: &str| {
        let request = Request::new("dynamodb:GetItem", arn("dynamodb", "table/invitations"));
        deliver.policy.allows(&request.with(Key::LeadingKeys, [format!("A#{account}")]))
    };
    assert_eq!(["012345678912", "210987654321"].map(read), [true, false]);
}

#[test]
fn the_schema_names_the_partition_keys_of_the_table_and_its_global_indexes() {
    let schema = project().schema().unwrap();
    assert_eq!(schema.table, "pk");
    let indexes: Vec<_> = schema.indexes.iter().map(|(index, key)| format!("{index} {key}")).collect();
    assert_eq!(indexes, ["by_invitee invitee", "due shard", "late shard"]);
    assert!(Template(json!({})).schema().is_err());
}

#[test]
fn intrinsic_functions_are_resolved_as_cloudformation_does() {
    let template = Template::parse(
        r#"
Parameters:
  Number: { Type: Number, Default: 7 }
  Empty: { Type: String, Default: "" }
  Missing: { Type: String }
Conditions:
  IsEmpty: !Equals [!Ref Empty, ""]
  NotEmpty: !Not [!Condition IsEmpty]
  Both: !And [!Condition IsEmpty, !Condition NotEmpty]
  Either: !Or [!Condition IsEmpty, !Condition NotEmpty]
Resources:
  InvitationsTable: { Type: AWS::DynamoDB::Table }
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: !Sub "${AWS::StackName}-events" } }
  None: { Type: AWS::Events::EventBus, Condition: NotEmpty }
  Queue: { Type: AWS::SQS::Queue }
  Value: { Type: AWS::SSM::Parameter, Properties: { Value: !GetAtt Queue.Arn } }
"#,
    )
    .unwrap();
    let deployment = deployment(&[]);
    let resolve = |yaml: &str| {
        let value = long_form(&serde_yaml_ng::from_str(yaml).unwrap())?;
        Resolver { template: &template.0, deployment: &deployment }.resolve(&value)
    };
    for (yaml, expected) in [
        ("!Ref Number", json!("7")),
        ("!Ref InvitationsTable", json!("invitations")),
        ("!GetAtt InvitationsTable.Arn", json!("arn:aws:dynamodb:us-east-1:123456789012:table/invitations")),
        ("Fn::GetAtt: [Queue, Arn]", json!("arn:aws:sqs:us-east-1:123456789012:local-Queue")),
        ("!Ref Bus", json!("local-events")),
        ("!Sub '${Value.Value}/x'", json!("arn:aws:sqs:us-east-1:123456789012:local-Queue/x")),
        (
            "!Sub a${Number}b${InvitationsTable.Arn}/index/${!x}",
            json!("a7barn:aws:dynamodb:us-east-1:123456789012:table/invitations/index/${x}"),
        ),
        ("!Sub ['${A}-${AWS::Region}', { A: !If [Either, x, y] }]", json!("x-us-east-1")),
        ("!If [Both, 1, !Sub '${AWS::URLSuffix}']", json!("amazonaws.com")),
        ("!If [NotEmpty, !Ref None, x]", json!("x")),
        ("[a, !Ref AWS::NoValue, { b: !Ref AWS::NoValue, c: !If [Either, d, e] }]", json!(["a", { "c": "d" }])),
        ("!Join [':', [a, !Ref Number]]", json!("a:7")),
        ("!Select [1, !Split [',', 'a,b']]", json!("b")),
        ("!Base64 { Ref: Number }", json!("Nw==")),
    ] {
        assert_eq!(resolve(yaml).unwrap(), Some(expected), "{yaml}");
    }
    for (yaml, expected) in [
        ("!Ref Missing", "the parameter Missing has no value"),
        ("!Ref Nothing", "there is no parameter or resource Nothing"),
        ("!Ref None", "the deployment has no None"),
        ("!Ref AWS::StackId", "the pseudo parameter AWS::StackId is not supported"),
        ("!GetAtt Bus.Policy", "the attribute Policy of Bus is not supported"),
        ("!If [Unknown, 1, 2]", "there is no condition Unknown"),
        ("!ImportValue x", r#"Fn::ImportValue of "x" is not supported"#),
        ("!Sub '${Number'", "${Number has no closing bracket"),
        ("!Select [2, [a]]", "a list has no element 2"),
        ("!Sub [a]", r#"Fn::Sub of ["a"] is not supported"#),
    ] {
        assert_eq!(resolve(yaml).unwrap_err(), expected, "{yaml}");
    }
}

#[test]
fn what_changes_a_role_and_is_not_supported_is_an_error_that_names_the_function() {
    let with = |name: &str, value: Value| {
        let mut function = json!({
            "Type": "AWS::Serverless::Function",
            "Metadata": { "BuildProperties": { "Binary": "one" } },
            "Properties": { "Policies": [{ "Version": "2012-10-17", "Statement": [] }] },
        });
        function["Properties"][name] = value;
        Template(json!({ "Resources": { "One": function } })).roles(&deployment(&[])).map(|roles| roles.len())
    };
    assert_eq!(with("Timeout", json!(1)), Ok(1));
    assert_eq!(with("PermissionsBoundary", json!({ "Ref": "AWS::NoValue" })), Ok(1));
    for (name, value, expected) in [
        ("Role", json!("arn"), "Role is not supported"),
        ("Tracing", json!("Active"), "Tracing is not supported"),
        ("Policies", json!("AmazonDynamoDBFullAccess"), "Policies must be a list"),
        ("Policies", json!(["AmazonDynamoDBFullAccess"]), r#"the policy "AmazonDynamoDBFullAccess" is not supported: only documents are"#),
        (
            "Policies",
            json!([{ "DynamoDBCrudPolicy": { "TableName": "x" } }]),
            r#"the policy {"DynamoDBCrudPolicy":{"TableName":"x"}} is not supported: only documents are"#,
        ),
        ("Policies", json!([{ "Statement": [{ "Sid": "S", "Effect": "Permit" }] }]), "the statement S: Effect must be Allow or Deny"),
        ("Events", json!({ "E": { "Type": "SQS" } }), r#"an event of the type "SQS" is not supported"#),
        (
            "EventInvokeConfig",
            json!({ "DestinationConfig": { "OnSuccess": { "Type": "Lambda" } } }),
            r#"a destination of the type "Lambda" is not supported"#,
        ),
    ] {
        assert_eq!(with(name, value), Err(format!("One: {expected}")));
    }
    let connector = Template(json!({ "Resources": { "C": { "Type": "AWS::Serverless::Connector" } } }));
    assert_eq!(connector.roles(&deployment(&[])), Err("C: connectors are not supported".to_owned()));
}
