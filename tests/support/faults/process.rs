//! Processes that can be killed in the middle of a request, and the outcome of their transactions.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

tokio::task_local! {
    static PROCESS: Arc<(Notify, Mutex<Process>)>;
}

/// The outcome of a process's transactions, each attempt counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    /// Transactions that DynamoDB committed.
    pub committed: usize,
    /// Transactions whose success the process received.
    pub acknowledged: usize,
}

/// Runs `work` until it ends, or until [`Fault::Crash`](super::Fault::Crash) is injected, which drops it and returns `None`.
pub async fn killable<T>(work: impl Future<Output = T>) -> (Option<T>, Process) {
    let process = Arc::new((Notify::new(), Mutex::new(Process::default())));
    let done = tokio::select! {
        biased;
        () = process.0.notified() => None,
        done = PROCESS.scope(Arc::clone(&process), work) => Some(done),
    };
    let process = *process.1.lock().unwrap_or_else(PoisonError::into_inner);
    (done, process)
}

/// Kills the current [`killable`] work and never returns; returns at once outside of one.
pub async fn die() {
    if let Ok(process) = PROCESS.try_with(Arc::clone) {
        process.0.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Changes the counts of the current [`killable`] work.
pub(super) fn note(change: impl FnOnce(&mut Process)) {
    // Outside of killable work nothing is counted.
    let _ = PROCESS.try_with(|process| change(&mut process.1.lock().unwrap_or_else(PoisonError::into_inner)));
}
