//! The command line.

use std::path::PathBuf;

use bench::{Problem, problem};

pub(crate) const USAGE: &str = "\
functions [--rounds 5] [--requests 2000]   how much to measure
          [--quick]                        only what is repeatable: no times, and of the peers only hello
          [--functions target/lambda]      this project's functions, built for release
          [--peers .local/bench/peers]     what they are compared with
          [--without-peers]                those that are not there are left out
          [--baseline bench/baseline.json] what earlier runs measured
          [--update-baseline]              write it anew
          [--only OPERATION]               this one and the floor; proves nothing about the others
          [--json FILE] [--chart FILE]     write results
          [--markdown]                     show the table of the README
          [--from FILE]                    measure nothing: show the results of an earlier run";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) rounds: u32,
    pub(crate) requests: u32,
    pub(crate) quick: bool,
    /// One operation beside the floor, for whoever works on it.
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
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Problem> {
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
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| problem!("{name} needs a value"));
            match name.as_str() {
                "--rounds" => settings.rounds = number(&name, &value()?)?,
                "--requests" => settings.requests = number(&name, &value()?)?,
                "--quick" => settings.quick = true,
                "--only" => settings.only = Some(value()?),
                "--functions" => settings.functions = value()?.into(),
                "--peers" => settings.peers = value()?.into(),
                "--without-peers" => settings.without_peers = true,
                "--baseline" => settings.baseline = value()?.into(),
                "--update-baseline" => settings.update_baseline = true,
                "--markdown" => settings.markdown = true,
                "--json" => settings.json = Some(value()?.into()),
                "--chart" => settings.chart = Some(value()?.into()),
                "--from" => settings.from = Some(value()?.into()),
                _ => return Err(problem!("'{name}' is unknown. Known are:\n{USAGE}")),
            }
        }
        if settings.only.is_some() && settings.update_baseline {
            return Err(problem!("a baseline is of all operations, and --only is one"));
        }
        if settings.quick {
            // Enough for the peak of memory, which is all that these are needed for.
            (settings.rounds, settings.requests) = (settings.rounds.min(3), settings.requests.min(500));
        }
        Ok(settings)
    }
}

fn number(name: &str, text: &str) -> Result<u32, Problem> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| problem!("{name} needs a number from 1, not '{text}'"))
}
