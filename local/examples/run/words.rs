//! What `make run` says: progress, and the one sentence of what went wrong.

use std::fmt;

/// What went wrong: a sentence without its full stop.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `problem!("…")` formats a [`Problem`].
macro_rules! problem {
    ($($sentence:tt)*) => { $crate::words::Problem(format!($($sentence)*)) };
}

/// Prints a line. Unlike `println!` it does not panic when nobody reads any more, as after Ctrl-C on `make run | tee log`.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

/// Prints a line to standard error, likewise.
macro_rules! complain {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

pub(crate) use complain;
pub(crate) use problem;
pub(crate) use say;
