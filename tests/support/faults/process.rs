//! Processes that may die in the middle of a request, and what their transactions came to.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

tokio::task_local! {
    static PROCESS: Arc<(Notify, Mutex<Process>)>;
}

/// What became of a piece of work's transactions, each try counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    /// DynamoDB carried it out.
    pub carried_out: usize,
    /// Its success was heard.
    pub heard: usize,
}

/// What `work` comes to; `None` if it met [`Fault::Crash`](super::Fault::Crash) on the way: then nothing more of it happens.
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

/// Ends the [`killable`] work that this is called in, and never comes back; at once when there is none.
pub(super) async fn die() {
    if let Ok(process) = PROCESS.try_with(Arc::clone) {
        process.0.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Notes something of the [`killable`] work that this is called in.
pub(super) fn note(change: impl FnOnce(&mut Process)) {
    // Work that may not die is not asked about its transactions.
    let _ = PROCESS.try_with(|process| change(&mut process.1.lock().unwrap_or_else(PoisonError::into_inner)));
}
