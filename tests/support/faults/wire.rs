//! Changes requests and replies on their way, to seed defects.

use std::fmt::Debug;

use serde_json::Value;

/// Changes requests and replies.
pub trait Wire: Debug + Send + Sync {
    /// Changes a request of an operation. The request it returns is sent too, after the first has succeeded.
    fn request(&self, _operation: &str, _input: &mut Value) -> Option<(&'static str, Value)> {
        None
    }

    /// Changes the reply to an operation.
    fn reply(&self, _operation: &str, _output: &mut Value) {}
}
