//! Something that computes beside the calls, as an export does within the server: two threads at
//! nice +10, each busy 15 ms of every 50.

use std::hint::black_box;
use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The same as a process beside this one, which ends with its owner.
pub struct Export(Child);

impl Export {
    pub fn start() -> io::Result<Self> {
        Ok(Self(Command::new(std::env::current_exe()?).arg("burn").spawn()?))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn run() {
    // SAFETY: no pointers; threads made from now on inherit it.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
    let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(work)).collect();
    for thread in threads {
        let _ = thread.join();
    }
}

fn work() {
    let mut sum = 0u64;
    loop {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(15) {
            for at in 0..10_000 {
                sum = black_box(sum.rotate_left(5) ^ at);
            }
        }
        std::thread::sleep(Duration::from_millis(35));
    }
}
