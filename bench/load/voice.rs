//! The voices of all legs: one thread that speaks at fixed times and listens in between.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use super::ear::Ear;
use super::jitter::{Held, Jitter};
use super::keys::Keys;
use super::mark::{self, Mark};
use super::mixed::{self, MixedEar};
use super::socket::{self, Epoll, Udp};
use super::tone::{self, PACKET};

/// Every leg speaks at its own place of the 20 ms, so that packets come spread, as from a city. A
/// shorter or longer tick changes what a packet costs a relay little (0.5 to 5 ms were tried).
const TICK: u64 = 1_000_000;
const SLOTS: usize = 20;
/// The kernel stamps arrivals, so listening may come in larger steps.
const LISTEN_EVERY: u64 = 2;
/// A tick that begins later than this is counted: the generator was not given its processor.
const LATE: u64 = 5_000_000;
/// Sending times that are kept for each leg: 1.28 s.
const KEPT: usize = 64;
/// The place of third parties.
const THIRD: usize = 2;
/// RTCP sender reports, in packets.
const REPORT_EVERY: u32 = 250;

enum Order {
    Talk { leg: usize, to: SocketAddr },
    Hush { leg: usize },
    Press { leg: usize, keys: String },
    Measure(bool),
    DelayThirds(u64),
    Stop,
}

/// What was heard in the measured window.
#[derive(Default)]
pub struct Heard {
    /// Nanoseconds from a packet's sending to its arrival, all legs.
    pub delays: Vec<u64>,
    pub legs: Vec<LegHeard>,
    /// The same in rooms, the delays of marks by the places of speaker and hearer.
    pub directions: [[Vec<u64>; 3]; 3],
    pub parties: Vec<PartyHeard>,
    pub ticks: u64,
    pub late_ticks: u64,
    /// Nanoseconds.
    pub latest_tick: u64,
}

pub struct LegHeard {
    /// Packets that the leg that it hears has sent.
    pub expected: u64,
    pub ear: Ear,
}

/// One party of a room.
pub struct PartyHeard {
    pub leg: u16,
    /// Packets that it has sent, and marks among them.
    pub spoken: u64,
    pub marks: u64,
    pub ear: MixedEar,
}

pub struct Voice {
    orders: Sender<Order>,
    thread: JoinHandle<Heard>,
}

impl Voice {
    /// So many citizens, then seats, then third parties, with whom calls are rooms. Leg n has port
    /// `first_port` + 2n.
    pub fn start(address: IpAddr, first_port: u16, parties: [usize; 3]) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let mut legs = Vec::new();
        let places = parties.iter().enumerate().flat_map(|(place, count)| std::iter::repeat_n(place, *count));
        for (at, place) in places.enumerate() {
            let port = port(first_port, at);
            let rtp = Udp::bind(SocketAddr::new(address, port), 64 * 1024)?;
            let rtcp = Udp::bind(SocketAddr::new(address, port + 1), 4 * 1024)?;
            epoll.add(&rtp, at as u64)?;
            let (own, other) = if place == 0 { (tone::CITIZEN, tone::SEAT) } else { (tone::SEAT, tone::CITIZEN) };
            legs.push(Leg {
                rtp,
                rtcp,
                voice: None,
                spoken: 0,
                window: None,
                keys: Keys::default(),
                place,
                ear: Ear::new(other, own),
                mixed: MixedEar::new(place),
                marks: 0,
            });
        }
        let (orders, inbox) = mpsc::channel();
        let speakers = Speakers {
            legs,
            epoll,
            slots: vec![Vec::new(); SLOTS],
            tones: [tone::CITIZEN, tone::SEAT, tone::THIRD].map(tone::second),
            mixing: parties[2] > 0,
            round: 0,
            jitter: Jitter::default(),
            measuring: false,
            heard: Heard::default(),
        };
        let thread = std::thread::Builder::new().name("voice".into()).spawn(move || speakers.run(&inbox))?;
        Ok(Self { orders, thread })
    }

    pub fn talk(&self, leg: usize, to: SocketAddr) {
        self.tell(Order::Talk { leg, to });
    }

    pub fn hush(&self, leg: usize) {
        self.tell(Order::Hush { leg });
    }

    /// Keys on its phone, while it talks.
    pub fn press(&self, leg: usize, keys: String) {
        self.tell(Order::Press { leg, keys });
    }

    /// From now on each packet of a third party leaves up to so many milliseconds late.
    pub fn delay_thirds(&self, millis: u64) {
        self.tell(Order::DelayThirds(millis));
    }

    /// Opens or closes the window; packets under way when it closes still count.
    pub fn measure(&self, on: bool) {
        self.tell(Order::Measure(on));
    }

    pub fn stop(self) -> Heard {
        self.tell(Order::Stop);
        self.thread.join().expect("the voice thread does not panic")
    }

    fn tell(&self, order: Order) {
        self.orders.send(order).expect("the voice thread lives until it is told to stop");
    }
}

pub fn port(first: u16, leg: usize) -> u16 {
    first + 2 * u16::try_from(leg).expect("legs fit into the ports")
}

