//! The command line.

use std::path::PathBuf;

use bench::{Problem, problem};
use lexopt::prelude::*;

const USAGE: &str = "scale [--sizes 1000,100000,1000000] [--rounds 500] [--functions DIR] [--scratch DIR] [--out DIR]";

/// The sizes, the rounds and the folders of a run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Invitations in the account, ascending.
    pub(crate) sizes: Vec<u64>,
    /// Timed repetitions of each request at each size.
    pub(crate) rounds: u64,
    /// The output of `cargo lambda build --release`.
    pub(crate) functions: PathBuf,
    /// Folder for the database files, which take 7 GB and are deleted afterwards.
    pub(crate) scratch: PathBuf,
    /// Folder for the results.
    pub(crate) out: PathBuf,
}

impl Settings {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Problem> {
        Self::read(lexopt::Parser::from_args(arguments)).map_err(|error| problem!("{error}. Usage: {USAGE}"))
    }

    fn read(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut settings = Self {
            sizes: vec![1_000, 100_000, 1_000_000],
            rounds: 500,
            functions: root.join("target/lambda"),
            scratch: root.join("target"),
            out: root.join("docs/bench"),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("sizes") => settings.sizes = arguments.value()?.parse_with(|text| text.split(',').map(str::parse).collect())?,
                Long("rounds") => settings.rounds = arguments.value()?.parse()?,
                Long("functions") => settings.functions = arguments.value()?.into(),
                Long("scratch") => settings.scratch = arguments.value()?.into(),
                Long("out") => settings.out = arguments.value()?.into(),
                _ => return Err(argument.unexpected()),
            }
        }
        if settings.sizes.is_empty() || !settings.sizes.is_sorted() || settings.sizes[0] < 1_000 {
            return Err("--sizes must be ascending, none below 1000".into());
        }
        Ok(settings)
    }
}
