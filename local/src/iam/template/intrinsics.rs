//! CloudFormation's intrinsic functions.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::Deployment;

/// The resources whose names are a property of theirs.
const NAMED_BY: [(&str, &str); 5] = [
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::EventBus", "Name"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::SES::ConfigurationSet", "Name"),
    ("AWS::SQS::Queue", "QueueName"),
];

/// Resolves values of a template for a deployment.
pub(super) struct Resolver<'a> {
    pub(super) template: &'a Value,
    pub(super) deployment: &'a Deployment,
}

impl Resolver<'_> {
    /// The value without intrinsic functions. `None` is `AWS::NoValue`, which removes a field or an element.
    pub(super) fn resolve(&self, value: &Value) -> Result<Option<Value>, String> {
        match value {
            Value::Object(fields) => {
                if let Some((name, argument)) = fields.iter().next().filter(|(name, _)| fields.len() == 1 && is_function(name)) {
                    return self.call(name, argument);
                }
                let fields = fields.iter().map(|(name, value)| Ok(self.resolve(value)?.map(|value| (name.clone(), value))));
                Ok(Some(Value::Object(fields.filter_map(Result::transpose).collect::<Result<_, String>>()?)))
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                Ok(Some(Value::Array(items.filter_map(Result::transpose).collect::<Result<_, _>>()?)))
            }
            scalar => Ok(Some(scalar.clone())),
        }
    }

    /// Whether a resource's condition is met.
    pub(super) fn exists(&self, resource: &Value) -> Result<bool, String> {
        resource.get("Condition").map_or(Ok(true), |name| self.condition(&json!({ "Condition": name })))
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>, String> {
        let text = |text: String| Ok(Some(Value::String(text)));
        match (name, argument.as_array().map(Vec::as_slice)) {
            ("Ref", _) => {
                let name = argument.as_str().ok_or("Ref needs a name")?;
                if name == "AWS::NoValue" { Ok(None) } else { text(self.reference(name)?) }
            }
            ("Fn::GetAtt", Some([id, attribute])) => text(self.attribute(&self.text(id)?, &self.text(attribute)?)?),
            ("Fn::Sub", None) => text(self.substitute(&self.text(argument)?, &Value::Null)?),
            ("Fn::Sub", Some([template, variables])) => text(self.substitute(&self.text(template)?, variables)?),
            ("Fn::If", Some([condition, then, otherwise])) => {
                self.resolve(if self.condition(&json!({ "Condition": condition }))? { then } else { otherwise })
            }
            ("Fn::Join", Some([separator, parts])) => text(self.texts(parts)?.join(&self.text(separator)?)),
            ("Fn::Split", Some([separator, whole])) => Ok(Some(self.text(whole)?.split(&self.text(separator)?).map(Value::from).collect())),
            ("Fn::Select", Some([index, list])) => {
                let index: usize = self.text(index)?.parse().map_err(|_| format!("{index} is not an index"))?;
                text(self.texts(list)?.get(index).ok_or_else(|| format!("a list has no element {index}"))?.clone())
            }
            ("Fn::Base64", _) => text(STANDARD.encode(self.text(argument)?)),
            _ => Err(format!("{name} of {argument} is not supported")),
        }
    }

    fn condition(&self, condition: &Value) -> Result<bool, String> {
        let (name, argument) = condition.as_object().and_then(|fields| fields.iter().next()).ok_or("a condition must be a function")?;
        match (name.as_str(), argument.as_array().map(Vec::as_slice)) {
            ("Condition", None) => {
                let name = argument.as_str().unwrap_or_default();
                let named = self.template["Conditions"].get(name).ok_or_else(|| format!("there is no condition {name}"))?;
                self.condition(named)
            }
            ("Fn::Equals", Some([one, other])) => Ok(self.text(one)? == self.text(other)?),
            ("Fn::Not", Some([negated])) => Ok(!self.condition(negated)?),
            // All are resolved, so that a mistake in any is found.
            ("Fn::And", Some(all)) => Ok(self.conditions(all)?.into_iter().all(|met| met)),
            ("Fn::Or", Some(all)) => Ok(self.conditions(all)?.into_iter().any(|met| met)),
            _ => Err(format!("the condition {name} of {argument} is not supported")),
        }
    }

    fn conditions(&self, all: &[Value]) -> Result<Vec<bool>, String> {
        all.iter().map(|condition| self.condition(condition)).collect()
    }

    /// The value of a parameter, or the name of a resource.
    fn reference(&self, name: &str) -> Result<String, String> {
        let location = &self.deployment.location;
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return match pseudo {
                "AccountId" => Ok(location.account.clone()),
                "Partition" => Ok(location.partition.clone()),
                "Region" => Ok(location.region.clone()),
                "StackName" => Ok(self.deployment.stack.clone()),
                "URLSuffix" => Ok("amazonaws.com".into()),
                _ => Err(format!("the pseudo parameter {name} is not supported")),
            };
        }
        if let Some(parameter) = self.template["Parameters"].get(name) {
            let given = self.deployment.parameters.get(name).cloned();
            return given.or_else(|| scalar(&parameter["Default"])).ok_or_else(|| format!("the parameter {name} has no value"));
        }
        let resource = self.resource(name)?;
        if let Some(name) = self.deployment.names.get(name) {
            return Ok(name.clone());
        }
        let property = NAMED_BY.iter().find(|(kind, _)| resource["Type"] == *kind).and_then(|(_, name)| resource["Properties"].get(name));
        property.map_or_else(|| Ok(format!("{}-{name}", self.deployment.stack)), |property| self.text(property))
    }

    /// A resource that the deployment has.
    fn resource(&self, id: &str) -> Result<&Value, String> {
        let resource = self.template["Resources"].get(id).ok_or_else(|| format!("there is no parameter or resource {id}"))?;
        if self.exists(resource)? { Ok(resource) } else { Err(format!("the deployment has no {id}")) }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String, String> {
        let resource = self.resource(id)?;
        let kind = resource["Type"].as_str().unwrap_or_default();
        let (name, location) = (self.reference(id)?, &self.deployment.location);
        match (kind, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => Ok(location.arn("dynamodb", &format!("table/{name}"))),
            ("AWS::DynamoDB::Table", "StreamArn") => Ok(location.arn("dynamodb", &format!("table/{name}/stream/1"))),
            ("AWS::Logs::LogGroup", "Arn") => Ok(location.arn("logs", &format!("log-group:{name}:*"))),
            ("AWS::SQS::Queue", "Arn") => Ok(location.arn("sqs", &name)),
            ("AWS::SSM::Parameter", "Value") => self.text(&resource["Properties"]["Value"]),
            ("AWS::Events::EventBus", "Arn") => Ok(location.arn("events", &format!("event-bus/{name}"))),
            _ => Err(format!("the attribute {attribute} of {id} is not supported")),
        }
    }

    /// The text with each `${…}` replaced: by a variable, a parameter, or the name or an attribute of a resource.
    fn substitute(&self, text: &str, variables: &Value) -> Result<String, String> {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or_else(|| format!("{text} has no closing bracket"))?;
            // `${!x}` is the text `${x}`.
            let value = match name.strip_prefix('!') {
                Some(literal) => format!("${{{literal}}}"),
                None => match (variables.get(name), name.split_once('.')) {
                    (Some(variable), _) => self.text(variable)?,
                    (None, Some((id, attribute))) => self.attribute(id, attribute)?,
                    (None, None) => self.reference(name)?,
                },
            };
            whole.push_str(&value);
            whole.push_str(rest);
        }
        Ok(whole)
    }

    fn text(&self, value: &Value) -> Result<String, String> {
        let resolved = self.resolve(value)?.unwrap_or_default();
        scalar(&resolved).ok_or_else(|| format!("{value} is not a text"))
    }

    fn texts(&self, list: &Value) -> Result<Vec<String>, String> {
        let resolved = self.resolve(list)?.unwrap_or_default();
        let texts = resolved.as_array().map(|items| items.iter().map(scalar).collect::<Option<Vec<_>>>());
        texts.flatten().ok_or_else(|| format!("{list} is not a list of texts"))
    }
}

fn is_function(name: &str) -> bool {
    name == "Ref" || name.starts_with("Fn::")
}

/// CloudFormation takes numbers and booleans for texts.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
