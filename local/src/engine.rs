//! The embedded DynamoDB engine. Each [`Engine`] is an HTTP endpoint on loopback.

use std::{
    collections::HashMap,
    fmt, io,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::{Database, ImportOptions, Item, server};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    Problem, problem,
    server::{Server, free_port},
};

/// How long a stopping engine waits for requests in progress.
const GRACE: Duration = Duration::from_secs(2);

/// Where an engine keeps its data.
#[derive(Debug, Clone, Copy)]
pub enum Storage<'a> {
    /// In memory: the data is lost with the engine.
    Memory,
    /// In an SQLite file, which is created if missing.
    File(&'a Path),
}

/// A running engine. Dropping it stops it and closes its file.
pub struct Engine {
    server: Server,
    database: Database,
}

impl Engine {
    /// Starts an engine in memory, on a free port of loopback.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn in_memory() -> Result<Self, EngineError> {
        Self::start(free_port().map_err(EngineError::Serve)?, Storage::Memory)
    }

    /// Starts an engine that answers on `listener`.
    ///
    /// # Errors
    /// When the file cannot be opened as a database, or the listener cannot be served.
    pub fn start(listener: TcpListener, storage: Storage<'_>) -> Result<Self, EngineError> {
        let database = open(storage)?;
        let served = database.clone();
        let server = Server::on_thread("engine", listener, move |listener, stopped| serve(listener, served, stopped));
        Ok(Self { server: server.map_err(EngineError::Serve)?, database })
    }

    /// The URL for clients, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Adds rows to a table, without requests and without records in its stream.
    ///
    /// # Errors
    /// When the table does not exist, or a row is not one that the service writes.
    pub fn import(&self, table: &str, rows: impl IntoIterator<Item = HashMap<String, AttributeValue>>) -> Result<(), Problem> {
        let items = rows.into_iter().map(item).collect::<Result<_, _>>()?;
        self.database.import_items(table, items, ImportOptions::default()).map_err(|error| problem!("{table}: {error}"))?;
        Ok(())
    }
}

/// A row of the service as the engine's type.
///
/// # Errors
/// When the row has an attribute of a type that the service does not use.
pub fn item(row: HashMap<String, AttributeValue>) -> Result<Item, Problem> {
    row.into_iter()
        .map(|(name, value)| match value {
            AttributeValue::S(text) => Ok((name, dynoxide::AttributeValue::S(text))),
            AttributeValue::N(number) => Ok((name, dynoxide::AttributeValue::N(number))),
            AttributeValue::Ss(texts) => Ok((name, dynoxide::AttributeValue::SS(texts))),
            AttributeValue::Bool(flag) => Ok((name, dynoxide::AttributeValue::BOOL(flag))),
            other => Err(problem!("the service writes no {other:?}")),
        })
        .collect()
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("server", &self.server).finish_non_exhaustive()
    }
}

fn open(storage: Storage<'_>) -> Result<Database, EngineError> {
    match storage {
        Storage::Memory => Database::memory().map_err(|e| EngineError::Open { path: None, reason: e.to_string() }),
        Storage::File(path) => {
            let error = |reason: String| EngineError::Open { path: Some(path.to_owned()), reason };
            let name = path.to_str().ok_or_else(|| error("its path is not UTF-8".into()))?;
            Database::new(name).map_err(|e| error(e.to_string()))
        }
    }
}

/// Serves until `stopped` resolves, which it also does when its sender is dropped.
async fn serve(listener: tokio::net::TcpListener, database: Database, stopped: oneshot::Receiver<()>) {
    let (finish, finished) = oneshot::channel::<()>();
    let server = tokio::spawn(server::serve_with_shutdown(listener, database, async {
        let _ = finished.await;
    }));
    let _ = stopped.await;
    drop(finish);
    // A client that sent half a request would block the server forever. The runtime closes what remains.
    let _ = timeout(GRACE, server).await;
}

/// Why an engine did not start.
#[derive(Debug)]
pub enum EngineError {
    /// The database did not open.
    Open {
        /// Its file, if it has one.
        path: Option<PathBuf>,
        /// The engine's message.
        reason: String,
    },
    /// The listener, the runtime or the thread failed.
    Serve(io::Error),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path: Some(path), reason } => write!(f, "cannot open the database {}: {reason}", path.display()),
            Self::Open { path: None, reason } => write!(f, "cannot open a database in memory: {reason}"),
            Self::Serve(error) => write!(f, "cannot start the DynamoDB engine: {error}"),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { .. } => None,
            Self::Serve(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests;
