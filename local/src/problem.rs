//! The error of the programs that people start: `make run`, the benchmarks, the verification.

use std::fmt;

/// An error: a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// `problem!("…")` formats a [`Problem`].
#[macro_export]
macro_rules! problem {
    ($($sentence:tt)*) => { $crate::Problem(format!($($sentence)*)) };
}
