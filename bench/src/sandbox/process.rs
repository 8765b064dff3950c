//! The kernel's figures about a process.

use std::{fs, path::PathBuf, time::Duration};

use rustix::process::Pid;

use crate::{Problem, problem};

/// The first child of a process, if it has one.
pub(super) fn child_of(pid: Pid) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

/// Nanoseconds on a processor, summed over the threads.
pub(super) fn cpu_time(pid: Pid) -> Result<Duration, Problem> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    let entries = fs::read_dir(&tasks).map_err(|error| problem!("{}: {error}", tasks.display()))?;
    let mut nanoseconds = 0;
    // The time of a thread that ends between the two readings is lost.
    for schedstat in entries.flatten().filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok()) {
        nanoseconds += first_number(&schedstat).ok_or_else(|| problem!("the kernel provides no schedstat"))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The peak memory of a process, in bytes.
///
/// # Errors
/// When the kernel does not report it.
pub fn peak_memory(pid: Pid) -> Result<u64, Problem> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| problem!("/proc/{pid}/status: {error}"))?;
    let kilobytes = status.lines().find_map(|line| first_number(line.strip_prefix("VmHWM:")?));
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| problem!("the kernel provides no VmHWM"))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_taken_time_and_memory() {
        let this = rustix::process::getpid();
        assert!(cpu_time(this).unwrap() > Duration::ZERO);
        assert!(peak_memory(this).unwrap() > 1_000_000);
    }
}
