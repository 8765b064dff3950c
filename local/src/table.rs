//! Makes the service's table in a local engine from `template.yaml`, so that the template stays the one description of it.

mod template;

use std::collections::BTreeSet;
use std::fmt;
use std::iter::successors;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{KeySchemaElement, Projection, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus};
use tokio::time::sleep;

use template::Table;

/// How often, 50 ms apart, to look whether a new table is ready. Local engines are at once.
const LOOKS: u32 = 200;

/// Makes the table `name` as the text of `template.yaml` describes it: keys, attributes, local indexes, billing mode,
/// stream and TTL. A table that is there already is kept.
///
/// # Errors
/// When the template does not describe such a table, when a table of that name has other keys or indexes, or when the engine
/// refuses or does not answer.
pub async fn create_table(client: &Client, name: &str, template: &str) -> Result<(), TableError> {
    let table = template::read(template).map_err(TableError::Template)?;
    create(client, name, &table).await?;
    check(&ready(client, name).await?, name, &table)?;
    enable_ttl(client, name, &table).await
}

async fn create(client: &Client, name: &str, table: &Table) -> Result<(), TableError> {
    let created = client
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(table.attributes()?))
        .set_key_schema(Some(table.keys()?))
        .set_local_secondary_indexes(Some(table.local_indexes()?))
        .billing_mode(table.billing_mode.as_str().into())
        .stream_specification(table.stream()?)
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(()),
        Err(error) => Err(TableError::engine(&error)),
    }
}

/// The table's description, once it is ready for use.
async fn ready(client: &Client, name: &str) -> Result<TableDescription, TableError> {
    for _ in 0..LOOKS {
        let described = client.describe_table().table_name(name).send().await.map_err(|e| TableError::engine(&e))?;
        match described.table {
            Some(table) if table.table_status == Some(TableStatus::Active) => return Ok(table),
            _ => sleep(Duration::from_millis(50)).await,
        }
    }
    Err(TableError::Slow(name.to_owned()))
}

/// Compares what cannot be changed later: keys and indexes.
fn check(found: &TableDescription, name: &str, table: &Table) -> Result<(), TableError> {
    let indexes = found.local_secondary_indexes().iter();
    let found: BTreeSet<_> = indexes
        .map(|i| shape(i.index_name().unwrap_or_default(), i.key_schema(), i.projection()))
        .chain([shape("", found.key_schema(), None)])
        .collect();
    let indexes = table.local_indexes()?;
    let wanted: BTreeSet<_> =
        indexes.iter().map(|i| shape(i.index_name(), i.key_schema(), i.projection())).chain([shape("", &table.keys()?, None)]).collect();
    if found == wanted { Ok(()) } else { Err(TableError::Differs(name.to_owned())) }
}

/// One index (or, without a name, the table itself) as a line that can be compared.
fn shape(name: &str, keys: &[KeySchemaElement], projection: Option<&Projection>) -> String {
    let keys: Vec<_> = keys.iter().map(|k| (k.key_type().as_str(), k.attribute_name())).collect();
    let kind = projection.and_then(Projection::projection_type);
    let attributes: BTreeSet<_> = projection.map(Projection::non_key_attributes).unwrap_or_default().iter().collect();
    format!("{name} {keys:?} {kind:?} {attributes:?}")
}

/// Switches TTL on, unless it is on: a second time is an error.
async fn enable_ttl(client: &Client, name: &str, table: &Table) -> Result<(), TableError> {
    let ttl = &table.time_to_live_specification;
    let described = client.describe_time_to_live().table_name(name).send().await.map_err(|e| TableError::engine(&e))?;
    let status = described.time_to_live_description.and_then(|d| d.time_to_live_status);
    if !ttl.enabled || matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().attribute_name(&ttl.attribute_name).enabled(true).build()?;
    let update = client.update_time_to_live().table_name(name).time_to_live_specification(specification);
    update.send().await.map(|_| ()).map_err(|e| TableError::engine(&e))
}

/// Why there is no table to work with.
#[derive(Debug)]
pub enum TableError {
    /// The template does not describe the table.
    Template(String),
    /// A table of this name has other keys or indexes than the template's.
    Differs(String),
    /// The table of this name did not become ready.
    Slow(String),
    /// The engine refused or did not answer.
    Engine(String),
}

impl TableError {
    /// What the engine says, or else the chain of causes. The SDK's own text for it fills a screen.
    fn engine<E: std::error::Error + ProvideErrorMetadata>(error: &E) -> Self {
        if let (Some(code), Some(message)) = (error.code(), error.message()) {
            return Self::Engine(format!("{code}: {message}"));
        }
        let causes = successors(Some(error as &dyn std::error::Error), |e| e.source());
        Self::Engine(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    }
}

impl From<BuildError> for TableError {
    fn from(error: BuildError) -> Self {
        Self::Template(error.to_string())
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(reason) => write!(f, "template.yaml does not describe the table: {reason}"),
            Self::Differs(name) => write!(f, "the table {name} has other keys or indexes than template.yaml, and those never change"),
            Self::Slow(name) => write!(f, "the table {name} was made, but is not ready after 10 seconds"),
            Self::Engine(reason) => write!(f, "the DynamoDB engine did not make the table: {reason}"),
        }
    }
}

impl std::error::Error for TableError {}

#[cfg(test)]
mod tests;
