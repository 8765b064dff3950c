//! Limits a process to the processor share of a small Lambda, by a control group.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::Pid;

/// 1,769 MB get one processor, so 128 MB get 1.447 ms in each 20 ms.
const PERIOD_US: u64 = 20_000;
const QUOTA_US: u64 = PERIOD_US * 128 / 1769;

/// A control group with one process. Dropping it removes the group once the process has ended.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// A group for `pid` with the share of 128 MB, or none if this machine or user cannot create one.
    pub(super) fn of_128_mb(pid: Pid) -> Option<Self> {
        Self::v2(pid).or_else(|| Self::v1(pid))
    }

    fn v1(pid: Pid) -> Option<Self> {
        Self::new(Path::new("/sys/fs/cgroup/cpu"), pid, |group| {
            fs::write(group.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
            fs::write(group.join("cpu.cfs_quota_us"), QUOTA_US.to_string())
        })
    }

    fn v2(pid: Pid) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).ok()?;
        if !controllers.split_whitespace().any(|controller| controller == "cpu") {
            return None;
        }
        fs::write(root.join("cgroup.subtree_control"), "+cpu").ok()?;
        Self::new(root, pid, |group| fs::write(group.join("cpu.max"), format!("{QUOTA_US} {PERIOD_US}")))
    }

    fn new(root: &Path, pid: Pid, limit: impl Fn(&Path) -> io::Result<()>) -> Option<Self> {
        let group = root.join(format!("invitations-bench-{pid}"));
        fs::create_dir(&group).ok()?;
        let cgroup = Self(group);
        limit(&cgroup.0).and_then(|()| fs::write(cgroup.0.join("cgroup.procs"), pid.to_string())).ok().map(|()| cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel releases an ended process with a delay.
        let deadline = Instant::now() + Duration::from_secs(2);
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
