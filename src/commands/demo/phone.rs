//! A simulated telephone: real SIP and RTP on two sockets of its own, one call at a time.
//!
//! It is built from the server's own machines (transactions, session, registration), each driven by
//! a task of this phone; the hotline sees it as it would see any phone in the network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::audio::codec::Codec;
use crate::media::prompt::Clip;
use crate::net::clock::Clock;
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::sip::negotiation::OwnMedia;
use crate::sip::registration::DownReason;
use crate::sip::transactions::{Timers, Transactions};
use crate::time::Mono;

use super::voice::Voice;

mod handset;

use handset::Handset;

/// What happens at a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has taken the password.
    Registered,
    NotRegistered(DownReason),
    /// Somebody calls; the display shows this.
    Rings {
        shows: String,
    },
    /// The other side rings, or plays something while it does.
    Proceeding,
    /// The call that was dialled has been answered.
    Answered,
    /// The call that was dialled has been turned away.
    Refused {
        status: u16,
    },
    /// A sound begins after silence.
    Hears,
    /// The sound has ended.
    Quiet,
    /// What was to be said has been said.
    Spoken,
    /// The other side has ended the call.
    HungUp,
}

/// A phone that is switched on; dropping it switches it off without a word.
#[derive(Debug)]
pub struct Phone {
    orders: UnboundedSender<Order>,
    address: SocketAddr,
}

#[derive(Debug)]
enum Order {
    Register { password: String },
    Dial { number: String, call_id: String },
    Answer,
    Say(Arc<Clip>),
    HangUp,
}

impl Phone {
    /// Switches a phone on, on loopback; at `place` where that is not port 0. `tell` hears of everything that
    /// happens at it.
    pub async fn start(
        clock: Clock,
        user: &str,
        place: u16,
        server: SocketAddr,
        tell: impl Fn(Mono, Event) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sip = UdpSocket::bind((here, place)).await?;
        let (rtp, rtcp) = media_sockets(here).await?;
        let address = sip.local_addr()?;
        let media = OwnMedia {
            address: here,
            port: rtp.local_addr()?.port(),
            codecs: vec![Codec::PCMA, Codec::PCMU],
            ordered: false,
            ptime: 20,
            id: u64::from(address.port()),
        };
        let handset = Handset {
            clock,
            user: user.to_owned(),
            address,
            server: Flow { listener: ListenerId(0), transport: Transport::Udp, remote: server },
            media,
            transactions: Transactions::new(Timers::default(), u64::from_le_bytes(random()?)),
            line: None,
            session: None,
            agreed: None,
            voice: Voice::new(u32::from_le_bytes(random()?)),
            tell: Box::new(tell),
        };
        let (orders, obeys) = unbounded_channel();
        tokio::spawn(handset.run(sip, rtp, rtcp, obeys));
        Ok(Self { orders, address })
    }

    /// Where it is reached by SIP.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes itself known to the server.
    pub fn register(&self, password: &str) {
        self.give(Order::Register { password: password.to_owned() });
    }

    /// Calls a number at the server; the Call-ID of that call.
    pub fn dial(&self, number: &str) -> io::Result<String> {
        let call_id = format!("{}@demo", word()?);
        self.give(Order::Dial { number: number.to_owned(), call_id: call_id.clone() });
        Ok(call_id)
    }

    pub fn answer(&self) {
        self.give(Order::Answer);
    }

    /// Speaks; `Spoken` tells when it has ended.
    pub fn say(&self, words: Arc<Clip>) {
        self.give(Order::Say(words));
    }

    pub fn hang_up(&self) {
        self.give(Order::HangUp);
    }

    fn give(&self, order: Order) {
        // Fails only where the runtime is ending.
        let _ = self.orders.send(order);
    }
}

/// An even port for RTP and the next one for RTCP. (RFC 3550 §11)
async fn media_sockets(here: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..64 {
        let rtp = UdpSocket::bind((here, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((here, port.saturating_add(1))).await
        {
            return Ok((rtp, rtcp));
        }
    }
    Err(io::Error::other("no two free ports for a phone's sound"))
}

/// Sixteen hex digits.
fn word() -> io::Result<String> {
    random().map(|bytes| format!("{:016x}", u64::from_le_bytes(bytes)))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
