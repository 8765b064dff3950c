//! What a fuzz target is.

use support::random::Random;

/// Something that takes input from outside.
pub trait Target {
    /// An input.
    fn make(&self, random: &mut Random) -> String;

    /// What becomes of an input.
    fn check(&self, input: &str) -> Verdict;
}

/// What became of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken for what it should be.
    Accepted,
    /// It was refused as it should be.
    Refused,
    /// A promise was broken.
    Broken(String),
}

/// A target, how often it is tried, and how one is made for each thread.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What it is called in the figures.
    pub name: &'static str,
    /// Executions in short.
    pub short: u64,
    /// Executions at length.
    pub long: u64,
    /// Makes one.
    pub build: fn() -> Box<dyn Target>,
}
