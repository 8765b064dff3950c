//! A core reserved for the measured process.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::process::{Child, Command};

/// A processor core that the benchmark itself does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Core(usize);

impl Core {
    /// Reserves the last core available to this thread: this thread, and those that it starts, no longer use it. None if there is
    /// only one core.
    #[must_use]
    pub fn reserve() -> Option<Self> {
        let mut allowed = sched_getaffinity(None).ok()?;
        if allowed.count() < 2 {
            return None;
        }
        let last = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core))?;
        allowed.unset(last);
        sched_setaffinity(None, &allowed).ok().map(|()| Self(last))
    }
}

/// Starts a command on a core. A process inherits the affinity of the thread that starts it. With `taskset`, the start of
/// `taskset` would be part of the measurement.
pub(super) fn spawn_on(core: Option<Core>, command: &mut Command) -> io::Result<Child> {
    let Some(Core(core)) = core else { return command.spawn() };
    let own = sched_getaffinity(None)?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only)?;
    let child = command.spawn();
    sched_setaffinity(None, &own)?;
    child
}
