//! A leg on its two sockets: RTP, and RTCP on the next port.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::archive::Voice;
use crate::audio::codec::{Codec, Rate};
use crate::audio::g711::Law;
use crate::media::leg::{Kind, Leg};
use crate::media::legs::LATE;
use crate::media::poll::{self, Poll};
use crate::media::relay::Source;
use crate::media::room;
use crate::media::rtp::{self, Header};
use crate::media::speech::Sound;
use crate::time::Mono;

pub struct Port {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    is_ipv6: bool,
    pub leg: Leg,
    /// Slots of those who hear this leg.
    pub feeds: Vec<usize>,
    /// As what this leg is recorded.
    pub voice: Option<Voice>,
    /// What was just played, where it is to be recorded.
    pub told: Option<Told>,
}

/// A piece of a prompt, in the numbers of the prompt itself.
#[derive(Debug)]
pub struct Told {
    pub header: Header,
    pub law: Law,
    pub codes: Vec<u8>,
}

impl Port {
    pub fn bind(leg: Leg, local: SocketAddr) -> io::Result<Self> {
        let next = local.port().checked_add(1).ok_or_else(|| io::Error::other("no port for RTCP"))?;
        let rtp = bind(local)?;
        let rtcp = bind(SocketAddr::new(local.ip(), next))?;
        Ok(Self { rtp, rtcp, is_ipv6: local.is_ipv6(), leg, feeds: Vec::new(), voice: None, told: None })
    }

    /// Tells `token` when RTP has come, and the next one for RTCP.
    pub fn register(&self, poll: &Poll, token: u64) -> io::Result<()> {
        poll.add(&self.rtp, token)?;
        poll.add(&self.rtcp, token + 1)
    }

