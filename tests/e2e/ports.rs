//! Ports that no other test has, in this process or in another.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Ports of one test. All lie below 32768, where the kernel begins to hand out ports of its own accord.
const BLOCK: u16 = 200;
const FIRST: u16 = 10_000;
const BLOCKS: u16 = 48;

/// A block of ports, held by a lock on a file for as long as this value lives.
pub struct Ports {
    next: Cell<u16>,
    end: u16,
    _lock: File,
}

impl Ports {
    pub fn take() -> Self {
        // Tests that follow one another get different blocks: nothing of the last call arrives in the next.
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).expect("below BLOCKS");
        for turn in 0..BLOCKS {
            let block = (start + turn) % BLOCKS;
            // SAFETY: it only reads.
            let user = unsafe { libc::getuid() };
            let path = std::env::temp_dir().join(format!("hotline-e2e-ports-{user}-{block}"));
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path).expect("lock file");
            let first = FIRST + block * BLOCK;
            if lock.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return Self { next: Cell::new(first), end: first + BLOCK, _lock: lock };
            }
        }
        panic!("no block of {BLOCK} free ports between {FIRST} and {}", FIRST + BLOCKS * BLOCK);
    }

    /// An even port and the ones after it.
    pub fn many(&self, count: u16) -> u16 {
        let first = self.next.get();
        let count = count + count % 2;
        assert!(first + count <= self.end, "a test uses more than {BLOCK} ports");
        self.next.set(first + count);
        first
    }

    pub fn one(&self) -> u16 {
        self.many(2)
    }

    /// First and last of so many.
    pub fn range(&self, count: u16) -> (u16, u16) {
        let first = self.many(count);
        (first, first + count - 1)
    }
}

fn is_free(port: u16) -> bool {
    let here = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    UdpSocket::bind(here).is_ok() && TcpListener::bind(here).is_ok()
}
