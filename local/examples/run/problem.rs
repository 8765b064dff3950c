//! What went wrong, as the one sentence that is printed.

use std::fmt;

/// A sentence without its full stop.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `problem!("…")` formats a [`Problem`].
macro_rules! problem {
    ($($sentence:tt)*) => { $crate::problem::Problem(format!($($sentence)*)) };
}
pub(crate) use problem;