    /// One datagram, where one is there.
    pub fn receive<'a>(&self, inbox: &'a mut [u8]) -> Option<(&'a [u8], SocketAddr)> {
        receive(&self.rtp, inbox)
    }

    pub fn receive_rtcp<'a>(&self, inbox: &'a mut [u8]) -> Option<(&'a [u8], SocketAddr)> {
        receive(&self.rtcp, inbox)
    }

    /// Sends what another leg said.
    pub fn pass_on(&mut self, now: Mono, source: Source, sound: &mut Sound<'_>, outbox: &mut [u8]) {
        let spoken = sound.spoken;
        let leg = &mut self.leg;
        if leg.playing.is_some() {
            return;
        }
        let Some(target) = leg.target() else { return leg.out.interrupt() };
        let Some(payload_type) = leg.payload_of(spoken.kind) else { return leg.out.skip(source, &spoken.header) };
        let wanted = leg.codec();
        let event;
        let payload = match spoken.kind {
            Kind::Audio(said) if sound.is_muted() || (said != wanted && !(said.is_g711() && wanted.is_g711())) => {
                let Some((rate, samples)) = sound.at_most(wanted.rate()) else { return };
                let payload = leg.speaker.encode(wanted, rate, samples);
                if payload.is_empty() {
                    return leg.out.skip(source, &spoken.header);
                }
                payload
            }
            Kind::Event { fast } => {
                event = leg.event(fast, spoken.payload);
                event.as_ref().map_or(spoken.payload, |event| event.as_slice())
            }
            Kind::Audio(_) | Kind::Noise => spoken.payload,
        };
        let Some(header) = leg.out.place(now, source, &spoken.header, payload.len()) else { return };
        let header = wire(wanted, Header { payload_type, ..header });
        let Some(packet) = rtp::write(&header, payload, outbox) else { return };
        if let (Kind::Audio(Codec::G711(said)), Codec::G711(law)) = (spoken.kind, wanted)
            && said != law
            && !sound.is_muted()
        {
            said.transcode(packet.get_mut(rtp::HEADER..).unwrap_or_default());
        }
        self.send(packet, target);
    }

    /// Sends 20 ms of what a room sounds like to this leg. A prompt that plays to it goes first.
    pub fn send_mixed(&mut self, now: Mono, rate: Rate, samples: &[i16], outbox: &mut [u8]) {
        let leg = &mut self.leg;
        let Some(target) = leg.target().filter(|_| leg.playing.is_none()) else { return leg.out.interrupt() };
        let codec = leg.codec();
        let Some(payload_type) = leg.payload_of(Kind::Audio(codec)) else { return };
        let payload = leg.speaker.encode(codec, rate, samples);
        leg.mixed = leg.mixed.wrapping_add(1);
        let sequence = leg.mixed as u16;
        let timestamp = leg.mixed.wrapping_mul(room::TICKS);
        let header = Header { payload_type, marker: false, sequence, timestamp, ssrc: 0 };
        if let Some(header) = leg.out.place(now, Source::Room, &header, payload.len())
            && let Some(packet) = rtp::write(&wire(codec, header), payload, outbox)
        {
            self.send(packet, target);
        }
    }

    /// Sends the next packet of the prompt; when the one after is due, None where it has ended.
    pub fn play_packet(&mut self, now: Mono, outbox: &mut [u8]) -> Option<Mono> {
        let leg = &mut self.leg;
        let codec = leg.codec();
        let (payload_type, ptime) = leg.media.as_ref().map_or((codec.payload(), 20), |it| (it.payload, it.ptime));
        let mut codes = [0; 480];
        let samples = usize::from(ptime.clamp(10, 60)) * 8;
        let codes = codes.get_mut(..samples)?;
        let law = codec.law().unwrap_or(Law::A);
        let playing = leg.playing.as_mut()?;
        if !playing.fill(law, codes) {
            return None;
        }
        let (sequence, timestamp, recorded) = (playing.sequence, playing.timestamp, playing.recorded);
        playing.sequence = sequence.wrapping_add(1);
        playing.timestamp = timestamp.wrapping_add(u32::try_from(samples).unwrap_or(0));
        let due = if now.since(playing.due) > LATE { now } else { playing.due };
        playing.due = due + Duration::from_micros(u64::try_from(samples).unwrap_or(0) * 125);
        let (next, source) = (playing.due, Source::Prompt(playing.serial));
        let Some(target) = leg.target() else {
            leg.out.interrupt();
            return Some(next);
        };
        let told = recorded.then(|| codes.to_vec());
        let payload = if codec.is_g711() {
            codes
        } else {
            let mut sound = [0; 480];
            sound.iter_mut().zip(&*codes).for_each(|(sample, code)| *sample = law.decode(*code));
            leg.speaker.encode(codec, Rate::Narrow, sound.get(..samples)?)
        };
        let header = Header { payload_type, marker: false, sequence, timestamp, ssrc: 0 };
        self.told = told.map(|codes| Told { header, law, codes });
        if let Some(header) = leg.out.place(now, source, &header, payload.len())
            && let Some(packet) = rtp::write(&wire(codec, header), payload, outbox)
        {
            self.send(packet, target);
        }
        Some(next)
    }

    pub fn send_report(&mut self, now: Mono, ntp: u64, every: Duration, bye: bool, outbox: &mut [u8]) {
        if let Some((report, target)) = self.leg.report(now, ntp, every, bye, outbox) {
            // A lost report is followed by the next one.
            let _ = self.rtcp.send_to(report, self.reachable(target));
        }
    }

    /// An IPv4 peer as a socket bound to `[::]` must name it.
    fn reachable(&self, target: SocketAddr) -> SocketAddr {
        match target.ip() {
            IpAddr::V4(address) if self.is_ipv6 => SocketAddr::new(address.to_ipv6_mapped().into(), target.port()),
            IpAddr::V4(_) | IpAddr::V6(_) => target,
        }
    }

    fn send(&mut self, packet: &[u8], target: SocketAddr) {
        if self.rtp.send_to(packet, self.reachable(target)).is_ok() {
            self.leg.figures.sent += 1;
        }
    }
}

/// A header as a peer with this codec counts.
fn wire(codec: Codec, header: Header) -> Header {
    Header { timestamp: header.timestamp.wrapping_mul(codec.ticks()), ..header }
}

fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    poll::mark_as_voice(&socket, local.is_ipv6());
    Ok(socket)
}

/// One datagram, where one is there.
fn receive<'a>(socket: &UdpSocket, inbox: &'a mut [u8]) -> Option<(&'a [u8], SocketAddr)> {
    let (length, mut from) = socket.recv_from(inbox).ok()?;
    if let SocketAddr::V6(address) = from
        && let Some(mapped) = address.ip().to_ipv4_mapped()
    {
        from = SocketAddr::new(mapped.into(), address.port());
    }
    Some((inbox.get(..length)?, from))
}
