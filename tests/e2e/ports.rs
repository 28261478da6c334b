//! A network, or at least ports, that no other test and no other program has.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

use crate::process::{find, run};

/// Ports of one test. All lie below 32768, where the kernel begins to hand out ports of its own accord.
const BLOCK: u16 = 200;
const FIRST: u16 = 10_000;
const BLOCKS: u16 = 48;

pub struct Ports {
    next: Cell<u16>,
    end: u16,
    /// Nobody else is in this network.
    pub alone: bool,
    /// Held for as long as the block is.
    _lock: Option<File>,
}

impl Ports {
    /// Moves the test, and all that it starts from now on, into a network of its own. Who may not do
    /// that shares the machine's with everybody, and gets a block of ports.
    pub fn take() -> Self {
        if own_network() {
            return Self { next: Cell::new(FIRST), end: FIRST + BLOCK, alone: true, _lock: None };
        }
        // SAFETY: it only reads.
        let user = unsafe { libc::getuid() };
        for block in 0..BLOCKS {
            let path = std::env::temp_dir().join(format!("hotline-e2e-ports-{user}-{block}"));
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path).expect("lock file");
            let first = FIRST + block * BLOCK;
            if lock.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return Self { next: Cell::new(first), end: first + BLOCK, alone: false, _lock: Some(lock) };
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

/// Loopback is all there is in it, and the way to the world: linphone does not register where it sees none.
/// False: this user may not (`unshare -rn cargo test` may).
fn own_network() -> bool {
    // SAFETY: only the calling thread moves.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return false;
    }
    let ip = find("ip", "iproute2");
    run(Command::new(&ip).args(["link", "set", "lo", "up"]));
    run(Command::new(&ip).args(["route", "add", "default", "dev", "lo", "src", "127.0.0.1"]));
    true
}

fn is_free(port: u16) -> bool {
    let here = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    UdpSocket::bind(here).is_ok() && TcpListener::bind(here).is_ok()
}
