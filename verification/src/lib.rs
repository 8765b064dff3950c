//! What the service promises under concurrency, faults and hostile input, tried at length and counted.
//!
//! Each part runs the real handlers through the real SDK over a real engine, and gives a [`Section`](report::Section) of
//! [`report`]: what it did and what it found, in figures that it has counted itself. The tests of this crate run every part in
//! short; `make verify` runs them at length and writes `docs/verification.md`.

pub mod canary;
pub mod checker;
pub mod delivery;
pub mod fuzz;
pub mod histories;
pub mod model;
pub mod model_check;
pub mod mutants;
pub mod parts;
pub mod recorded_run;
pub mod report;
pub mod tampering;
pub mod timing;
