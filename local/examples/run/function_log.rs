//! The output of `cargo lambda watch` and the functions. The requests of the start itself are noise, so it is held until the service is
//! ready, and only shown if the start fails.

use std::{
    io::Write,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Child,
    task::JoinSet,
    time::timeout,
};

/// How long the last lines may take after all processes have ended.
const LAST_LINES: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum Stream {
    Output,
    Error,
}

impl Stream {
    fn write(self, line: &[u8]) {
        // The output may be closed, as after Ctrl-C on `make run | tee log`.
        let _ = match self {
            Self::Output => std::io::stdout().write_all(line),
            Self::Error => std::io::stderr().write_all(line),
        };
    }
}

enum Mode {
    Held(Vec<(Stream, Vec<u8>)>),
    Shown,
}

/// The lines of both streams.
pub(crate) struct FunctionLog {
    mode: Arc<Mutex<Mode>>,
    readers: Mutex<JoinSet<()>>,
}

impl FunctionLog {
    pub(crate) fn new() -> Self {
        Self { mode: Arc::new(Mutex::new(Mode::Held(Vec::new()))), readers: Mutex::default() }
    }

    /// Reads the piped streams of a process until it and its children have ended.
    pub(crate) fn read(&self, child: &mut Child) {
        let mut readers = lock(&self.readers);
        if let Some(output) = child.stdout.take() {
            readers.spawn(pass_on(output, Stream::Output, self.mode.clone()));
        }
        if let Some(error) = child.stderr.take() {
            readers.spawn(pass_on(error, Stream::Error, self.mode.clone()));
        }
    }

    /// Forgets the held lines, and shows later ones.
    pub(crate) fn show_from_now_on(&self) {
        *lock(&self.mode) = Mode::Shown;
    }

    /// Shows the held lines and later ones.
    pub(crate) fn show(&self) {
        let mut mode = lock(&self.mode);
        if let Mode::Held(lines) = mem::replace(&mut *mode, Mode::Shown) {
            lines.iter().for_each(|(stream, line)| stream.write(line));
        }
    }

    /// Waits for the last lines of ended processes.
    pub(crate) async fn end(&self) {
        let mut readers = mem::take(&mut *lock(&self.readers));
        let _ = timeout(LAST_LINES, async { while readers.join_next().await.is_some() {} }).await;
    }
}

/// Whole lines, so that those of several functions do not mix.
async fn pass_on(source: impl AsyncRead + Unpin, stream: Stream, mode: Arc<Mutex<Mode>>) {
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    while source.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        match &mut *lock(&mode) {
            Mode::Held(lines) => lines.push((stream, mem::take(&mut line))),
            Mode::Shown => stream.write(&line),
        }
        line.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
