//! The API under concurrency and faults.
