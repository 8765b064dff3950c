//! The machine on which the figures were measured.

use local::recording::Environment;
use serde::{Deserialize, Serialize};

use crate::counter::Counter;

/// Facts without which no measured figure means anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its hardware and software.
    #[serde(flatten)]
    pub environment: Environment,
    /// The counter of the instructions.
    pub counter: Counter,
}
