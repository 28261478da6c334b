//! A phone made of two sockets, and a hotline made of its media threads alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use hotline::archive::Order;
use hotline::audio::codec::Codec;
use hotline::audio::dtmf::Event;
use hotline::call::{CallId, Hearing, LegId};
use hotline::media::prompt::PromptShelf;
use hotline::media::rtp::{self, Header};
use hotline::media::{self, Command, Handle, LegFigures, LegMedia, Limits, Report, Setup};

pub const CALL: CallId = CallId(7);
pub const CITIZEN: LegId = LegId(1);
pub const SEAT: LegId = LegId(2);
pub const SECOND_SEAT: LegId = LegId(3);

pub const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

pub struct Phone {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
}

/// A packet as the phone got it.
#[derive(Debug, Clone)]
pub struct Got {
    pub header: Header,
    pub payload: Vec<u8>,
}

pub struct Hotline {
    pub handle: Handle,
    pub reports: tokio::sync::mpsc::Receiver<Report>,
    pub orders: Receiver<Order>,
    runtime: tokio::runtime::Runtime,
}

/// Two sockets on neighbouring ports, the lower one even.
fn pair(address: IpAddr) -> (UdpSocket, UdpSocket) {
    for _ in 0..1000 {
        let rtp = UdpSocket::bind((address, 0)).unwrap();
        let port = rtp.local_addr().unwrap().port();
        if port.is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind((address, port + 1))
        {
            return (rtp, rtcp);
        }
    }
    panic!("no two neighbouring ports are free");
}

impl Phone {
    pub fn new(address: IpAddr, ssrc: u32) -> Self {
        let (rtp, rtcp) = pair(address);
        for socket in [&rtp, &rtcp] {
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        }
        Self { rtp, rtcp, ssrc, sequence: 65_530, timestamp: 0xFFFF_FF00 }
    }

    pub fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    /// What offer and answer agree with this phone.
    pub fn media(&self, codec: impl Into<Codec>, events: Option<u8>) -> LegMedia {
        let codec = codec.into();
        LegMedia {
            remote: Some(self.address()),
            remote_rtcp: Some(self.rtcp.local_addr().unwrap()),
            codec,
            payload: codec.payload(),
            events_out: events,
            events_in: events,
            fast_events: false,
            ptime: 20,
            send: true,
            receive: true,
            generation: 1,
        }
    }

    /// The next packet of 20 ms of audio.
    pub fn say(&mut self, to: SocketAddr, payload_type: u8, payload: &[u8]) {
        self.send(to, payload_type, false, self.timestamp, payload);
        self.timestamp = self.timestamp.wrapping_add(160);
    }

    pub fn send(&mut self, to: SocketAddr, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let header = Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: self.ssrc };
        let mut packet = [0; 1500];
        let packet = rtp::write(&header, payload, &mut packet).unwrap();
        self.rtp.send_to(packet, to).unwrap();
        self.sequence = self.sequence.wrapping_add(1);
    }

    pub fn hear(&self) -> Got {
        let mut packet = [0; 1500];
        let (length, _) = self.rtp.recv_from(&mut packet).expect("a packet within five seconds");
        let (header, payload) = rtp::read(&packet[..length]).expect("RTP");
        Got { header, payload: payload.to_vec() }
    }

    /// Whether nothing has arrived.
    pub fn hears_nothing(&self) -> bool {
        self.rtp.set_nonblocking(true).unwrap();
        let nothing = self.rtp.recv_from(&mut [0; 1500]).is_err();
        self.rtp.set_nonblocking(false).unwrap();
        nothing
    }
}

impl Hotline {
    pub fn start() -> Self {
        Self::start_with(Limits::default(), 1000, &[])
    }

    pub fn start_with(limits: Limits, room: usize, prompts: &[(&str, &[u8])]) -> Self {
        let (tap, orders) = std::sync::mpsc::sync_channel(room);
        let (sender, reports) = tokio::sync::mpsc::channel(1);
        let handle = media::start(Setup {
            threads: 2,
            prompts: PromptShelf::load(prompts, None),
            tap,
            reports: sender,
            clock: Instant::now(),
            seed: 42,
            limits,
        })
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { handle, reports, orders, runtime }
    }

    /// Opens a leg on free ports for this phone and returns its address.
    pub fn open(&mut self, leg: LegId, address: IpAddr, media: LegMedia) -> SocketAddr {
        let local = {
            let (rtp, _rtcp) = pair(address);
            rtp.local_addr().unwrap()
        };
        self.handle.send(Command::Open { leg, call: CALL, local });
        self.handle.send(Command::Agree { leg, media });
        self.settle();
        local
    }

    /// The citizen and these hear each other.
    pub fn mix(&mut self, others: &[LegId], record: bool) {
        self.arrange(Hearing::all(&[&[CITIZEN], others].concat()), record);
    }

    pub fn arrange(&mut self, hearings: Vec<Hearing>, record: bool) {
        self.handle.send(Command::Mix { call: CALL, citizen: CITIZEN, hearings, record });
        self.settle();
    }

    /// Waits until the commands sent so far are carried out.
    pub fn settle(&mut self) {
        let probe = LegId(999);
        let local = SocketAddr::from(([127, 0, 0, 1], 65_535));
        self.handle.send(Command::Open { leg: probe, call: CALL, local });
        while !matches!(self.report(), Report::NotOpened { leg, .. } if leg == probe) {}
    }

    /// Waits until the packets that this phone sent so far are read: a key comes last.
    pub fn read_up(&mut self, leg: LegId, phone: &mut Phone, to: SocketAddr) {
        phone.send(to, 101, true, phone.timestamp, &Event { code: 1, end: true, volume: 10, duration: 160 }.to_bytes());
        phone.timestamp = phone.timestamp.wrapping_add(160);
        while self.report() != (Report::Digit { leg, digit: '1' }) {}
    }

    pub fn report(&mut self) -> Report {
        let wait = async { tokio::time::timeout(Duration::from_secs(5), self.reports.recv()).await };
        self.runtime.block_on(wait).expect("a report within five seconds").expect("media runs")
    }

    /// Closes a leg and waits for its figures; other reports on the way are dropped.
    pub fn close(&mut self, leg: LegId) -> LegFigures {
        self.handle.send(Command::Close { leg });
        loop {
            if let Report::Closed { leg: closed, figures } = self.report() {
                assert_eq!(closed, leg);
                return *figures;
            }
        }
    }

    pub fn order(&self) -> Order {
        self.orders.recv_timeout(Duration::from_secs(5)).expect("an order within five seconds")
    }
}
