//! DynamoDB on loopback: the embedded engine behind TLS 1.3, as on AWS, with counters for requests and capacity.

mod counts;
mod proxy;
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
pub use proxy::TlsProxy;

use crate::{Problem, problem};

/// A running engine and its TLS proxy. Dropping it ends both.
#[derive(Debug)]
pub struct DynamoDb {
    engine: Engine,
    proxy: TlsProxy,
    identity: tls::Identity,
    ca: PathBuf,
    _directory: TempDir,
}

impl DynamoDb {
    /// Starts an engine without tables, and its proxy.
    ///
    /// # Errors
    /// When no port, thread, certificate or temporary file is available.
    pub async fn start() -> Result<Self, Problem> {
        Self::with_engine(Engine::in_memory().map_err(|error| problem!("{error}"))?).await
    }

    /// Starts the proxy of an engine.
    ///
    /// # Errors
    /// When no port, certificate or temporary file is available.
    pub async fn with_engine(engine: Engine) -> Result<Self, Problem> {
        let directory = TempDir::with_prefix("invitations-bench-").map_err(|error| problem!("no temporary folder: {error}"))?;
        let identity = tls::Identity::new()?;
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, &identity.ca_pem).map_err(|error| problem!("{} cannot be written: {error}", ca.display()))?;
        let proxy = TlsProxy::start(engine.endpoint(), Arc::clone(&identity.config)).await?;
        Ok(Self { engine, proxy, identity, ca, _directory: directory })
    }

    /// Creates a table as `template.yaml`, whose text is `template`, describes it.
    ///
    /// # Errors
    /// When the engine fails.
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

    /// The engine itself, for fixtures. Its requests are not counted.
    #[must_use]
    pub fn endpoint_plain(&self) -> &str {
        self.engine.endpoint()
    }

    /// `https://localhost:PORT`, for measured programs.
    #[must_use]
    pub fn endpoint_tls(&self) -> String {
        self.proxy.endpoint()
    }

    /// A TLS proxy for another service, with a certificate of the same authority and its own counters.
    ///
    /// # Errors
    /// When no port is available.
    pub async fn proxy_for(&self, endpoint: &str) -> Result<TlsProxy, Problem> {
        TlsProxy::start(endpoint, Arc::clone(&self.identity.config)).await
    }

    /// The PEM file of the authority that signed the certificate of [`Self::endpoint_tls`].
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca
    }

    /// Whether to request the consumed capacity from the engine. Off by default, because it makes requests and responses longer,
    /// which would change times.
    pub fn count_capacity(&self, on: bool) {
        self.proxy.count_capacity(on);
    }

    /// The counters since the last reset.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.proxy.counts()
    }

    /// Resets the counters.
    pub fn reset_counts(&self) {
        self.proxy.reset_counts();
    }
}

#[cfg(test)]
mod tests;
