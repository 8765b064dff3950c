//! What the command line says.

use std::path::PathBuf;

use bench::{Problem, problem};

/// How large, how often, from where, to where.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Invitations in the account, ascending.
    pub(crate) sizes: Vec<u64>,
    /// How often each request is timed at each size.
    pub(crate) rounds: u64,
    /// Where `cargo lambda build --release` has put the functions.
    pub(crate) functions: PathBuf,
    /// Where the database files are made. They take 7 GB and are removed.
    pub(crate) scratch: PathBuf,
    /// Where the results go.
    pub(crate) out: PathBuf,
}

impl Settings {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Problem> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut settings = Self {
            sizes: vec![1_000, 100_000, 1_000_000],
            rounds: 500,
            functions: root.join("target/lambda"),
            scratch: root.join("target"),
            out: root.join("docs/bench"),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| problem!("{name} needs a value"))?;
            let number = |text: &str| text.parse::<u64>().map_err(|_| problem!("{name} {text}: not a number"));
            match name.as_str() {
                "--sizes" => settings.sizes = value.split(',').map(number).collect::<Result<_, _>>()?,
                "--rounds" => settings.rounds = number(&value)?,
                "--functions" => settings.functions = value.into(),
                "--scratch" => settings.scratch = value.into(),
                "--out" => settings.out = value.into(),
                _ => return Err(problem!("{name}: known are --sizes, --rounds, --functions, --scratch and --out")),
            }
        }
        if settings.sizes.is_empty() || !settings.sizes.is_sorted() || settings.sizes[0] < 1_000 {
            return Err(problem!("--sizes: ascending, none below 1000"));
        }
        Ok(settings)
    }
}
