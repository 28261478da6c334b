//! The least that a relay can cost: one thread, epoll, recv and sendto, no parsing. What a server
//! costs beyond that is its own.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use super::options::Relay;
use super::socket::{self, Epoll};
use super::voice::port;

/// Two RTP and two RTCP sockets a call, as a PBX has them. Runs until it is ended.
pub fn run(options: &Relay) -> io::Result<()> {
    socket::raise_file_limit(options.calls as u64 * 4 + 100)?;
    let mut epoll = Epoll::new()?;
    let mut sockets = Vec::new();
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for leg in 0..2 * options.calls {
        for rtcp in 0..2 {
            let socket = std::net::UdpSocket::bind(here(port(options.first, leg) + rtcp))?;
            socket.set_nonblocking(true)?;
            epoll.add(&socket, sockets.len() as u64)?;
            sockets.push((socket, here(port(options.to, leg) + rtcp)));
        }
    }
    println!("ready");
    io::stdout().flush()?;
    let mut ready = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        epoll.wait(-1, &mut ready);
        for token in &ready {
            let token = *token as usize;
            let Ok(length) = sockets[token].0.recv(&mut buffer) else { continue };
            let (socket, to) = &sockets[partner(token, options.calls)];
            let _ = socket.send_to(&buffer[..length], *to);
        }
    }
}

/// Leg n and leg n + `calls` speak with each other; each has two sockets.
fn partner(socket: usize, calls: usize) -> usize {
    if socket < 2 * calls { socket + 2 * calls } else { socket - 2 * calls }
}
