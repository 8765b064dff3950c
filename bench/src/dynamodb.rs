//! DynamoDB on loopback: the embedded engine behind TLS 1.3, as the functions meet it on AWS, counting what it is asked.

mod counts;
mod front;
mod tls;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use local::{
    client,
    engine::Engine,
    stream::{Mapping, Pump, Start, Stream},
    table::create_table,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use counts::{Capacity, Counts};
pub use front::Front;

use crate::{Problem, problem};

/// A running engine and its TLS front. Dropping it ends both.
#[derive(Debug)]
pub struct DynamoDb {
    engine: Engine,
    front: Front,
    identity: tls::Identity,
    ca: PathBuf,
    _directory: TempDir,
}

impl DynamoDb {
    /// Starts an engine without tables, and the front.
    ///
    /// # Errors
    /// When there is no port, thread, certificate or temporary file to be had.
    pub async fn start() -> Result<Self, Problem> {
        Self::over(Engine::in_memory().map_err(|error| problem!("{error}"))?).await
    }

    /// Starts the front of an engine that may have tables already.
    ///
    /// # Errors
    /// When there is no port, certificate or temporary file to be had.
    pub async fn over(engine: Engine) -> Result<Self, Problem> {
        let directory = TempDir::with_prefix("invitations-bench-").map_err(|error| problem!("no temporary folder: {error}"))?;
        let identity = tls::Identity::new()?;
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, &identity.ca_pem).map_err(|error| problem!("{} cannot be written: {error}", ca.display()))?;
        let front = Front::start(engine.endpoint(), Arc::clone(&identity.config)).await?;
        Ok(Self { engine, front, identity, ca, _directory: directory })
    }

    /// Makes a table as `template.yaml`, whose text is `template`, describes it.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn create_table(&self, name: &str, template: &str) -> Result<(), Problem> {
        create_table(&client::for_endpoint(self.endpoint_plain()), name, template).await.map_err(|error| problem!("{error}"))
    }

    /// The stream records of a table that `template.yaml`, whose text is `template`, passes to `function`, in order.
    ///
    /// # Errors
    /// When the template has no such mapping, or the stream cannot be read.
    pub async fn stream_records(&self, table: &str, template: &str, function: &str) -> Result<Vec<Value>, Problem> {
        let failed = |error| problem!("the stream of {table}: {error}");
        let stream = Stream::open(self.endpoint_plain(), table, Start::TrimHorizon).await.map_err(failed)?;
        let mut records = Vec::new();
        let keep = async |event: Value| {
            records.extend(event["Records"].as_array().into_iter().flatten().cloned());
            Ok(json!({ "batchItemFailures": [] }))
        };
        Pump::new(stream, Mapping::of(template, function).map_err(failed)?).drain(keep).await.map_err(failed)?;
        Ok(records)
    }

    /// The engine itself: for fixtures. What goes there is not counted.
    #[must_use]
    pub fn endpoint_plain(&self) -> &str {
        self.engine.endpoint()
    }

    /// `https://localhost:PORT`: for what is measured.
    #[must_use]
    pub fn endpoint_tls(&self) -> String {
        self.front.endpoint()
    }

    /// The TLS front of another service, with a certificate of the same authority. It counts for itself.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn front_of(&self, endpoint: &str) -> Result<Front, Problem> {
        Front::start(endpoint, Arc::clone(&self.identity.config)).await
    }

    /// The PEM file of the authority that signed the certificate of [`Self::endpoint_tls`].
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca
    }

    /// Whether to ask the engine for the capacity that each request consumes. Off at first: it makes requests and responses
    /// longer, which nothing that is timed may be.
    pub fn count_capacity(&self, on: bool) {
        self.front.count_capacity(on);
    }

    /// What has been counted since the last reset.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.front.counts()
    }

    /// Begins to count anew.
    pub fn reset_counts(&self) {
        self.front.reset_counts();
    }
}

#[cfg(test)]
mod tests;
