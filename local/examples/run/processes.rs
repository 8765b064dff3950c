//! Ends every descendant process of `make run`: `cargo lambda watch` starts each function in its own process group, so that
//! one signal to one group does not reach them all.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::time::{sleep, timeout};

use crate::output::print_error;

/// How long processes have to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// Makes this process the parent of orphaned descendants, so that [`end_all`] finds them. Only Linux supports this.
pub(crate) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
        print_error!("Processes that lose their parent will not be ended: {error}.");
    }
}

/// Sends SIGTERM to all descendants, waits, and kills the remaining ones.
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
        // It may have ended already.
        let _ = kill_process(process, signal);
    }
}

/// All running descendants of this process.
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

/// All running processes of the machine, with their parents.
fn processes() -> Vec<(Pid, Pid)> {
    let pair = |state: &str, process: &str, parent: &str| {
        let pid = |text: &str| Pid::from_raw(text.parse().ok()?);
        if state.starts_with('Z') { None } else { Some((pid(process)?, pid(parent)?)) }
    };
    if cfg!(target_os = "linux") {
        // Small images have no `ps`. "1234 (name with ) and spaces) S 1 …"
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
    // `ps` lists itself, too.
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
