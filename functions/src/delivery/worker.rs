//! The frame of the functions that no caller waits for. Unlike an endpoint they fail when they cannot do their work: that is how
//! whoever invoked them learns to try again, and an alarm to ring.

use std::{fmt, time::Duration};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{config::ConfigError, store::StoreError};

use crate::{
    guard::{Interrupted, guarded},
    http::log,
};

/// How long an invocation may take: less than the functions' own limit, which would end it without a word in the log.
pub const DEADLINE: Duration = Duration::from_secs(100);

/// Why an invocation failed: a sentence for the log.
#[derive(Debug)]
pub struct Failed(pub String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

/// The event, as far as a function reads it.
///
/// # Errors
/// When it is not `what` it should be. The parser's own sentence would repeat words of the event, which may be addresses.
pub(crate) fn parse<'a, T: Deserialize<'a>>(event: &'a str, what: &str) -> Result<T, Failed> {
    let wrong =
        |error: serde_json::Error| format!("not {what}: {:?} error in line {}, column {}", error.classify(), error.line(), error.column());
    serde_json::from_str(event).map_err(|error| Failed(wrong(error)))
}

impl From<Failed> for Diagnostic {
    fn from(Failed(error_message): Failed) -> Self {
        Self { error_type: "Failed".to_owned(), error_message }
    }
}

impl From<Interrupted> for Failed {
    fn from(interrupted: Interrupted) -> Self {
        Self(interrupted.to_string())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Makes what a function needs, and serves invocations until the sandbox is taken down.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub async fn run<S, A: Serialize>(
    state: impl Future<Output = Result<S, ConfigError>>,
    handle: impl AsyncFn(&S, &str) -> Result<A, Failed>,
) -> Result<(), lambda_runtime::Error> {
    log::start();
    let state = state.await;
    let (state, handle) = (&state, &handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        invoke(state.as_ref(), event.payload.get(), handle).await.inspect_err(|failed| {
            tracing::error!(invocation = event.context.request_id, cause = failed.0, "failed");
        })
    }))
    .await
}

/// What a function makes of an event, whatever happens.
///
/// # Errors
/// [`Failed`], also when it panics.
pub async fn invoke<S, A>(
    state: Result<&S, &ConfigError>,
    event: &str,
    handle: &impl AsyncFn(&S, &str) -> Result<A, Failed>,
) -> Result<A, Failed> {
    guarded(DEADLINE, Box::pin(async { handle(state.map_err(|error| Failed(error.to_string()))?, event).await })).await
}
