//! UDP listeners: a task each that reads, one socket each that the driver writes to.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::Sender;

use crate::exchange::Input;
use crate::sip::flow::{Flow, ListenerId, Transport};

use super::driver::Event;
use super::socket;

/// RFC 3261 §18.1.1: no datagram is longer.
const LARGEST: usize = 65_535;
/// Room in the kernel for a burst while the loop works, in bytes; the kernel may grant less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Binds, and starts the reader. IPv6 sockets take IPv6 only: a dual stack is two listeners, so that
/// each leg advertises an address of its own family.
pub fn listen(id: ListenerId, bind: SocketAddr, inbox: Sender<Event>) -> io::Result<Arc<UdpSocket>> {
    let bound = socket::bind(bind, libc::SOCK_DGRAM)?;
    socket::set(bound.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
    let socket = Arc::new(UdpSocket::from_std(bound.into())?);
    tokio::spawn(read(id, Arc::clone(&socket), inbox));
    Ok(socket)
}

async fn read(id: ListenerId, socket: Arc<UdpSocket>, inbox: Sender<Event>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                // CRLF and NUL keep-alives hold a NAT open and want no answer.
                if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                    continue;
                }
                let flow = Flow { listener: id, transport: Transport::Udp, remote };
                if inbox.send(Event::Input(Input::Received { flow, bytes: bytes.to_vec() })).await.is_err() {
                    return;
                }
            }
            // An ICMP error of an earlier datagram; the socket itself goes on.
            Err(error) => tracing::debug!(%error, listener = id.0, "cannot receive UDP"),
        }
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Gone,
    /// No way there just now, no room, a filter: as lost as the network might lose it. Every SIP request
    /// is repeated until it is answered, and every answer with it.
    Lost,
    /// No datagram holds it, however often it is tried.
    TooLong,
}

/// Sends without waiting.
pub fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) -> Sent {
    let Err(error) = socket.try_send_to(bytes, to) else { return Sent::Gone };
    tracing::debug!(%error, length = bytes.len(), "cannot send UDP");
    if error.raw_os_error() == Some(libc::EMSGSIZE) { Sent::TooLong } else { Sent::Lost }
}
