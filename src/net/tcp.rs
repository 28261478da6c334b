//! TCP listeners, and the connections of all of them, whoever opened them. (RFC 3261 §18)

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::Sender;

use crate::sip::flow::{Flow, ListenerId, Transport};

use super::connection::{self, Connection, Unsent};
use super::driver::Event;
use super::socket;

/// Connections of all listeners.
pub const MOST: usize = 2_000;
/// So many connections of strangers give way at once when there is no room, oldest first.
const GIVE_WAY: usize = MOST / 8;
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);

/// All connections, by our listener and the peer's address.
#[derive(Default)]
pub struct Connections {
    open: HashMap<Flow, (u64, Connection)>,
    /// Where each listener is bound: its connections come from there too.
    bound: BTreeMap<ListenerId, IpAddr>,
    opened: u64,
}

impl Connections {
    /// Binds, and starts the task that accepts.
    pub fn listen(&mut self, id: ListenerId, bind: SocketAddr, inbox: Sender<Event>) -> io::Result<()> {
        let bound = socket::bind(bind, libc::SOCK_STREAM)?;
        let listener = TcpSocket::from_std_stream(bound.into()).listen(1024)?;
        self.bound.insert(id, bind.ip());
        tokio::spawn(accept(id, listener, inbox));
        Ok(())
    }

    /// Sends over the connection with that peer, opening one where there is none. False: it could
    /// not be sent, and there is no connection now.
    pub fn send(&mut self, flow: Flow, bytes: Vec<u8>, inbox: &Sender<Event>) -> bool {
        let Some((_, connection)) = self.open.get(&flow) else { return self.open(flow, bytes, inbox) };
        match connection.send(bytes) {
            Ok(()) => true,
            Err(unsent) => {
                self.open.remove(&flow);
                match unsent {
                    Unsent::Ended(bytes) => self.open(flow, bytes, inbox),
                    Unsent::Full => false,
                }
            }
        }
    }

    /// A peer has connected. Where there are too many, strangers who came before give way: whoever
    /// is known has a place.
    pub fn accepted(&mut self, flow: Flow, connection: Connection, knows: impl Fn(Flow) -> bool) {
        if self.open.len() >= MOST {
            self.open.retain(|_, (_, connection)| !connection.has_ended());
        }
        if self.open.len() >= MOST {
            let mut strangers: Vec<(u64, Flow)> =
                self.open.iter().filter(|(flow, _)| !knows(**flow)).map(|(flow, (age, _))| (*age, *flow)).collect();
            strangers.sort_unstable();
            for (_, flow) in strangers.into_iter().take(GIVE_WAY) {
                self.open.remove(&flow);
            }
        }
        if self.open.len() < MOST {
            self.insert(flow, connection);
        }
    }

    pub fn has(&self, flow: Flow) -> bool {
        self.open.contains_key(&flow)
    }

    /// The task of a connection has ended. False: another one has taken its place since.
    pub fn closed(&mut self, flow: Flow) -> bool {
        if self.open.get(&flow).is_some_and(|(_, connection)| !connection.has_ended()) {
            return false;
        }
        self.open.remove(&flow);
        true
    }

    /// Opens a connection in the background; what is sent meanwhile waits in its queue.
    fn open(&mut self, flow: Flow, bytes: Vec<u8>, inbox: &Sender<Event>) -> bool {
        if self.open.len() >= MOST {
            return false;
        }
        let (connection, served) = connection::pair();
        let sent = connection.send(bytes).is_ok();
        let (inbox, from) = (inbox.clone(), self.bound.get(&flow.listener).copied());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_PATIENCE, connect(from, flow.remote)).await {
                connection::serve(flow, stream, served, &inbox, false).await;
            } else {
                drop(served);
            }
            let _ = inbox.send(Event::Closed { flow }).await;
        });
        self.insert(flow, connection);
        sent
    }

    fn insert(&mut self, flow: Flow, connection: Connection) {
        self.opened += 1;
        self.open.insert(flow, (self.opened, connection));
    }
}

/// From the listener's own address, which is the one that the peer's firewall lets in.
async fn connect(from: Option<IpAddr>, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from.filter(|from| !from.is_unspecified() && from.is_ipv4() == remote.is_ipv4()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(remote).await
}

async fn accept(id: ListenerId, listener: TcpListener, inbox: Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let flow = Flow { listener: id, transport: Transport::Tcp, remote };
                let (connection, served) = connection::pair();
                // It is read only after the loop knows it, so that answers find their way.
                if inbox.send(Event::Accepted { flow, connection }).await.is_err() {
                    return;
                }
                let inbox = inbox.clone();
                tokio::spawn(async move {
                    connection::serve(flow, stream, served, &inbox, true).await;
                    let _ = inbox.send(Event::Closed { flow }).await;
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: wait until some are free again.
                tracing::warn!(%error, listener = id.0, "cannot take a TCP connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
