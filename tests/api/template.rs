//! `template.yaml` as data, for the tests that compare it with the code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use support::root_file;

/// The whole template, as [`plain`].
pub(crate) fn template() -> Value {
    plain(&serde_yaml_ng::from_str(&root_file("template.yaml")).expect("template.yaml is YAML"))
}

/// A function of the template.
#[derive(Debug)]
pub(crate) struct Function {
    /// The name of its resource.
    pub(crate) resource: String,
    /// Method and path of its routes.
    pub(crate) routes: BTreeSet<String>,
    /// Its variables, including those of all functions.
    pub(crate) variables: BTreeMap<String, Value>,
    /// What it is allowed to do.
    pub(crate) allowed: Vec<Value>,
    /// After how many seconds Lambda ends an invocation.
    pub(crate) timeout: u64,
}

/// The functions by the binary that they are built from.
pub(crate) fn functions(template: &Value) -> BTreeMap<String, Function> {
    let resources = template["Resources"].as_object().expect("resources");
    let functions = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    functions
        .map(|(name, resource)| {
            let properties = &resource["Properties"];
            let routes = values(&properties["Events"]).filter(|event| event["Type"] == "HttpApi");
            let statements = list(&properties["Policies"]).flat_map(|policy| list(&policy["Statement"]));
            let function = Function {
                resource: name.clone(),
                routes: routes
                    .map(|event| format!("{} {}", string(&event["Properties"]["Method"]), string(&event["Properties"]["Path"])))
                    .collect(),
                variables: [&template["Globals"]["Function"], properties]
                    .iter()
                    .flat_map(|part| part["Environment"]["Variables"].as_object().cloned().unwrap_or_default())
                    .collect(),
                timeout: properties["Timeout"].as_u64().or(template["Globals"]["Function"]["Timeout"].as_u64()).expect("a timeout"),
                allowed: statements.filter(|statement| statement["Effect"] == "Allow").cloned().collect(),
            };
            (string(&resource["Metadata"]["BuildProperties"]["Binary"]), function)
        })
        .collect()
}

/// The resources of a statement: the table is `table`, its indexes are `index/{name}`.
pub(crate) fn resources(statement: &Value) -> BTreeSet<String> {
    let one = |resource: &Value| {
        if *resource == json!({ "!GetAtt": "TableArn.Value" }) {
            return "table".to_owned();
        }
        let index = resource["!Sub"].as_str().and_then(|arn| arn.strip_prefix("${TableArn.Value}/"));
        index.unwrap_or_else(|| panic!("neither the table nor an index of it: {resource}")).to_owned()
    };
    match &statement["Resource"] {
        Value::Array(all) => all.iter().map(one).collect(),
        single => [one(single)].into(),
    }
}

/// A list's elements.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn values(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(Map::values)
}

/// A text.
pub(crate) fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// YAML as JSON; `!Ref X` is `{"!Ref": "X"}`.
pub(crate) fn plain(yaml: &serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match yaml {
        Yaml::Tagged(tagged) => json!({ tagged.tag.to_string(): plain(&tagged.value) }),
        Yaml::Mapping(mapping) => mapping.iter().map(|(key, value)| (string(&plain(key)), plain(value))).collect(),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_) => serde_json::to_value(yaml).expect("a scalar"),
    }
}
