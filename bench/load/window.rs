//! A stretch of time in which a process is watched, and what else the machine did meanwhile.

use std::collections::BTreeMap;
use std::time::Instant;

use super::machine::{self, Busy};

pub struct Window {
    pid: Option<u32>,
    /// A helper of ours: not the server, but not somebody else's work either.
    helper: Option<(u32, f64)>,
    opened: Instant,
    busy: Busy,
    own: f64,
    cpu: f64,
    threads: BTreeMap<String, f64>,
}

pub struct Watched {
    pub seconds: f64,
    /// CPU seconds of the watched process.
    pub cpu: f64,
    /// The same by thread name, the costliest first.
    pub threads: Vec<(String, f64)>,
    /// Cores kept busy by the generator, and by neither it nor the watched process.
    pub own_cores: f64,
    pub other_cores: f64,
}

impl Window {
    pub fn open(pid: Option<u32>, helper: Option<u32>) -> Self {
        Self {
            pid,
            helper: helper.map(|helper| (helper, machine::cpu(helper))),
            opened: Instant::now(),
            busy: Busy::now(),
            own: machine::cpu(std::process::id()),
            cpu: pid.map_or(0.0, machine::cpu),
            threads: pid.map(machine::threads).unwrap_or_default(),
        }
    }

    pub fn close(self) -> Watched {
        let seconds = self.opened.elapsed().as_secs_f64();
        let cpu = self.pid.map_or(0.0, machine::cpu) - self.cpu;
        let own_cores = (machine::cpu(std::process::id()) - self.own) / seconds;
        let now = self.pid.map(machine::threads).unwrap_or_default();
        let since = |(name, cpu): (String, f64)| {
            let spent = cpu - self.threads.get(&name).unwrap_or(&0.0);
            (name, spent)
        };
        let mut threads: Vec<_> = now.into_iter().map(since).filter(|(_, spent)| *spent > 0.0).collect();
        threads.sort_by(|left, right| right.1.total_cmp(&left.1));
        let helper = self.helper.map_or(0.0, |(helper, before)| machine::cpu(helper) - before);
        let other_cores = (self.busy.cores() - own_cores - (cpu + helper) / seconds).max(0.0);
        Watched { seconds, cpu, threads, own_cores, other_cores }
    }
}
