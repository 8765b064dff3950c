//! Shows what was measured.

pub mod chart;
mod format;
pub mod markdown;
pub mod table;
