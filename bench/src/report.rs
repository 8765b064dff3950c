//! Reports of results.

pub mod chart;
pub mod format;
pub mod markdown;
pub mod table;
