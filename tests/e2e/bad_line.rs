//! A network between the phones and the hotline that loses, delays and reorders what one phone sends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the phones believe the hotline's media to be.
pub const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// Where it is.
pub const THERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const LOST_PER_CENT: u32 = 5;
/// A packet is delayed by anything up to this, so that the jitter is about half of it and some overtake others.
const DELAY_MS: u32 = 60;

/// Carries every packet until it is dropped.
pub struct BadLine {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BadLine {
    /// Between phones and the hotline's `ports`; `bad` are the ports from which a phone sends badly.
    pub fn between(ports: (u16, u16), bad: (u16, u16)) -> Self {
        let fronts: Vec<UdpSocket> =
            (ports.0..=ports.1).map(|port| bind(port).expect("a port of the network")).collect();
        let ended = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ended);
        let mut carrier = Carrier {
            wires: fronts.into_iter().map(Wire::Front).collect(),
            backs: BTreeMap::new(),
            late: BinaryHeap::new(),
            bad,
            chance: 0x2545_F491,
        };
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                carrier.carry();
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

enum Wire {
    /// What the phones send to.
    Front(UdpSocket),
    /// What the hotline sees of one phone, and the front and phone behind it.
    Back { socket: UdpSocket, front: usize, phone: SocketAddr },
}

impl Wire {
    fn socket(&self) -> &UdpSocket {
        match self {
            Self::Front(socket) | Self::Back { socket, .. } => socket,
        }
    }
}

/// What is under way: when it is due, the wire out of which it leaves, where to, and what.
type Late = (Instant, usize, SocketAddr, Vec<u8>);

struct Carrier {
    wires: Vec<Wire>,
    /// (front, phone) → its back.
    backs: BTreeMap<(usize, SocketAddr), usize>,
    late: BinaryHeap<Reverse<Late>>,
    bad: (u16, u16),
    chance: u32,
}

impl Carrier {
    fn carry(&mut self) {
        self.wait();
        for wire in 0..self.wires.len() {
            let mut packet = [0; 2048];
            while let Ok((length, from)) = self.wires[wire].socket().recv_from(&mut packet) {
                self.pass(wire, from, packet[..length].to_vec());
            }
        }
        while let Some(Reverse((due, ..))) = self.late.peek()
            && *due <= Instant::now()
            && let Some(Reverse((_, wire, to, packet))) = self.late.pop()
        {
            self.send(wire, to, &packet);
        }
    }

    /// For a packet, or for what is due.
    fn wait(&self) {
        let socket = |wire: &Wire| libc::pollfd { fd: wire.socket().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut sockets: Vec<libc::pollfd> = self.wires.iter().map(socket).collect();
        let due = self.late.peek().map(|Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
        let wait = due.unwrap_or(Duration::from_millis(20)).as_millis().clamp(1, 20);
        // SAFETY: the array lives as long as the call and has this length.
        unsafe { libc::poll(sockets.as_mut_ptr(), sockets.len() as libc::nfds_t, wait as libc::c_int) };
    }

    fn pass(&mut self, wire: usize, from: SocketAddr, packet: Vec<u8>) {
        match &self.wires[wire] {
            Wire::Back { front, phone, .. } => self.send(*front, *phone, &packet),
            Wire::Front(socket) => {
                let to = SocketAddr::from((THERE, socket.local_addr().expect("bound").port()));
                let back = self.back(wire, from);
                if !(self.bad.0..=self.bad.1).contains(&from.port()) {
                    return self.send(back, to, &packet);
                }
                if self.random(100) >= LOST_PER_CENT {
                    let delay = Duration::from_millis(u64::from(self.random(DELAY_MS)));
                    self.late.push(Reverse((Instant::now() + delay, back, to, packet)));
                }
            }
        }
    }

    fn back(&mut self, front: usize, phone: SocketAddr) -> usize {
        *self.backs.entry((front, phone)).or_insert_with(|| {
            self.wires.push(Wire::Back { socket: bind(0).expect("a port"), front, phone });
            self.wires.len() - 1
        })
    }

    fn send(&self, wire: usize, to: SocketAddr, packet: &[u8]) {
        // Whoever has hung up is no longer there.
        let _ = self.wires[wire].socket().send_to(packet, to);
    }

    fn random(&mut self, below: u32) -> u32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        self.chance % below
    }
}

fn bind(port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((HERE, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
