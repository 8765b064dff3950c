//! Functions that operators invoke directly. IAM decides who may invoke them.
//!
//! An event is an object. An error has the same body as in the API, and the invocation itself never fails.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::{
    config::{Config, ConfigError},
    store::Store,
};

use crate::{
    app::{connected, variable},
    guard::guarded,
    http::{error::ApiError, json::Fields, log, output},
};

/// The code of a field that cannot be parsed. Operators need no code for each field.
pub(crate) const INVALID: &str = "invalid-field";

/// The state of a function that uses only the table.
#[derive(Debug)]
pub struct Table(pub Store);

impl Table {
    /// Reads the environment.
    ///
    /// # Errors
    /// All configuration problems.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self(connected(&Config::read(&variable)?)))
    }
}

/// An event that is an object, and Lambda's id of its invocation.
pub struct Event<'a> {
    /// The fields of the request.
    pub fields: Fields,
    /// The invocation's id, for log lines.
    pub invocation: &'a str,
}

/// Serves invocations until the execution environment ends.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub async fn run<S>(
    state: Result<S, ConfigError>,
    handle: impl AsyncFn(&S, Event<'_>) -> Result<String, ApiError>,
) -> Result<(), lambda_runtime::Error> {
    log::start();
    let (state, handle) = (&state, &handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let body = respond(state.as_ref(), event.payload.get(), &event.context.request_id, handle).await;
        RawValue::from_string(body).map_err(lambda_runtime::Error::from)
    }))
    .await
}

/// Answers an event in JSON. It never fails. `invocation` is Lambda's id of the invocation.
pub async fn respond<S>(
    state: Result<&S, &ConfigError>,
    event: &str,
    invocation: &str,
    handle: &impl AsyncFn(&S, Event<'_>) -> Result<String, ApiError>,
) -> String {
    // Without a deadline: Lambda ends an invocation that takes too long, and that raises the function's alarm.
    let result = guarded(
        Duration::MAX,
        Box::pin(async {
            let state = state.map_err(|error| ApiError::Internal(error.to_string()))?;
            handle(state, Event { fields: Fields::parse(event.as_bytes())?, invocation }).await
        }),
    );
    result.await.unwrap_or_else(|error| {
        match error.cause() {
            Some(cause) => tracing::error!(invocation, code = error.code(), cause, "failed"),
            // Nobody sees the answer to an asynchronous invocation. Only the code is logged, because the event may contain an address.
            None => tracing::warn!(invocation, code = error.code(), "rejected"),
        }
        output::error(&error, invocation)
    })
}
