//! Fuzz targets.

use support::random::Random;

/// Code that takes input from outside.
pub trait Target {
    /// Generates an input.
    fn make(&self, random: &mut Random) -> String;

    /// Processes an input.
    fn check(&self, input: &str) -> Verdict;
}

/// The result of processing an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is valid, and was accepted.
    Accepted,
    /// It was rejected with an error.
    Rejected,
    /// A property does not hold.
    Violation(String),
}

/// A target with its number of executions. Each thread builds its own.
#[derive(Debug, Clone, Copy)]
pub struct TargetSpec {
    /// Its name in the figures.
    pub name: &'static str,
    /// Executions in a short run.
    pub short: u64,
    /// Executions in a long run.
    pub long: u64,
    /// Builds it.
    pub build: fn() -> Box<dyn Target>,
}
