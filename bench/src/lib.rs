//! What `make bench` and `make bench-scale` stand on.
//!
//! A [`sandbox`] runs one function as Lambda would: one process, its environment, one event after the other from a
//! [`runtime_api`]. The function's table is a [`world`] in a [`dynamodb`] that counts what it is asked.

pub mod dynamodb;
pub mod problem;
pub mod runtime_api;
pub mod sandbox;
mod server;
pub mod world;

pub use problem::Problem;
