//! Counts the instructions of a process in user mode, a figure that hardly depends on the machine's load.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{Problem, problem};

/// The available counters. Their counts differ by a few percent, so each is only compared with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counter {
    /// The processor's own counter, by `perf stat`.
    PerfStat,
    /// An emulated processor, by `valgrind --tool=callgrind`: about 50 times slower.
    Callgrind,
}

impl Counter {
    /// The best counter that works on this machine.
    ///
    /// # Errors
    /// When none does.
    pub fn detect() -> Result<Self, Problem> {
        Self::first_that_works(&[Self::PerfStat, Self::Callgrind])
    }

    fn first_that_works(counters: &[Self]) -> Result<Self, Problem> {
        let directory = tempfile::tempdir().map_err(|error| problem!("no temporary folder: {error}"))?;
        let file = directory.path().join("out");
        let works = |counter: &Self| {
            let line = [counter.instrument(&file), vec!["true".to_owned()]].concat();
            let status = Command::new(&line[0]).args(&line[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success()) && counter.read(&file).is_ok_and(|count| count > 0)
        };
        let names = || counters.iter().map(|counter| counter.name()).collect::<Vec<_>>().join(" nor ");
        let found = counters.iter().copied().find(works);
        found.ok_or_else(|| problem!("cannot count instructions: {} does not work on this machine; install valgrind", names()))
    }

    /// The counter whose counts do not depend on the processor.
    ///
    /// # Errors
    /// When it does not work on this machine.
    pub fn repeatable() -> Result<Self, Problem> {
        Self::first_that_works(&[Self::Callgrind])
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PerfStat => "perf stat",
            Self::Callgrind => "callgrind",
        }
    }

    /// The command line in front of a program that writes its count to `file`.
    #[must_use]
    pub fn instrument(self, file: &Path) -> Vec<String> {
        let file = file.display();
        let line = match self {
            Self::PerfStat => format!("perf stat -x, -e instructions:u -o {file} --"),
            Self::Callgrind => format!("valgrind --tool=callgrind --callgrind-out-file={file}"),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// The count in `file`, once the instrument has ended.
    ///
    /// # Errors
    /// When there is no count.
    pub fn read(self, file: &Path) -> Result<u64, Problem> {
        let text = fs::read_to_string(file).map_err(|error| problem!("{} wrote no count: {error}", self.name()))?;
        self.parse(&text).ok_or_else(|| problem!("{} wrote an invalid count", self.name()))
    }

    fn parse(self, text: &str) -> Option<u64> {
        let number = match self {
            // "128719,,instructions:u,…", or "<not supported>,…"
            Self::PerfStat => text.lines().find(|line| line.contains("instructions"))?.split(',').next()?,
            // One `summary:` per part, and there is one part.
            Self::Callgrind => text.lines().find_map(|line| line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")))?,
        };
        number.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_each_counter_is_read() {
        assert_eq!(Counter::Callgrind.parse("version: 1\nevents: Ir\nsummary: 128719\n\nfn=(1)\ntotals: 128719\n"), Some(128_719));
        assert_eq!(Counter::Callgrind.parse("events: Ir\ntotals: 5\n"), Some(5));
        assert_eq!(Counter::PerfStat.parse("# started on …\n\n128719,,instructions:u,1000,100.00,,\n"), Some(128_719));
    }

    #[test]
    fn a_missing_count_is_not_zero() {
        assert_eq!(Counter::PerfStat.parse("<not supported>,,instructions:u,0,100.00,,\n"), None);
        assert_eq!(Counter::PerfStat.parse(""), None);
        assert_eq!(Counter::Callgrind.parse("events: Ir\n"), None);
    }
}
