//! The API under concurrency and faults.

mod common;
mod races;
