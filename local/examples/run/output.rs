//! The output of `make run`: progress, and one sentence about an error.

/// Prints a line. Unlike `println!` it does not panic when the output is closed, as after Ctrl-C on `make run | tee log`.
macro_rules! print_line {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

/// The same for standard error.
macro_rules! print_error {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

pub(crate) use local::{Problem, problem};
pub(crate) use print_error;
pub(crate) use print_line;
