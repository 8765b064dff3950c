//! What a part of the verification found, and the report of all of them.

use serde::{Deserialize, Serialize};

/// How much is tried, and from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Decides every choice but how the threads take turns.
    pub seed: u64,
    /// Whether there is time.
    pub long: bool,
}

impl Scale {
    /// What every test run tries.
    #[must_use]
    pub fn short() -> Self {
        Self { seed: 1, long: false }
    }

    /// How many of something: so many in short, so many at length.
    #[must_use]
    pub fn of(&self, short: u64, long: u64) -> u64 {
        if self.long { long } else { short }
    }
}

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Nothing is asked of it.
    Any,
    /// So much or more.
    AtLeast(u64),
    /// So much or less.
    AtMost(u64),
    /// Just so much.
    Exactly(u64),
}

impl Bound {
    fn holds(self, value: u64) -> bool {
        match self {
            Self::Any => true,
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Exactly(just) => value == just,
        }
    }
}

/// Something that was counted, or measured in the unit that its name tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What, in a few words.
    pub what: String,
    /// How much.
    pub value: u64,
    /// How much it must be.
    pub bound: Bound,
}

/// What one part found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What was done, in Markdown.
    pub how: String,
    /// What was counted.
    pub figures: Vec<Figure>,
    /// What was found that should not be, each with what it takes to find it again.
    pub violations: Vec<String>,
}

impl Section {
    /// One without figures.
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
    /// When there is none of this name.
    #[must_use]
    pub fn value(&self, what: &str) -> u64 {
        let figure = self.figures.iter().find(|figure| figure.what == what);
        figure.unwrap_or_else(|| panic!("{} has no figure '{what}'", self.title)).value
    }

    /// What is not as it must be: the figures out of bounds, and the violations.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let out = self.figures.iter().filter(|figure| !figure.bound.holds(figure.value));
        let out = out.map(|figure| format!("{}: {} is {}, not {:?}", self.title, figure.what, figure.value, figure.bound));
        out.chain(self.violations.iter().map(|violation| format!("{}: {violation}", self.title))).collect()
    }
}
