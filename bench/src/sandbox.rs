//! One function as Lambda runs it: a process with its own environment, on one core, that gets one event after the other.

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

pub use self::{core::Core, process::peak_memory};
use crate::{
    Problem, problem,
    runtime_api::{Invocation, RuntimeApi},
};
use cgroup::Cgroup;

/// The time limit for a process to end.
const GRACE: Duration = Duration::from_secs(5);
/// The bytes of output that are kept, to show when a process ends unexpectedly.
const TAIL: usize = 8 * 1024;

/// How to start a process.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// A program that counts instructions, with its arguments, to start the command with. Empty for none.
    pub instrument: Vec<String>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Its whole environment, except for `AWS_LAMBDA_RUNTIME_API`.
    pub environment: BTreeMap<String, String>,
    /// The core for this process alone, if there is one.
    pub core: Option<Core>,
    /// The time limit for its start and for an event.
    pub timeout: Duration,
}

/// A running function. Dropping it ends its process and removes its control group.
#[derive(Debug)]
pub struct Sandbox {
    api: RuntimeApi,
    child: Child,
    pid: Pid,
    init: Duration,
    time_limit: Duration,
    /// The time limit to end, longer for an instrument, which then writes its output.
    grace: Duration,
    printed: Arc<Mutex<Vec<u8>>>,
    cgroup: Option<Cgroup>,
}

impl Sandbox {
    /// Starts a process and waits until it requests its first event.
    ///
    /// # Errors
    /// When it does not start, or does not request an event in time. The error contains its output.
    pub async fn start(launch: &Launch) -> Result<Self, Problem> {
        let api = RuntimeApi::start(launch.timeout).await?;
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
        let (time_limit, grace) = (launch.timeout, if launch.instrument.is_empty() { GRACE } else { launch.timeout });
        let mut sandbox = Self { api, child, pid, init: Duration::ZERO, time_limit, grace, printed: Arc::default(), cgroup: None };
        sandbox.drain();
        let ready = unless_it_ends(&mut sandbox.child, sandbox.api.ready(launch.timeout)).await;
        let ready = ready.map_err(|problem| sandbox.with_output(problem))?;
        sandbox.init = ready - started;
        Ok(sandbox)
    }

    /// The time from its start to its first request for an event.
    #[must_use]
    pub fn init(&self) -> Duration {
        self.init
    }

    /// Delivers an event and waits for the response.
    ///
    /// # Errors
    /// When there is no response, or the function reports an error. The error contains the output of the process.
    pub async fn invoke(&mut self, event: &str) -> Result<Invocation, Problem> {
        let answer = unless_it_ends(&mut self.child, self.api.invoke(event)).await;
        answer.map_err(|problem| self.with_output(problem))
    }

    /// Waits until the process requests its next event and so is idle.
    ///
    /// # Errors
    /// When it does not.
    pub async fn idle(&mut self) -> Result<(), Problem> {
        let ready = unless_it_ends(&mut self.child, self.api.ready(self.time_limit)).await;
        ready.map(drop).map_err(|problem| self.with_output(problem))
    }

    /// The processor time of its running threads so far.
    ///
    /// # Errors
    /// When the kernel does not report it.
    pub fn cpu_time(&self) -> Result<Duration, Problem> {
        process::cpu_time(self.function_pid())
    }

    /// Its peak memory, in bytes.
    ///
    /// # Errors
    /// When the kernel does not report it.
    pub fn peak_memory(&self) -> Result<u64, Problem> {
        process::peak_memory(self.function_pid())
    }

    /// Limits the process to the processor share of a Lambda with 128 MB. False if this machine does not support it.
    pub fn throttle(&mut self) -> bool {
        self.cgroup = Cgroup::of_128_mb(self.pid);
        self.cgroup.is_some()
    }

    /// Ends the process, by force if necessary. An instrument writes its output before this returns.
    ///
    /// # Errors
    /// When waiting for it fails.
    pub async fn stop(mut self) -> Result<(), Problem> {
        // It may have ended already.
        let _ = kill_process(self.function_pid(), Signal::TERM);
        if timeout(self.grace, self.child.wait()).await.is_err() {
            self.child.kill().await.map_err(|error| problem!("a process does not end: {error}"))?;
        }
        Ok(())
    }

    /// The function's process, which may be a child of an instrument.
    fn function_pid(&self) -> Pid {
        process::child_of(self.pid).unwrap_or(self.pid)
    }

    /// Reads the output of the process, so that it never blocks on a full pipe.
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
        // The child of an instrument would outlive it.
        for pid in [Some(self.pid), process::child_of(self.pid)].into_iter().flatten() {
            if self.child.id().is_some() {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // A control group can only be removed when it is empty.
        let deadline = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The result of `work`, or an error if the process ends first.
async fn unless_it_ends<T>(child: &mut Child, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        status = child.wait() => {
            // Its last output is still being read.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(match status {
                Ok(status) => problem!("the process ended: {status}"),
                Err(error) => problem!("waiting for the process failed: {error}"),
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
