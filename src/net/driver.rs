//! The one signalling loop: it owns the exchange, stamps the time on what arrives, and carries out
//! what the exchange wants. Everybody else sends it messages.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, sleep_until};

use crate::exchange::{Exchange, Input, Output};
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::time::{Now, Wall};

use super::clock::Clock;
use super::connection::Connection;
use super::tcp::Connections;
use super::udp;

/// What may wait for the loop before its senders have to.
pub const INBOX: usize = 8_192;
/// Events handled in one go before what they caused is carried out.
const BATCH: usize = 64;

/// Reads from the exchange at one instant.
pub type Look = Box<dyn FnOnce(Now, &Exchange) + Send>;

/// What reaches the loop.
pub enum Event {
    Input(Input),
    /// A look at the exchange for the API, from inside the loop.
    Look(Look),
    /// A peer opened a TCP connection.
    Accepted {
        flow: Flow,
        connection: Connection,
    },
    /// A TCP connection ended.
    Closed {
        flow: Flow,
    },
    /// Leave the loop.
    Stop,
}

/// Sees every SIP message as it comes and goes.
pub trait Trace: Send {
    fn received(&mut self, at: Wall, flow: Flow, bytes: &[u8]);
    fn sent(&mut self, at: Wall, flow: Flow, bytes: &[u8]);
}

/// Carries out whatever the exchange wants that is not a SIP message.
pub trait Carry: Send {
    fn carry(&mut self, now: Now, output: Output);
    /// Everything that waited has been carried out; what was gathered meanwhile can be sent off.
    fn rest(&mut self);
}

/// One listener to open.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    pub id: ListenerId,
    pub transport: Transport,
    pub bind: SocketAddr,
}

/// The sockets of all listeners.
pub struct Sockets {
    udp: BTreeMap<ListenerId, Arc<UdpSocket>>,
    tcp: Connections,
}

impl Sockets {
    /// Binds every listener. Err names the address that could not be bound.
    pub fn open(listens: &[Listen], inbox: &Sender<Event>) -> io::Result<Self> {
        let mut sockets = Self { udp: BTreeMap::new(), tcp: Connections::default() };
        for listen in listens {
            let opened = match listen.transport {
                Transport::Udp => udp::listen(listen.id, listen.bind, inbox.clone()).map(|socket| {
                    sockets.udp.insert(listen.id, socket);
                }),
                Transport::Tcp => sockets.tcp.listen(listen.id, listen.bind, inbox.clone()),
            };
            opened.map_err(|error| {
                let name = listen.transport.param_name();
                io::Error::new(error.kind(), format!("cannot listen on {name} {}: {error}", listen.bind))
            })?;
        }
        Ok(sockets)
    }

    /// Err: what the exchange must know of it.
    fn send(&mut self, flow: Flow, bytes: Vec<u8>, inbox: &Sender<Event>) -> Result<(), Input> {
        match flow.transport {
            Transport::Udp => {
                let sent = self.udp.get(&flow.listener).map(|socket| udp::send(socket, &bytes, flow.remote));
                if sent == Some(udp::Sent::TooLong) { Err(Input::TooLong { flow, bytes }) } else { Ok(()) }
            }
            Transport::Tcp if self.tcp.send(flow, bytes, inbox) => Ok(()),
            Transport::Tcp => Err(Input::TransportFailed { flow }),
        }
    }
}

/// The loop with all that it owns.
pub struct Driver<T, C> {
    pub clock: Clock,
    pub exchange: Exchange,
    pub sockets: Sockets,
    pub inbox: Sender<Event>,
    pub trace: T,
    pub carry: C,
}

impl<T: Trace, C: Carry> Driver<T, C> {
    /// Runs until `Stop`.
    pub async fn run(mut self, mut events: Receiver<Event>) {
        loop {
            self.carry_out();
            let wake = self.exchange.next_timeout().map(|at| self.clock.origin() + Duration::from_nanos(at.0));
            let mut next = tokio::select! {
                event = events.recv() => event,
                () = sleep_until(wake.map_or_else(Instant::now, Instant::from_std)), if wake.is_some() => {
                    Some(Event::Input(Input::Tick))
                }
            };
            for left in (0..BATCH).rev() {
                match next {
                    Some(Event::Stop) => return,
                    Some(event) => self.handle(event),
                    None => break,
                }
                next = if left > 0 { events.try_recv().ok() } else { None };
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Input(Input::Received { flow, bytes }) => self.on_received(now, flow, bytes),
            Event::Input(input) => self.exchange.handle(now, input),
            Event::Look(look) => look(now, &self.exchange),
            Event::Accepted { flow, connection } => {
                self.sockets.tcp.accepted(flow, connection, |flow| self.exchange.knows(flow));
            }
            Event::Closed { flow } => {
                if self.sockets.tcp.closed(flow) {
                    self.exchange.handle(now, Input::TransportFailed { flow });
                }
            }
            Event::Stop => {}
        }
    }

    /// What a stranger sends beyond its budget is not even traced: a flood would wash everything
    /// else out.
    fn on_received(&mut self, now: Now, flow: Flow, bytes: Vec<u8>) {
        if self.exchange.knows(flow) {
            self.trace.received(now.wall, flow, &bytes);
            return self.exchange.handle(now, Input::Received { flow, bytes });
        }
        let dropped = self.exchange.counters().unknown_dropped;
        self.exchange.handle(now, Input::Received { flow, bytes: bytes.clone() });
        if self.exchange.counters().unknown_dropped == dropped {
            self.trace.received(now.wall, flow, &bytes);
        }
    }

    fn carry_out(&mut self) {
        let now = self.clock.now();
        while let Some(output) = self.exchange.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    self.trace.sent(now.wall, flow, &bytes);
                    if let Err(failed) = self.sockets.send(flow, bytes, &self.inbox) {
                        self.exchange.handle(now, failed);
                    }
                }
                output => self.carry.carry(now, output),
            }
        }
        self.carry.rest();
    }
}
