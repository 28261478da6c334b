//! Something that computes beside the calls, as an export does within the server: two threads at
//! nice +10, each busy 15 ms of every 50.

use std::hint::black_box;
use std::time::{Duration, Instant};

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
