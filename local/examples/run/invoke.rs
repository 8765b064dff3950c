//! Invocation of functions that have no route.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::http::call;

/// Invokes `function` at the service `url` with `event`. Returns its response, or a sentence about the failure.
pub(crate) async fn invoke(url: &str, function: &str, event: &Value) -> Result<Value, String> {
    let invocations = format!("{url}/2015-03-31/functions/{function}/invocations");
    let answer = call(Method::POST, &invocations, None, event.to_string()).await.map_err(|e| e.to_string())?;
    let failed = || format!("{function} failed: {} {}", answer.status(), answer.body());
    if answer.status() != StatusCode::OK {
        return Err(failed());
    }
    match serde_json::from_str::<Value>(answer.body()) {
        // On AWS a failed invocation is a 200 with an error in its body.
        Ok(body) if body.get("errorType").is_some() => Err(failed()),
        Ok(body) => Ok(body),
        Err(_) => Err(failed()),
    }
}
