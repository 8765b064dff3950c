//! Recorded runs: the file that keeps every figure, and the environment that produced them.

use std::{fs, path::Path, process::Command};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::domain::Timestamp;

use crate::{Problem, problem};

/// Facts without which no figure means anything. Unavailable facts are "unknown".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The processor's name.
    pub processor: String,
    /// The number of cores.
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
    /// This machine and checkout, now.
    #[must_use]
    pub fn here() -> Self {
        let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| !files.is_empty());
        let revision = output("git", &["rev-parse", "--short", "HEAD"]).map(|commit| commit + if changed { "+" } else { "" });
        let unknown = || "unknown".to_owned();
        Self {
            processor: processor().unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            rustc: output("rustc", &["--version"]).unwrap_or_else(unknown),
            revision: revision.unwrap_or_else(unknown),
            date: Timestamp::now().to_string(),
        }
    }
}

fn processor() -> Option<String> {
    let facts = fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(facts.lines().find(|line| line.starts_with("model name"))?.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Writes results to `file` as JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn write(results: &impl Serialize, file: &Path) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(results).map_err(|error| problem!("{error}"))?;
    fs::write(file, text + "\n").map_err(|error| problem!("{}: {error}", file.display()))
}

/// Reads the results that an earlier run wrote.
///
/// # Errors
/// When the file does not exist or has another format.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Problem> {
    let text = fs::read_to_string(file).map_err(|error| problem!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| problem!("{}: {error}", file.display()))
}
