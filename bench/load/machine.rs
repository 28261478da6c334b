//! What /proc says about the machine and a process.

use std::collections::BTreeMap;
use std::fs;

use super::socket;

/// The machine's work up to now.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    at: u64,
    ticks: u64,
}

impl Busy {
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields: Vec<u64> = text
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .filter_map(|it| it.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guest is within user.
        let ticks = fields.iter().take(7).enumerate().filter(|(at, _)| *at != 3 && *at != 4).map(|(_, it)| it).sum();
        Self { at: socket::steady(), ticks }
    }

    /// Cores busy on average since `self`, whoever kept them so.
    pub fn cores(self) -> f64 {
        let now = Self::now();
        seconds(now.ticks - self.ticks) / ((now.at - self.at).max(1) as f64 / 1e9)
    }
}

/// One, five and fifteen minutes.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// utime and stime of a process in seconds, threads that have ended included.
pub fn cpu(pid: u32) -> f64 {
    cpu_of(&format!("/proc/{pid}/stat")).map_or(0.0, |(_, seconds)| seconds)
}

/// The same for each name of its living threads.
pub fn threads(pid: u32) -> BTreeMap<String, f64> {
    let mut names = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        if let Some((name, seconds)) = cpu_of(&task.path().join("stat").to_string_lossy()) {
            *names.entry(name).or_insert(0.0) += seconds;
        }
    }
    names
}

/// Resident memory in KiB.
pub fn resident(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

fn cpu_of(path: &str) -> Option<(String, f64)> {
    let text = fs::read_to_string(path).ok()?;
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((name, seconds(user + system)))
}

/// A clock tick is 10 ms on every Linux that matters (USER_HZ).
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / 100.0
}
