//! Shows what was measured.

pub mod chart;
pub mod json;
pub mod table;
