//! The API under concurrency and faults.

mod common;
mod idempotency;
mod idempotent_modify;
mod races;
