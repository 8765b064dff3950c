//! Where and of what the figures were taken.

use local::recording::Environment;
use serde::{Deserialize, Serialize};

use crate::counter::Counter;

/// Facts without which no measured figure means anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Where it was measured.
    #[serde(flatten)]
    pub environment: Environment,
    /// What counted the instructions.
    pub counter: Counter,
}
