//! What `make bench` and `make bench-scale` stand on.
//!
//! A [`sandbox`] runs one function as Lambda would: one process, its environment, one event after the other from a
//! [`runtime_api`], those of HTTP as [`gateway`] makes them. The function's table is a [`world`] in a [`dynamodb`] that counts
//! what it is asked. A [`counter`] tells its instructions. What was measured becomes [`results`], which [`gates`] classify and a
//! [`report`] shows.

pub mod baseline;
pub mod counter;
pub mod dynamodb;
pub mod fixture;
pub mod gates;
pub mod gateway;
pub mod machine;
pub mod package;
pub mod report;
pub mod results;
pub mod runtime_api;
pub mod sandbox;
pub mod statistics;

pub use local::{Problem, problem};
