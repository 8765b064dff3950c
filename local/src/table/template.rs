//! The table as `template.yaml` describes it.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, LocalSecondaryIndex, Projection, StreamSpecification},
};
use serde::Deserialize;
use serde_yaml_ng::Value;

/// The table's resource in the template.
const RESOURCE: &str = "InvitationsTable";

/// `Properties` of the table, by CloudFormation's names, without those that a local engine ignores (backups, encryption,
/// deletion protection).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Table {
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(default)]
    local_secondary_indexes: Vec<Index>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    pub(super) billing_mode: String,
    stream_specification: Stream,
    pub(super) time_to_live_specification: TimeToLive,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
    key_schema: Vec<Key>,
    projection: Projected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Projected {
    projection_type: String,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_view_type: String,
}

/// The attribute with the time at which a row expires.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TimeToLive {
    pub(super) attribute_name: String,
    pub(super) enabled: bool,
}

/// Reads the table from the text of `template.yaml`. The error is a sentence without its full stop.
pub(super) fn read(template: &str) -> Result<Table, String> {
    let template: Value = serde_yaml_ng::from_str(template).map_err(|e| e.to_string())?;
    let properties = template
        .get("Resources")
        .and_then(|resources| resources.get(RESOURCE))
        .and_then(|resource| resource.get("Properties"))
        .ok_or_else(|| format!("it has no resource {RESOURCE} with Properties"))?;
    serde_yaml_ng::from_value(properties.clone()).map_err(|e| format!("{RESOURCE}: {e}"))
}

impl Table {
    pub(super) fn attributes(&self) -> Result<Vec<AttributeDefinition>, BuildError> {
        let attribute = |a: &Attribute| {
            let kind = a.attribute_type.as_str().into();
            AttributeDefinition::builder().attribute_name(&a.attribute_name).attribute_type(kind).build()
        };
        self.attribute_definitions.iter().map(attribute).collect()
    }

    pub(super) fn keys(&self) -> Result<Vec<KeySchemaElement>, BuildError> {
        keys(&self.key_schema)
    }

    pub(super) fn local_indexes(&self) -> Result<Vec<LocalSecondaryIndex>, BuildError> {
        let index = |i: &Index| {
            LocalSecondaryIndex::builder()
                .index_name(&i.index_name)
                .set_key_schema(Some(keys(&i.key_schema)?))
                .projection(i.projection.build())
                .build()
        };
        self.local_secondary_indexes.iter().map(index).collect()
    }

    /// Without throughput: the template's billing mode is on demand.
    pub(super) fn global_indexes(&self) -> Result<Vec<GlobalSecondaryIndex>, BuildError> {
        let index = |i: &Index| {
            GlobalSecondaryIndex::builder()
                .index_name(&i.index_name)
                .set_key_schema(Some(keys(&i.key_schema)?))
                .projection(i.projection.build())
                .build()
        };
        self.global_secondary_indexes.iter().map(index).collect()
    }

    pub(super) fn stream(&self) -> Result<StreamSpecification, BuildError> {
        let view = self.stream_specification.stream_view_type.as_str().into();
        StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build()
    }
}

impl Projected {
    fn build(&self) -> Projection {
        let names = (!self.non_key_attributes.is_empty()).then(|| self.non_key_attributes.clone());
        Projection::builder().projection_type(self.projection_type.as_str().into()).set_non_key_attributes(names).build()
    }
}

fn keys(keys: &[Key]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |k: &Key| {
        let kind = k.key_type.as_str().into();
        KeySchemaElement::builder().attribute_name(&k.attribute_name).key_type(kind).build()
    };
    keys.iter().map(key).collect()
}
