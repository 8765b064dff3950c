//! The command line.

use std::{num::NonZero, path::PathBuf};

use bench::{Problem, problem};
use lexopt::prelude::*;

const USAGE: &str = "\
functions [--rounds 5] [--requests 2000]   how much to measure
          [--quick]                        only repeatable figures: no times, and no alternative but hello
          [--functions target/lambda]      this project's functions, built for release
          [--peers .local/bench/peers]     the programs to compare with
          [--without-peers]                skip programs that are not built
          [--baseline bench/baseline.json] the committed figures of earlier runs
          [--update-baseline]              rewrite the baseline
          [--only OPERATION]               only this operation and hello; `life`: only the steps of an invitation's life
          [--json FILE] [--chart FILE]     write results
          [--markdown]                     print the Markdown table
          [--from FILE]                    show the results of an earlier run instead of measuring";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) rounds: u32,
    pub(crate) requests: u32,
    pub(crate) quick: bool,
    /// One operation, measured beside the reference.
    pub(crate) only: Option<String>,
    pub(crate) functions: PathBuf,
    pub(crate) peers: PathBuf,
    pub(crate) without_peers: bool,
    pub(crate) baseline: PathBuf,
    pub(crate) update_baseline: bool,
    pub(crate) json: Option<PathBuf>,
    pub(crate) chart: Option<PathBuf>,
    pub(crate) markdown: bool,
    pub(crate) from: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Problem> {
        Self::read(lexopt::Parser::from_args(arguments)).map_err(|error| problem!("{error}. Usage:\n{USAGE}"))
    }

    fn read(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut settings = Self {
            rounds: 5,
            requests: 2000,
            quick: false,
            only: None,
            functions: "target/lambda".into(),
            peers: ".local/bench/peers".into(),
            without_peers: false,
            baseline: "bench/baseline.json".into(),
            update_baseline: false,
            json: None,
            chart: None,
            markdown: false,
            from: None,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("rounds") => settings.rounds = arguments.value()?.parse::<NonZero<u32>>()?.get(),
                Long("requests") => settings.requests = arguments.value()?.parse::<NonZero<u32>>()?.get(),
                Long("quick") => settings.quick = true,
                Long("only") => settings.only = Some(arguments.value()?.string()?),
                Long("functions") => settings.functions = arguments.value()?.into(),
                Long("peers") => settings.peers = arguments.value()?.into(),
                Long("without-peers") => settings.without_peers = true,
                Long("baseline") => settings.baseline = arguments.value()?.into(),
                Long("update-baseline") => settings.update_baseline = true,
                Long("markdown") => settings.markdown = true,
                Long("json") => settings.json = Some(arguments.value()?.into()),
                Long("chart") => settings.chart = Some(arguments.value()?.into()),
                Long("from") => settings.from = Some(arguments.value()?.into()),
                _ => return Err(argument.unexpected()),
            }
        }
        if settings.only.is_some() && settings.update_baseline {
            return Err("--update-baseline needs all operations, but --only selects one".into());
        }
        if settings.quick {
            // Enough to find the peak memory, the only figure that needs them.
            (settings.rounds, settings.requests) = (settings.rounds.min(2), settings.requests.min(100));
        }
        Ok(settings)
    }
}
