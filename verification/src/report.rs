//! The results of a part of the verification: counted figures, bounds and violations.

use serde::{Deserialize, Serialize};

/// The size of a run, and its seed.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Determines every choice except how threads interleave.
    pub seed: u64,
    /// Whether the run is long.
    pub long: bool,
}

impl Scale {
    /// The short run, which the tests use.
    #[must_use]
    pub fn short() -> Self {
        Self { seed: 1, long: false }
    }

    /// A number that depends on the size of the run.
    #[must_use]
    pub fn of(&self, short: u64, long: u64) -> u64 {
        if self.long { long } else { short }
    }
}

/// The bound of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// No bound.
    Any,
    /// This value or more.
    AtLeast(u64),
    /// This value or less.
    AtMost(u64),
    /// Exactly this value.
    Exactly(u64),
}

impl Bound {
    fn holds(self, value: u64) -> bool {
        match self {
            Self::Any => true,
            Self::AtLeast(min) => value >= min,
            Self::AtMost(max) => value <= max,
            Self::Exactly(expected) => value == expected,
        }
    }
}

/// A count, or a measurement in the unit that its name includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name.
    pub what: String,
    /// The value.
    pub value: u64,
    /// The bound.
    pub bound: Bound,
}

/// The results of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// The method, in Markdown.
    pub how: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The violations, each with what is needed to reproduce it.
    pub violations: Vec<String>,
}

impl Section {
    /// A section without figures.
    #[must_use]
    pub fn new(title: &str, how: &str) -> Self {
        Self { title: title.to_owned(), how: how.to_owned(), figures: Vec::new(), violations: Vec::new() }
    }

    /// Adds a figure.
    pub fn figure(&mut self, what: &str, value: u64, bound: Bound) {
        self.figures.push(Figure { what: what.to_owned(), value, bound });
    }

    /// The value of a figure.
    ///
    /// # Panics
    /// If no figure has this name.
    #[must_use]
    pub fn value(&self, what: &str) -> u64 {
        let figure = self.figures.iter().find(|figure| figure.what == what);
        figure.unwrap_or_else(|| panic!("{} has no figure '{what}'", self.title)).value
    }

    /// The figures out of bounds, and the violations.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let outside = self.figures.iter().filter(|figure| !figure.bound.holds(figure.value));
        let outside = outside.map(|figure| format!("{}: {} is {}, not {:?}", self.title, figure.what, figure.value, figure.bound));
        outside.chain(self.violations.iter().map(|violation| format!("{}: {violation}", self.title))).collect()
    }
}
