//! Where and of what the figures were taken.

use std::{fs, process::Command};

use serde::{Deserialize, Serialize};
use shared::domain::Timestamp;

use crate::counter::Counter;

/// Facts without which no measured figure means anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Where it was measured.
    #[serde(flatten)]
    pub environment: Environment,
    /// What counted the instructions.
    pub counter: Counter,
}

/// Facts without which no figure means anything. What cannot be found out is "unknown".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The processor's name.
    pub processor: String,
    /// How many cores there are.
    pub cores: usize,
    /// The kernel's version.
    pub kernel: String,
    /// The compiler's version.
    pub rustc: String,
    /// The project's commit; with a `+` when files differ from it.
    pub revision: String,
    /// When the run began.
    pub date: String,
}

impl Environment {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let changed = said("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| !files.is_empty());
        let revision = said("git", &["rev-parse", "--short", "HEAD"]).map(|commit| commit + if changed { "+" } else { "" });
        let unknown = || "unknown".to_owned();
        Self {
            processor: processor().unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            rustc: said("rustc", &["--version"]).unwrap_or_else(unknown),
            revision: revision.unwrap_or_else(unknown),
            date: Timestamp::now().to_string(),
        }
    }
}

fn processor() -> Option<String> {
    let facts = fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(facts.lines().find(|line| line.starts_with("model name"))?.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
