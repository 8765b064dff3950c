//! The policy documents of a function's role, as SAM makes it.

use serde_json::{Value, json};

use super::{elements, intrinsics::Resolver};

/// Properties that add permissions to a role, or take some away.
const NOT_SUPPORTED: [&str; 6] = ["Role", "PermissionsBoundary", "Tracing", "VpcConfig", "DeadLetterQueue", "FileSystemConfigs"];

/// The events of a function that need no permission of its role.
const PUSHED: [&str; 3] = ["HttpApi", "Schedule", "EventBridgeRule"];

/// The documents of a function, those that SAM adds first.
pub(super) fn documents(globals: &Value, function: &Value, resolver: &Resolver<'_>) -> Result<Vec<Value>, String> {
    let properties = &function["Properties"];
    for name in NOT_SUPPORTED {
        for owner in [globals, properties] {
            let value = owner.get(name).map(|value| resolver.resolve(value)).transpose()?.flatten();
            if value.is_some() {
                return Err(format!("{name} is not supported"));
            }
        }
    }
    if function.get("Connectors").is_some() {
        return Err("Connectors is not supported".into());
    }
    let mut documents = vec![basic_execution()];
    let mut destinations = vec![&properties["EventInvokeConfig"]["DestinationConfig"]];
    for event in properties["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
        match event["Type"].as_str() {
            Some("DynamoDB") => {
                documents.push(dynamodb_execution());
                destinations.push(&event["Properties"]["DestinationConfig"]);
            }
            Some(kind) if PUSHED.contains(&kind) => {}
            _ => return Err(format!("an event of the type {} is not supported", event["Type"])),
        }
    }
    for destination in destinations.into_iter().flat_map(|config| config.as_object().into_iter().flatten()) {
        documents.push(send_to(destination.1, resolver)?);
    }
    for policy in elements(&properties["Policies"]) {
        if policy.get("Statement").is_none() {
            return Err(format!("the policy {policy} is not supported: only documents are"));
        }
        documents.extend(resolver.resolve(policy)?);
    }
    match properties.get("Policies") {
        None | Some(Value::Array(_)) => Ok(documents),
        Some(_) => Err("Policies must be a list".into()),
    }
}

/// A connector is a resource that adds statements to roles.
pub(super) fn reject_connectors(template: &Value) -> Result<(), String> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    match resources.into_iter().find(|(_, resource)| resource["Type"] == "AWS::Serverless::Connector") {
        Some((id, _)) => Err(format!("{id}: connectors are not supported")),
        None => Ok(()),
    }
}

/// The managed policy `AWSLambdaBasicExecutionRole`.
fn basic_execution() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "AWSLambdaBasicExecutionRole",
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "*",
    }] })
}

/// The managed policy `AWSLambdaDynamoDBExecutionRole`, for functions that a stream triggers.
fn dynamodb_execution() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "AWSLambdaDynamoDBExecutionRole",
        "Effect": "Allow",
        "Action": [
            "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
            "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
        ],
        "Resource": "*",
    }] })
}

/// The policy for the destination of failed events.
fn send_to(destination: &Value, resolver: &Resolver<'_>) -> Result<Value, String> {
    if destination["Type"] != "SQS" {
        return Err(format!("a destination of the type {} is not supported", destination["Type"]));
    }
    let queue = resolver.resolve(&destination["Destination"])?;
    Ok(json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "SQSSendMessage", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue,
    }] }))
}
