//! The service on one machine, without AWS: an embedded DynamoDB [`engine`], the [`table`] that `template.yaml` describes,
//! and a [`client`] for either.
//!
//! `make run` (the example `run` of this package) and the tests stand on the same three.

pub mod client;
pub mod engine;
pub mod table;
