//! Ends every process that `make run` started, and those that they started: `cargo lambda watch` gives each function a
//! process group of its own, so that one signal to one group does not reach them all.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::time::{sleep, timeout};

use crate::words::complain;

/// How long processes have to end by themselves.
const GRACE: Duration = Duration::from_secs(5);

/// Makes orphans of our descendants our children, so that [`end_all`] finds them. Only Linux can.
pub(crate) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
        complain!("Processes that lose their parent will not be found at the end: {error}.");
    }
}

/// Asks all descendants to end, waits, and kills those that do not.
pub(crate) async fn end_all() {
    signal_all(Signal::TERM);
    let all_gone = async {
        while !descendants().is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(GRACE, all_gone).await.is_err() {
        signal_all(Signal::KILL);
    }
}

fn signal_all(signal: Signal) {
    for process in descendants() {
        // One that has ended in the meantime is what we want.
        let _ = kill_process(process, signal);
    }
}

/// Every living process that descends from this one.
fn descendants() -> Vec<Pid> {
    let processes = processes();
    let mut found = vec![getpid()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    found.split_off(1)
}

/// Each process of the machine that has not ended, with its parent.
fn processes() -> Vec<(Pid, Pid)> {
    let pair = |state: &str, process: &str, parent: &str| {
        let pid = |text: &str| Pid::from_raw(text.parse().ok()?);
        if state.starts_with('Z') { None } else { Some((pid(process)?, pid(parent)?)) }
    };
    if cfg!(target_os = "linux") {
        // Not by `ps`, which small images lack. "1234 (name with ) and spaces) S 1 …"
        let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats = folders.filter_map(|folder| std::fs::read_to_string(folder.path().join("stat")).ok());
        return stats
            .filter_map(|stat| {
                let (process, rest) = stat.split_once(" (")?;
                let mut fields = rest.rsplit_once(") ")?.1.split(' ');
                pair(fields.next()?, process, fields.next()?)
            })
            .collect();
    }
    let Ok(ps) = Command::new("ps").args(["-A", "-o", "state=,pid=,ppid="]).stdout(Stdio::piped()).spawn() else {
        return Vec::new();
    };
    // It lists itself too.
    let itself = Pid::from_child(&ps);
    let listing = ps.wait_with_output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&listing)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            pair(fields.next()?, fields.next()?, fields.next()?)
        })
        .filter(|(process, _)| *process != itself)
        .collect()
}
