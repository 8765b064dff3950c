//! Reports of results.

pub mod chart;
mod format;
pub mod markdown;
pub mod table;
