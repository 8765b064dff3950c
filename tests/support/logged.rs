//! Captures the log of the current thread.

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use tracing::Dispatch;
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

/// Captured log lines.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

/// A second subscriber that is always registered. If there were only one, `tracing` would ask only the current thread whether a log
/// statement is enabled when it is first reached, and a thread without a subscriber would disable the statement for all threads.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::fmt().with_max_level(LevelFilter::OFF).finish()));

impl Lines {
    /// Captures what this thread logs, as readable text, until the returned guard is dropped.
    #[must_use]
    pub fn as_text() -> (Self, impl Drop) {
        LazyLock::force(&SECOND);
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (lines, subscriber.set_default())
    }

    /// The same in the deployed format and at the deployed level.
    #[must_use]
    pub fn as_deployed() -> (Self, impl Drop) {
        LazyLock::force(&SECOND);
        let lines = Self::default();
        let writer = lines.clone();
        (lines, functions::http::log::json(LevelFilter::INFO, move || writer.clone()).set_default())
    }

    /// The lines since the last call.
    ///
    /// # Panics
    /// If they are not UTF-8.
    #[must_use]
    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).expect("lines are UTF-8")
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
