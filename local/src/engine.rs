//! The embedded DynamoDB engine: one HTTP endpoint on loopback for each [`Engine`].
//!
//! Each engine has a thread and a runtime of its own. So it answers whatever its caller's runtime is busy with, and a
//! process can hold as many as it likes.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dynoxide::{Database, server};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a stopping engine waits for requests that are being served.
const GRACE: Duration = Duration::from_secs(2);

/// Where an engine keeps its data.
#[derive(Debug, Clone, Copy)]
pub enum Storage<'a> {
    /// Nowhere: the data ends with the engine.
    Memory,
    /// In an SQLite file, made when it does not exist.
    File(&'a Path),
}

/// A running engine. Dropping it stops it and closes its file.
#[derive(Debug)]
pub struct Engine {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts an engine in memory, on a free port of loopback.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn in_memory() -> Result<Self, EngineError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(EngineError::Serve)?;
        Self::start(listener, Storage::Memory)
    }

    /// Starts an engine that answers on `listener`.
    ///
    /// # Errors
    /// When the file cannot be opened as a database, or the listener cannot be served.
    pub fn start(listener: TcpListener, storage: Storage<'_>) -> Result<Self, EngineError> {
        let database = open(storage)?;
        listener.set_nonblocking(true).map_err(EngineError::Serve)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(EngineError::Serve)?);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(EngineError::Serve)?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("engine".into())
            .spawn(move || runtime.block_on(serve(listener, database, stopped)))
            .map_err(EngineError::Serve)?;
        Ok(Self { endpoint, stop: Some(stop), thread: Some(thread) })
    }

    /// The URL to give to a client, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed when it happened, and a drop has nobody to tell.
            let _ = thread.join();
        }
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
async fn serve(listener: TcpListener, database: Database, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return eprintln!("The engine cannot serve its port: {error}."),
    };
    let (finish, finished) = oneshot::channel::<()>();
    let server = tokio::spawn(server::serve_with_shutdown(listener, database, async {
        let _ = finished.await;
    }));
    let _ = stopped.await;
    drop(finish);
    // A client that sent half a request would hold the server for ever. What is left ends with the runtime.
    let _ = timeout(GRACE, server).await;
}

/// Why an engine did not start.
#[derive(Debug)]
pub enum EngineError {
    /// The database did not open.
    Open {
        /// Its file, if it has one.
        path: Option<PathBuf>,
        /// What the engine says.
        reason: String,
    },
    /// The listener, the runtime or the thread failed.
    Serve(io::Error),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path: Some(path), reason } => write!(f, "the database {} does not open: {reason}", path.display()),
            Self::Open { path: None, reason } => write!(f, "the database in memory does not open: {reason}"),
            Self::Serve(error) => write!(f, "the DynamoDB engine cannot be served: {error}"),
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
