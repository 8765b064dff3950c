//! Processes that may die in the middle of a request.

use std::{future::Future, sync::Arc};

use tokio::sync::Notify;

tokio::task_local! {
    static LIFE: Arc<Notify>;
}

/// What `work` comes to; `None` if it met [`Fault::Death`](super::Fault::Death) on the way: then nothing more of it happens.
pub async fn mortal<T>(work: impl Future<Output = T>) -> Option<T> {
    let life = Arc::new(Notify::new());
    tokio::select! {
        biased;
        () = life.notified() => None,
        done = LIFE.scope(Arc::clone(&life), work) => Some(done),
    }
}

/// Ends the [`mortal`] work that this is called in, and never comes back; `false` at once when there is none.
pub(super) async fn die() -> bool {
    let Ok(life) = LIFE.try_with(Arc::clone) else { return false };
    life.notify_one();
    std::future::pending().await
}