struct Leg {
    rtp: Udp,
    rtcp: Udp,
    voice: Option<Speech>,
    /// Packets sent in all.
    spoken: u32,
    /// First and last packet of the window; the last is open while it lasts.
    window: Option<(u32, u32)>,
    keys: Keys,
    /// 0 a citizen, 1 a seat, 2 a third party.
    place: usize,
    ear: Ear,
    /// In rooms.
    mixed: MixedEar,
    /// Marks sent in the window.
    marks: u64,
}

impl Leg {
    /// Nanoseconds from a packet's sending to `heard`; None: the packet is not of the window.
    fn delay(&self, packet: u32, heard: u64) -> Option<u64> {
        self.window.filter(|(first, last)| *first <= packet && packet < *last)?;
        let kept = packet < self.spoken && self.spoken - packet <= KEPT as u32;
        let sent = self.voice.as_ref().filter(|_| kept).map(|speech| speech.sent_at[packet as usize % KEPT]);
        // Later than the times that are kept, or before it was sent: shown as 2 s, which nobody overlooks.
        Some(sent.and_then(|sent| heard.checked_sub(sent)).unwrap_or(2_000_000_000))
    }
}

struct Speech {
    to: SocketAddr,
    slot: usize,
    sent_at: [u64; KEPT],
}

struct Speakers {
    legs: Vec<Leg>,
    epoll: Epoll,
    slots: Vec<Vec<usize>>,
    tones: [Vec<u8>; 3],
    /// The calls are rooms.
    mixing: bool,
    /// Of 20 ms, the same for all legs.
    round: u64,
    jitter: Jitter,
    measuring: bool,
    heard: Heard,
}

impl Speakers {
    fn run(mut self, inbox: &Receiver<Order>) -> Heard {
        socket::sleep_exactly();
        let mut due = socket::steady();
        let mut tokens = Vec::new();
        for tick in 0.. {
            due += TICK;
            socket::sleep_until(due);
            if self.measuring {
                let late = socket::steady().saturating_sub(due);
                self.heard.ticks += 1;
                self.heard.late_ticks += u64::from(late > LATE);
                self.heard.latest_tick = self.heard.latest_tick.max(late);
            }
            while let Ok(order) = inbox.try_recv() {
                match order {
                    Order::Talk { leg, to } => self.talk(leg, to),
                    Order::Hush { leg } => self.hush(leg),
                    Order::Press { leg, keys } => self.legs[leg].keys.press(&keys),
                    Order::Measure(on) => self.measure(on),
                    Order::DelayThirds(millis) => self.jitter.millis = millis,
                    Order::Stop => return self.finish(),
                }
            }
            for Held { leg, to, packet } in self.jitter.due(tick) {
                self.legs[leg].rtp.send(&packet, to);
            }
            self.round = tick / SLOTS as u64;
            let slot = (tick % SLOTS as u64) as usize;
            for at in 0..self.slots[slot].len() {
                self.speak(tick, self.slots[slot][at]);
            }
            if tick % LISTEN_EVERY == 0 {
                self.listen(&mut tokens);
            }
        }
        unreachable!("the ticks have no end")
    }

    fn talk(&mut self, leg: usize, to: SocketAddr) {
        self.hush(leg);
        let slot = (0..SLOTS).min_by_key(|slot| self.slots[*slot].len()).unwrap_or(0);
        self.slots[slot].push(leg);
        self.legs[leg].voice = Some(Speech { to, slot, sent_at: [0; KEPT] });
    }

    fn hush(&mut self, leg: usize) {
        if let Some(speech) = self.legs[leg].voice.take() {
            self.slots[speech.slot].retain(|other| *other != leg);
        }
    }

    fn measure(&mut self, on: bool) {
        self.measuring = on;
        for leg in &mut self.legs {
            match (&mut leg.window, on) {
                (window, true) => *window = leg.voice.is_some().then_some((leg.spoken, u32::MAX)),
                (Some((_, last)), false) => *last = leg.spoken,
                (None, false) => {}
            }
        }
    }

