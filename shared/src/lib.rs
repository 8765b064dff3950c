//! The invitation model and its DynamoDB table.
//!
//! Nothing in here knows HTTP: no request, no status code, no header. The three parts depend on each other in one
//! direction only: [`store`] uses [`domain`], [`config`] builds both, and [`domain`] uses nothing but values.

pub mod config;
pub mod domain;
pub mod store;
