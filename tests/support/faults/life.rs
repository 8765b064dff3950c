//! Processes that may die in the middle of a request, and what their transactions came to.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

tokio::task_local! {
    static LIFE: Arc<(Notify, Mutex<Life>)>;
}

/// What became of a piece of work's transactions, each try counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Life {
    /// DynamoDB carried it out.
    pub carried_out: usize,
    /// Its success was heard.
    pub heard: usize,
}

/// What `work` comes to; `None` if it met [`Fault::Death`](super::Fault::Death) on the way: then nothing more of it happens.
pub async fn mortal<T>(work: impl Future<Output = T>) -> (Option<T>, Life) {
    let life = Arc::new((Notify::new(), Mutex::new(Life::default())));
    let done = tokio::select! {
        biased;
        () = life.0.notified() => None,
        done = LIFE.scope(Arc::clone(&life), work) => Some(done),
    };
    let life = *life.1.lock().unwrap_or_else(PoisonError::into_inner);
    (done, life)
}

/// Ends the [`mortal`] work that this is called in, and never comes back; at once when there is none.
pub(super) async fn die() {
    if let Ok(life) = LIFE.try_with(Arc::clone) {
        life.0.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Notes something of the [`mortal`] work that this is called in.
pub(super) fn note(change: impl FnOnce(&mut Life)) {
    // Work that may not die is not asked about its transactions.
    let _ = LIFE.try_with(|life| change(&mut life.1.lock().unwrap_or_else(PoisonError::into_inner)));
}
