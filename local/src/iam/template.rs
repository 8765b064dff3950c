//! The policies of the functions of `template.yaml`, as a deployment resolves them.

mod intrinsics;
mod sam;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;

use super::{
    calls::{Location, Schema},
    policy::Policy,
};
use intrinsics::Resolver;

/// A template with the long form of its intrinsic functions, such as `{"Fn::Sub": …}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(pub Value);

/// What CloudFormation knows besides the template.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Where the stack is.
    pub location: Location,
    /// Its name.
    pub stack: String,
    /// Parameters. The others have the template's defaults.
    pub parameters: BTreeMap<String, String>,
    /// The names of resources by their logical IDs. The others have the template's, or made-up ones.
    pub names: BTreeMap<String, String>,
}

/// What one function may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// The logical ID of the function.
    pub function: String,
    /// Its policy documents, with those that SAM adds.
    pub documents: Vec<Value>,
    /// The same, parsed.
    pub policy: Policy,
}

impl Deployment {
    /// The stack that a function with these variables could be in: its table, its account, its sender, its bus. The console is
    /// part of it, because the local run serves it.
    #[must_use]
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let parameters = [
            ("OnlyAccount", "ONLY_ACCOUNT"),
            ("FromAddress", "FROM_ADDRESS"),
            ("ConfigurationSetName", "CONFIGURATION_SET"),
            ("EventBusName", "EVENT_BUS"),
        ];
        let given = parameters.into_iter().filter_map(|(parameter, name)| Some((parameter.to_owned(), variable(name)?)));
        Self {
            location: Location { partition: "aws".into(), region: crate::client::REGION.into(), account: "123456789012".into() },
            stack: "local".into(),
            parameters: given.chain([("Console".to_owned(), "true".to_owned())]).collect(),
            names: variable("TABLE_NAME").into_iter().map(|name| (TABLE.to_owned(), name)).collect(),
        }
    }
}

/// The logical ID of the table.
const TABLE: &str = "InvitationsTable";

impl Template {
    /// Reads the text of `template.yaml`.
    ///
    /// # Errors
    /// When it is not YAML, or has an unknown tag.
    pub fn parse(text: &str) -> Result<Self, String> {
        let yaml: Yaml = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self(long_form(&yaml)?))
    }

    /// The role of each function that the deployment has, by the name of its binary.
    ///
    /// # Errors
    /// When a policy, or an intrinsic function in it, is not supported. The error names the function.
    pub fn roles(&self, deployment: &Deployment) -> Result<BTreeMap<String, Role>, String> {
        let resolver = Resolver { template: &self.0, deployment };
        let mut roles = BTreeMap::new();
        sam::reject_connectors(&self.0)?;
        for (id, resource) in self.resources() {
            if resource["Type"] != "AWS::Serverless::Function" || !resolver.exists(resource)? {
                continue;
            }
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
            let binary = binary.ok_or_else(|| format!("{id} has no binary"))?;
            let documents =
                sam::documents(&self.0["Globals"]["Function"], resource, &resolver).map_err(|reason| format!("{id}: {reason}"))?;
            let policy = Policy::parse(&documents).map_err(|reason| format!("{id}: {reason}"))?;
            roles.insert(binary.to_owned(), Role { function: id.clone(), documents, policy });
        }
        Ok(roles)
    }

    /// The partition keys of the table.
    ///
    /// # Errors
    /// When the template has no such table.
    pub fn schema(&self) -> Result<Schema, String> {
        let table = &self.0["Resources"][TABLE]["Properties"];
        let partition = |schema: &Value| {
            let key = elements(schema).find(|key| key["KeyType"] == "HASH");
            key.and_then(|key| key["AttributeName"].as_str()).map(str::to_owned).ok_or_else(|| format!("{TABLE} has no partition key"))
        };
        let index = |index: &Value| {
            let name = index["IndexName"].as_str().ok_or_else(|| format!("{TABLE} has an index without a name"))?;
            Ok((name.to_owned(), partition(&index["KeySchema"])?))
        };
        let indexes = elements(&table["GlobalSecondaryIndexes"]).map(index).collect::<Result<_, String>>()?;
        Ok(Schema { table: partition(&table["KeySchema"])?, indexes })
    }

    fn resources(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["Resources"].as_object().into_iter().flatten()
    }
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// YAML as JSON: `!Sub x` is `{"Fn::Sub": "x"}`.
fn long_form(yaml: &Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let (tag, value) = (tagged.tag.to_string(), long_form(&tagged.value)?);
            match (tag.trim_start_matches('!'), &value) {
                (tag @ ("Ref" | "Condition"), _) => json!({ tag: value }),
                ("GetAtt", Value::String(path)) => {
                    let (id, attribute) = path.split_once('.').ok_or_else(|| format!("!GetAtt {path} has no attribute"))?;
                    json!({ "Fn::GetAtt": [id, attribute] })
                }
                (tag, _) => json!({ format!("Fn::{tag}"): value }),
            }
        }
        Yaml::Mapping(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let name = name.as_str().map(str::to_owned).ok_or_else(|| format!("{name:?} is not a name"))?;
                Ok((name, long_form(value)?))
            });
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        Yaml::Sequence(items) => Value::Array(items.iter().map(long_form).collect::<Result<_, _>>()?),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_) => serde_json::to_value(yaml).map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests;
