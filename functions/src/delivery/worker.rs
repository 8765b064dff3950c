//! The frame of the functions that run in the background. Unlike an endpoint, they fail if they cannot do their work, so that the invoker
//! retries and alarms trigger.

use std::{fmt, time::Duration};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{config::ConfigError, store::StoreError};

use crate::{
    guard::{Interrupted, guarded},
    http::log,
};

/// The time limit of an invocation. It is shorter than the functions' timeout, which would end them without a log line.
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

/// Parses the relevant part of an event.
///
/// # Errors
/// If it is not `what`. The error does not contain the parser's message, which would repeat parts of the event and thus possibly
/// addresses.
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

/// Creates the state and serves invocations until the execution environment ends.
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

/// Processes an event.
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
