//! The library of `make bench` and `make bench-scale`.
//!
//! A [`sandbox`] runs one function as Lambda would: a process that gets one event after the other from a [`runtime_api`], HTTP
//! events from [`gateway`]. The function uses a [`dynamodb`] that counts requests, filled by a [`fixture`]. A [`counter`] counts
//! its instructions. The figures become [`results`], which [`budgets`] evaluate and a [`report`] shows.

pub mod baseline;
pub mod budgets;
pub mod counter;
pub mod dynamodb;
pub mod fixture;
pub mod gateway;
pub mod machine;
pub mod package;
pub mod report;
pub mod results;
pub mod runtime_api;
pub mod sandbox;
pub mod statistics;

pub use local::{Problem, problem};