    fn speak(&mut self, tick: u64, at: usize) {
        let leg = &mut self.legs[at];
        let Some(speech) = &mut leg.voice else { return };
        let number = leg.spoken;
        let key = leg.keys.next(number);
        let began = key.as_ref().map_or(number, |key| key.began);
        let is_marked =
            if self.mixing { mixed::marks(self.round, leg.place) } else { number % mark::EVERY == mark::AT };
        let mut packet = [0; 12 + PACKET];
        packet[0] = 0x80;
        packet[1] = if number == 0 { 0x88 } else { 8 };
        packet[2..4].copy_from_slice(&(number as u16).wrapping_add(1000).to_be_bytes());
        packet[4..8].copy_from_slice(&began.wrapping_mul(PACKET as u32).wrapping_add(50_000).to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc(at).to_be_bytes());
        let mut length = packet.len();
        if let Some(key) = key {
            packet[1] = if key.is_first { 0x80 | 101 } else { 101 };
            packet[12..16].copy_from_slice(&key.payload);
            length = 16;
        } else if is_marked {
            let mut payload = [0; PACKET];
            mark::write(Mark { leg: at as u16, packet: number }, &mut payload);
            packet[12..].copy_from_slice(&payload);
            leg.marks += u64::from(self.measuring && leg.window.is_some());
        } else {
            let tone = &self.tones[leg.place];
            let start = (number as usize % 50) * PACKET;
            packet[12..].copy_from_slice(&tone[start..start + PACKET]);
        }
        speech.sent_at[number as usize % KEPT] = socket::wall();
        if leg.place == THIRD && self.jitter.millis > 0 {
            self.jitter.hold(tick, Held { leg: at, to: speech.to, packet: packet[..length].to_vec() });
        } else {
            leg.rtp.send(&packet[..length], speech.to);
        }
        leg.spoken += 1;
        if number.is_multiple_of(REPORT_EVERY) {
            let to = SocketAddr::new(speech.to.ip(), speech.to.port() + 1);
            leg.rtcp.send(&sender_report(at, number), to);
        }
    }

    fn listen(&mut self, tokens: &mut Vec<u64>) {
        let mut buffer = [0; 2048];
        loop {
            self.epoll.wait(0, tokens);
            for token in tokens.iter() {
                let at = *token as usize;
                if let Some(arrival) = self.legs[at].rtp.receive(&mut buffer) {
                    self.hear(at, &buffer[..arrival.length], arrival.at);
                }
            }
            if tokens.is_empty() {
                return;
            }
        }
    }

    fn hear(&mut self, at: usize, datagram: &[u8], arrived: u64) {
        if self.mixing {
            return self.hear_mixed(at, datagram, arrived);
        }
        let Some(Mark { leg: speaker, packet }) = self.legs[at].ear.place(datagram, self.measuring) else { return };
        let Some(delay) = self.legs.get(usize::from(speaker)).and_then(|other| other.delay(packet, arrived)) else {
            return;
        };
        self.heard.delays.push(delay);
        let ear = &mut self.legs[at].ear;
        ear.count(packet, arrived);
        ear.listen(packet, &datagram[12..]);
    }

    fn hear_mixed(&mut self, at: usize, datagram: &[u8], arrived: u64) {
        let leg = &mut self.legs[at];
        let place = leg.place;
        let Some((mark, begun)) = leg.mixed.hear(datagram, arrived, self.round, self.measuring) else { return };
        let Some(other) = self.legs.get(usize::from(mark.leg)) else { return };
        let Some(delay) = other.delay(mark.packet, begun) else { return };
        self.heard.directions[other.place][place].push(delay);
        *self.legs[at].mixed.marks.entry(mark.leg).or_default() += 1;
    }

    /// Legs are paired by what was heard; one that heard nobody is missing all of it.
    fn finish(mut self) -> Heard {
        let windows: Vec<_> = self.legs.iter().map(|leg| leg.window).collect();
        let spoke = |at: usize| {
            windows.get(at).copied().flatten().map(|(first, last)| u64::from(last.min(self.legs[at].spoken) - first))
        };
        let mut heard = Vec::new();
        for (at, leg) in self.legs.iter().enumerate().filter(|(_, leg)| leg.window.is_some()) {
            let speaker = leg.ear.speaker().unwrap_or(at);
            heard.push(LegHeard { expected: spoke(speaker).unwrap_or(0), ear: leg.ear.clone() });
        }
        self.heard.legs = heard;
        for (at, leg) in self.legs.into_iter().enumerate() {
            let Some((first, last)) = leg.window.filter(|_| self.mixing) else { continue };
            let spoken = u64::from(last.min(leg.spoken) - first);
            self.heard.parties.push(PartyHeard { leg: at as u16, spoken, marks: leg.marks, ear: leg.mixed });
        }
        self.heard
    }
}

fn ssrc(leg: usize) -> u32 {
    0x1234_5000 + leg as u32
}

/// SR and SDES (RFC 3550 §6.4.1): which instant the timestamps stand for.
fn sender_report(leg: usize, number: u32) -> Vec<u8> {
    const FROM_1900_TO_1970: u64 = 2_208_988_800;
    let now = socket::wall();
    let seconds = now / 1_000_000_000 + FROM_1900_TO_1970;
    let ntp = (seconds << 32) | (((now % 1_000_000_000) << 32) / 1_000_000_000);
    let mut report = vec![0x80, 200, 0, 6];
    report.extend(ssrc(leg).to_be_bytes());
    report.extend(ntp.to_be_bytes());
    report.extend(number.wrapping_mul(PACKET as u32).wrapping_add(50_000).to_be_bytes());
    report.extend((number + 1).to_be_bytes());
    report.extend(((number + 1) * PACKET as u32).to_be_bytes());
    report.extend([0x81, 202, 0, 3]);
    report.extend(ssrc(leg).to_be_bytes());
    report.extend([1, 4, b'l', b'o', b'a', b'd', 0, 0]);
    report
}
