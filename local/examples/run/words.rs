//! What `make run` says: progress, and the one sentence of what went wrong.

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
pub(crate) use local::{Problem, problem};
pub(crate) use say;
