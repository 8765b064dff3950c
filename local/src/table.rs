//! Creates the service's table in a local engine from `template.yaml`, the only description of it.

mod template;

use std::{collections::BTreeSet, fmt, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata},
    types::{
        CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, Projection,
        TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use tokio::time::sleep;

use crate::client::reason;
use template::Table;

/// How often, 50 ms apart, a new table is polled. The embedded engine is ready at once; DynamoDB Local takes longer for a new
/// index.
const POLLS: u32 = 1200;

/// Creates the table `name` as the text of `template.yaml` describes it: keys, attributes, indexes, billing mode, stream and TTL.
/// An existing table is kept, and missing global indexes are added.
///
/// # Errors
/// When the template does not describe the table, a table of that name has other keys or indexes, or the engine fails.
pub async fn create_table(client: &Client, name: &str, template: &str) -> Result<(), TableError> {
    let table = template::read(template).map_err(TableError::Template)?;
    create(client, name, &table).await?;
    for index in missing(&ready(client, name).await?, name, &table)? {
        add(client, name, &table, index).await?;
        ready(client, name).await?;
    }
    enable_ttl(client, name, &table).await
}

async fn create(client: &Client, name: &str, table: &Table) -> Result<(), TableError> {
    let created = client
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(table.attributes()?))
        .set_key_schema(Some(table.keys()?))
        .set_local_secondary_indexes(some(table.local_indexes()?))
        .set_global_secondary_indexes(some(table.global_indexes()?))
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

/// DynamoDB rejects an empty list of indexes.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The table's description, once it and its indexes are ready for use.
async fn ready(client: &Client, name: &str) -> Result<TableDescription, TableError> {
    for _ in 0..POLLS {
        let described = client.describe_table().table_name(name).send().await.map_err(|e| TableError::engine(&e))?;
        match described.table {
            Some(table) if is_active(&table) => return Ok(table),
            _ => sleep(Duration::from_millis(50)).await,
        }
    }
    Err(TableError::Slow(name.to_owned()))
}

fn is_active(table: &TableDescription) -> bool {
    let indexes = table.global_secondary_indexes();
    table.table_status == Some(TableStatus::Active) && indexes.iter().all(|i| i.index_status == Some(IndexStatus::Active))
}

/// The global indexes of the template that the table lacks. Everything else must match: keys and local indexes cannot be
/// changed, and a different global index is not deleted here.
fn missing(found: &TableDescription, name: &str, table: &Table) -> Result<Vec<GlobalSecondaryIndex>, TableError> {
    let locals = table.local_indexes()?;
    let globals = table.global_indexes()?;
    let global = |i: &GlobalSecondaryIndex| shape(i.index_name(), i.key_schema(), i.projection());
    let wanted: BTreeSet<_> =
        locals.iter().map(|i| shape(i.index_name(), i.key_schema(), i.projection())).chain([shape("", &table.keys()?, None)]).collect();
    let wanted_global: BTreeSet<_> = globals.iter().map(global).collect();

    let has: BTreeSet<_> = found
        .local_secondary_indexes()
        .iter()
        .map(|i| shape(i.index_name().unwrap_or_default(), i.key_schema(), i.projection()))
        .chain([shape("", found.key_schema(), None)])
        .collect();
    let has_global: BTreeSet<_> = found
        .global_secondary_indexes()
        .iter()
        .map(|i| shape(i.index_name().unwrap_or_default(), i.key_schema(), i.projection()))
        .collect();

    if has == wanted && has_global.is_subset(&wanted_global) {
        Ok(globals.into_iter().filter(|i| !has_global.contains(&global(i))).collect())
    } else {
        Err(TableError::Differs(name.to_owned()))
    }
}

/// Adds one index: DynamoDB rejects several at once.
async fn add(client: &Client, name: &str, table: &Table, index: GlobalSecondaryIndex) -> Result<(), TableError> {
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(index.index_name)
        .set_key_schema(Some(index.key_schema))
        .set_projection(index.projection)
        .build()?;
    let update = client
        .update_table()
        .table_name(name)
        .set_attribute_definitions(Some(table.attributes()?))
        .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build());
    update.send().await.map(|_| ()).map_err(|e| TableError::engine(&e))
}

/// One index (or, without a name, the table itself) as a comparable text.
fn shape(name: &str, keys: &[KeySchemaElement], projection: Option<&Projection>) -> String {
    let keys: Vec<_> = keys.iter().map(|k| (k.key_type().as_str(), k.attribute_name())).collect();
    let kind = projection.and_then(Projection::projection_type);
    let attributes: BTreeSet<_> = projection.map(Projection::non_key_attributes).unwrap_or_default().iter().collect();
    format!("{name} {keys:?} {kind:?} {attributes:?}")
}

/// Enables TTL unless it is enabled: DynamoDB rejects a second time.
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

/// Why the table is not available.
#[derive(Debug)]
pub enum TableError {
    /// The template does not describe the table.
    Template(String),
    /// A table of this name has other keys or indexes than the template's. A missing global index is no such difference.
    Differs(String),
    /// The table of this name did not become ready.
    Slow(String),
    /// The engine failed or did not answer.
    Engine(String),
}

impl TableError {
    fn engine<E: std::error::Error + ProvideErrorMetadata>(error: &E) -> Self {
        Self::Engine(reason(error))
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
            Self::Differs(name) => write!(f, "the table {name} has other keys or indexes than template.yaml, and these cannot be changed"),
            Self::Slow(name) => write!(f, "the table {name} is not ready a minute after its creation"),
            Self::Engine(reason) => write!(f, "the DynamoDB engine did not create the table: {reason}"),
        }
    }
}

impl std::error::Error for TableError {}

#[cfg(test)]
pub(crate) mod tests;
