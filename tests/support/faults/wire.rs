//! What becomes of requests and replies on their way: for a service that is broken on purpose.

use std::fmt::Debug;

use serde_json::Value;

/// Something on the wire that changes what passes.
pub trait Wire: Debug + Send + Sync {
    /// Changes a request of an operation. What it gives back is sent as another operation, after the first has succeeded.
    fn request(&self, _operation: &str, _input: &mut Value) -> Option<(&'static str, Value)> {
        None
    }

    /// Changes the reply to an operation.
    fn reply(&self, _operation: &str, _output: &mut Value) {}
}
