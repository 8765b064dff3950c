//! Guards every invocation: panics and timeouts become errors, so that an invocation always returns.

use std::{any::Any, fmt, panic::AssertUnwindSafe, pin::Pin, time::Duration};

use futures_util::FutureExt;

/// Why the work was interrupted.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// It panicked with this message.
    Panicked(String),
    /// It exceeded this time limit.
    TimedOut(Duration),
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(text) => write!(f, "panic: {text}"),
            Self::TimedOut(limit) => write!(f, "not finished within {limit:?}"),
        }
    }
}

/// Runs the work within the time limit. The limit is shorter than the function's timeout, which would end it without an answer.
///
/// The work is boxed, because the SDK's futures are nested too deeply for the compiler to compute their layout inside the runtime's.
pub(crate) async fn guarded<T, E: From<Interrupted>>(limit: Duration, work: Pin<Box<impl Future<Output = Result<T, E>>>>) -> Result<T, E> {
    let work = tokio::time::timeout(limit, work);
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Interrupted::TimedOut(limit).into()),
        Err(panic) => Err(Interrupted::Panicked(text_of(&*panic)).into()),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
