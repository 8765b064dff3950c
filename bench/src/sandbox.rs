//! One function as Lambda runs it: a process with an environment of its own, on one core, fed one event after the other.

mod cgroup;
mod core;
mod process;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

pub use self::core::Core;
use crate::{
    Problem, problem,
    runtime_api::{Invocation, RuntimeApi},
};
use cgroup::Cgroup;

/// How long a process that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);
/// How much of what a process printed is kept, to show when it dies.
const TAIL: usize = 8 * 1024;

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What to start the command with: an instrument that counts, and its arguments. Empty for none.
    pub instrument: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// All that it finds in its environment, besides `AWS_LAMBDA_RUNTIME_API`.
    pub environment: BTreeMap<String, String>,
    /// The core that it has to itself, where there is one.
    pub core: Option<Core>,
    /// How long it may take to start, and for an event.
    pub patience: Duration,
}

/// A running function. Dropping it ends its process and removes its control group.
#[derive(Debug)]
pub struct Sandbox {
    api: RuntimeApi,
    child: Child,
    pid: Pid,
    init: Duration,
    patience: Duration,
    /// How long it may take to end: an instrument has much to write then.
    grace: Duration,
    printed: Arc<Mutex<Vec<u8>>>,
    cgroup: Option<Cgroup>,
}

impl Sandbox {
    /// Starts a process and waits until it asks for its first event.
    ///
    /// # Errors
    /// When it does not start, or does not ask in time. What it printed is part of the problem.
    pub async fn start(launch: &Launch) -> Result<Self, Problem> {
        let api = RuntimeApi::start(launch.patience).await?;
        let mut line = launch.instrument.iter().chain(&launch.command);
        let program = line.next().ok_or_else(|| problem!("there is no command to start"))?;
        let mut command = Command::new(program);
        command
            .args(line)
            .current_dir(&launch.directory)
            .env_clear()
            .envs(&launch.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let child = core::spawn_on(launch.core, &mut command).map_err(|error| problem!("{program} does not start: {error}"))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).ok_or_else(|| problem!("{program} ended at once"))?;
        let (patience, grace) = (launch.patience, if launch.instrument.is_empty() { GRACE } else { launch.patience });
        let mut sandbox = Self { api, child, pid, init: Duration::ZERO, patience, grace, printed: Arc::default(), cgroup: None };
        sandbox.drain();
        let ready = unless_it_dies(&mut sandbox.child, sandbox.api.ready(launch.patience)).await;
        let ready = ready.map_err(|problem| sandbox.with_output(problem))?;
        sandbox.init = ready - started;
        Ok(sandbox)
    }

    /// From the start of the process until it first asked for an event.
    #[must_use]
    pub fn init(&self) -> Duration {
        self.init
    }

    /// Hands over an event and waits for the answer.
    ///
    /// # Errors
    /// When there is none, or an error in its place. What the process printed is part of the problem.
    pub async fn invoke(&mut self, event: &str) -> Result<Invocation, Problem> {
        let answer = unless_it_dies(&mut self.child, self.api.invoke(event)).await;
        answer.map_err(|problem| self.with_output(problem))
    }

    /// Waits until the process asks for its next event, so that it has nothing to do.
    ///
    /// # Errors
    /// When it does not.
    pub async fn idle(&mut self) -> Result<(), Problem> {
        let ready = unless_it_dies(&mut self.child, self.api.ready(self.patience)).await;
        ready.map(drop).map_err(|problem| self.with_output(problem))
    }

    /// Processor time that all threads that still live have taken so far.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn cpu_time(&self) -> Result<Duration, Problem> {
        process::cpu_time(self.subject())
    }

    /// The most memory that the process ever held, in bytes.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn peak_memory(&self) -> Result<u64, Problem> {
        process::peak_memory(self.subject())
    }

    /// Gives the process the share of a processor that a Lambda of 128 MB has, from now on. False when this machine cannot.
    pub fn throttle(&mut self) -> bool {
        self.cgroup = Cgroup::of_128_mb(self.pid);
        self.cgroup.is_some()
    }

    /// Asks the process to end, and kills it when it does not. An instrument writes its figures before this returns.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn stop(mut self) -> Result<(), Problem> {
        // One that has ended already is what we want.
        let _ = kill_process(self.subject(), Signal::TERM);
        if timeout(self.grace, self.child.wait()).await.is_err() {
            self.child.kill().await.map_err(|error| problem!("a process does not end: {error}"))?;
        }
        Ok(())
    }

    /// The function's process: an instrument may have it as its child.
    fn subject(&self) -> Pid {
        process::child_of(self.pid).unwrap_or(self.pid)
    }

    /// Reads what the process prints, so that it never waits for a reader.
    fn drain(&mut self) {
        if let Some(stdout) = self.child.stdout.take() {
            tokio::spawn(keep_tail(stdout, Arc::clone(&self.printed)));
        }
        if let Some(stderr) = self.child.stderr.take() {
            tokio::spawn(keep_tail(stderr, Arc::clone(&self.printed)));
        }
    }

    fn with_output(&self, problem: Problem) -> Problem {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if printed.is_empty() { problem } else { problem!("{problem}; it printed:\n{}", String::from_utf8_lossy(&printed).trim_end()) }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A killed instrument would leave its child behind.
        for pid in [Some(self.pid), process::child_of(self.pid)].into_iter().flatten() {
            if self.child.id().is_some() {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // The control group can only be removed when nothing is in it.
        let patience = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The outcome of `work`, or that the process ended during it.
async fn unless_it_dies<T>(child: &mut Child, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        status = child.wait() => {
            // Let what it printed last be read.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(match status {
                Ok(status) => problem!("the process ended: {status}"),
                Err(error) => problem!("the process cannot be waited for: {error}"),
            })
        }
    }
}

async fn keep_tail(mut pipe: impl AsyncRead + Unpin, tail: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(&buffer[..length]);
        let excess = tail.len().saturating_sub(TAIL);
        tail.drain(..excess);
    }
}

#[cfg(test)]
mod tests;
