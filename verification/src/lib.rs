//! Verifies what the service promises under concurrency, faults and hostile input.
//!
//! Each part runs the real handlers through the real SDK against a real engine, and returns a [`Section`](report::Section) of the
//! [`report`]: its method, the figures that it counted, and the violations that it found. The tests of this crate run every part
//! in a short form; `make verify` runs them at length and writes `docs/verification.md`.

pub mod canary;
pub mod checker;
pub mod delivery;
pub mod fuzz;
pub mod histories;
pub mod model;
pub mod model_check;
pub mod parts;
pub mod recorded_run;
pub mod report;
pub mod seeded_defects;
pub mod soak;
pub mod tampering;
pub mod timing;
