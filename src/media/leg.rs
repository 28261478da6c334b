//! One leg's media without its sockets: what a datagram from the peer means, and what is due.

use std::net::SocketAddr;
use std::time::Duration;

use crate::audio::codec::{Codec, Rate};
use crate::audio::dtmf::{Event, Keys};
use crate::audio::inband::Detector;
use crate::call::{CallId, LegId, Typed, Typing};
use crate::media::latch::{Latch, Verdict};
use crate::media::prompt::Playing;
use crate::media::recent::Recent;
use crate::media::reception::Reception;
use crate::media::relay::{Outgoing, Source};
use crate::media::rtp::Header;
use crate::media::speech::{Mouth, Sound, Speaker};
use crate::media::ticks::Slowed;
use crate::media::{LegFigures, LegMedia, rtcp, rtp};
use crate::time::Mono;

pub struct Leg {
    pub id: LegId,
    pub call: CallId,
    pub media: Option<LegMedia>,
    pub out: Outgoing,
    pub playing: Option<Playing>,
    /// Prompts played so far.
    pub prompts: u64,
    /// Frames of its room so far.
    pub mixed: u32,
    /// Of what the peer says, where it is needed as sound.
    pub mouth: Option<Box<Mouth>>,
    /// While it is relayed.
    pub recent: Recent,
    /// Where we make the sound that the peer hears.
    pub speaker: Speaker,
    pub figures: LegFigures,
    latch: Latch,
    reception: Reception,
    clock: Slowed,
    keys: Keys,
    typing: Typing,
    /// The key that is being heard is part of a command of ours.
    pub commands: bool,
    /// Where no telephone-event was agreed.
    tones: Option<Box<Detector>>,
    cname: String,
    /// Where the peer's RTCP comes from.
    rtcp_source: Option<SocketAddr>,
    report_due: Option<Mono>,
    /// The last sign of life, or since when one is expected.
    alive: Mono,
    silent: bool,
}

/// What a payload type stands for on this leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Audio(Codec),
    Event {
        /// It counts at 48 kHz.
        fast: bool,
    },
    Noise,
}

/// A packet that counts as the peer's voice.
#[derive(Debug)]
pub struct Spoken<'a> {
    pub kind: Kind,
    /// Its timestamp counted at 8 kHz.
    pub header: Header,
    pub payload: &'a [u8],
    pub key: Option<char>,
    pub moved: bool,
    /// The first sign of life after a silence that was reported.
    pub back: bool,
}

/// What the peer's RTCP said.
#[derive(Debug)]
pub struct Reported {
    pub sender: Option<(u32, u64, u32)>,
    pub back: bool,
}

/// Comfort noise (RFC 3389), and the number that early devices took for it.
const NOISE: [u8; 2] = [13, 19];

impl Leg {
    /// `random` gives SSRC, first sequence, first timestamp and the name in RTCP (RFC 7022).
    pub fn new(id: LegId, call: CallId, now: Mono, patience: Duration, mut random: impl FnMut() -> u64) -> Self {
        let numbers = random();
        let out = Outgoing::new(random() as u32, numbers as u16, (numbers >> 32) as u32);
        Self {
            id,
            call,
            media: None,
            out,
            playing: None,
            prompts: 0,
            mixed: 0,
            mouth: None,
            recent: Recent::default(),
            speaker: Speaker::default(),
            figures: LegFigures::default(),
            latch: Latch::new(patience),
            reception: Reception::default(),
            clock: Slowed::default(),
            keys: Keys::default(),
            typing: Typing::default(),
            commands: false,
            tones: None,
            cname: format!("{:016x}", random()),
            rtcp_source: None,
            report_due: None,
            alive: now,
            silent: false,
        }
    }

    /// A new agreement. True where a new generation began on a leg that had one.
    pub fn agree(&mut self, now: Mono, media: LegMedia, report_every: Duration) -> bool {
        let fresh = self.media.as_ref().is_none_or(|old| old.generation != media.generation);
        let renewed = fresh && self.media.is_some();
        self.latch.agree(now, media.remote, media.generation);
        if fresh {
            self.rtcp_source = None;
        }
        if !media.send {
            self.out.interrupt();
        }
        if self.media.as_ref().is_none_or(|old| !old.receive) {
            self.alive = now;
        }
        self.report_due.get_or_insert(now + report_every);
        self.media = Some(media);
        renewed
    }

    /// Takes a datagram from the RTP port. None where it is not (or not from) the peer; it is counted.
    pub fn hear<'a>(&mut self, now: Mono, from: SocketAddr, datagram: &'a [u8]) -> Option<Spoken<'a>> {
        let Some((header, payload)) = rtp::read(datagram) else {
            self.figures.malformed += 1;
            return None;
        };
        let media = self.media.as_ref()?;
        let Some(kind) = kind_of(media, header.payload_type) else {
            self.figures.unknown += 1;
            return None;
        };
        let moved = match self.latch.judge(now, from) {
            Verdict::Accept => false,
            Verdict::Moved => true,
            Verdict::Refuse => {
                self.figures.refused += 1;
                return None;
            }
        };
        self.figures.received += 1;
        let key = match kind {
            Kind::Event { .. } => {
                Event::parse(payload).and_then(|event| self.keys.hear(header.ssrc, header.timestamp, event))
            }
            Kind::Audio(_) | Kind::Noise => None,
        };
        let ticks = match kind {
            Kind::Audio(codec) => codec.ticks(),
            Kind::Event { .. } | Kind::Noise => media.codec.ticks(),
        };
        let header = Header { timestamp: self.clock.at(header.timestamp, ticks), ..header };
        self.reception.receive(now, &header, matches!(kind, Kind::Audio(_)));
        if let Some(key) = key {
            self.commands = self.typing.press(key) != Typed::Alien;
        }
        Some(Spoken { kind, header, payload, key, moved, back: self.is_alive(now) })
    }

    /// The key whose tones are heard in the peer's voice, where that is its only way to tell keys.
    pub fn key_in_voice(&mut self, sound: &mut Sound<'_>) -> Option<char> {
        if self.media.as_ref().is_none_or(|media| media.events_in.is_some()) {
            self.tones = None;
            return None;
        }
        let tones = self.tones.get_or_insert_default();
        let mut key = None;
        let pressed = |digit| key = Some(digit);
        if let Kind::Audio(Codec::G711(law)) = sound.spoken.kind {
            tones.hear(sound.spoken.payload.iter().map(|code| law.decode(*code)), pressed);
        } else if let Some((_, samples)) = sound.at_most(Rate::Narrow) {
            tones.hear(samples.iter().copied(), pressed);
        }
        if let Some(key) = key {
            self.commands = self.typing.press(key) != Typed::Alien;
        }
        key
    }

    /// The tones of a command of ours are in its voice. Not their first 40 ms: they are known by then.
    pub fn commands_in_voice(&self) -> bool {
        self.commands && self.tones.as_ref().is_some_and(|tones| tones.is_down())
    }

    /// Takes a compound packet from the RTCP port, or one `multiplexed` on the RTP port: that is
    /// read, but not answered there, because nobody agreed on it.
    pub fn hear_rtcp(&mut self, now: Mono, from: SocketAddr, multiplexed: bool, datagram: &[u8]) -> Option<Reported> {
        let media = self.media.as_ref()?;
        let known = [self.latch.source(), media.remote_rtcp, media.remote];
        if !known.into_iter().flatten().any(|known| known.ip() == from.ip()) {
            self.figures.refused += 1;
            return None;
        }
        let Ok(theirs) = rtcp::read(datagram, self.out.ssrc()) else {
            self.figures.malformed += 1;
            return None;
        };
        if !multiplexed {
            self.rtcp_source = Some(from);
        }
        if let Some(fraction) = theirs.fraction_lost {
            self.figures.remote_fraction_lost = fraction;
        }
        let ticks = media.codec.ticks();
        let sender = theirs.sender.map(|(ssrc, ntp, timestamp)| (ssrc, ntp, self.clock.at(timestamp, ticks)));
        if let Some((ssrc, ntp, _)) = sender {
            self.reception.sender_report(now, ssrc, ntp);
        }
        Some(Reported { sender, back: self.is_alive(now) })
    }

    /// Whether what the peer says goes further: not while it is held.
    pub fn may_speak(&self) -> bool {
        self.media.as_ref().is_some_and(|media| media.receive)
    }

    /// Whether we may send, and where to: a peer that has told no address, once it has been heard.
    pub fn target(&self) -> Option<SocketAddr> {
        let media = self.media.as_ref().filter(|media| media.send)?;
        self.latch.target().or(media.remote)
    }

    /// The payload number of this kind towards the peer; None where it does not take it.
    pub fn payload_of(&self, kind: Kind) -> Option<u8> {
        let media = self.media.as_ref()?;
        match kind {
            Kind::Audio(_) => Some(media.payload),
            Kind::Event { .. } => media.events_out,
            // Its receiver fills pauses by itself; comfort noise is not in what we agree on.
            Kind::Noise => None,
        }
    }

    /// The codec in which the peer wants to hear us.
    pub fn codec(&self) -> Codec {
        self.media.as_ref().map_or(Codec::PCMA, |media| media.codec)
    }

    /// The payload of an event where the peer counts at another clock than the one who sent it.
    pub fn event(&self, fast: bool, payload: &[u8]) -> Option<[u8; 4]> {
        let ours = self.media.as_ref()?.fast_events;
        let ticks = |fast| if fast { 6 } else { 1 };
        let event = Event::parse(payload).filter(|_| fast != ours)?;
        Some(event.counted(ticks(fast), ticks(ours)).to_bytes())
    }

    /// How this leg's current stream is known to those who hear it.
    pub fn source(&self, ssrc: u32) -> Source {
        Source::Leg { leg: self.id, ssrc }
    }

    pub fn generation(&self) -> u32 {
        self.latch.generation()
    }

    pub fn report_is_due(&self, now: Mono) -> bool {
        self.report_due.is_some_and(|due| due <= now)
    }

    /// The RTCP report, where one is due (or `bye` wants the last one), and where to send it.
    pub fn report<'a>(
        &mut self,
        now: Mono,
        ntp: u64,
        every: Duration,
        bye: bool,
        out: &'a mut [u8],
    ) -> Option<(&'a [u8], SocketAddr)> {
        let due = self.report_due?;
        if !self.report_is_due(now) && !bye {
            return None;
        }
        self.report_due = Some(due.max(now - every) + every);
        let target = self.rtcp_target()?;
        let ticks = self.codec().ticks();
        let sent = self.out.report(now, ntp);
        let sent = sent.map(|sent| rtcp::Sent { timestamp: sent.timestamp.wrapping_mul(ticks), ..sent });
        let block = self.reception.block(now);
        let block = block.map(|block| rtcp::Block { jitter: block.jitter.saturating_mul(ticks), ..block });
        let ours = rtcp::Ours { ssrc: self.out.ssrc(), cname: &self.cname, sent, block, bye };
        Some((rtcp::write(&ours, out)?, target))
    }

    fn rtcp_target(&self) -> Option<SocketAddr> {
        let media = self.media.as_ref()?;
        let behind_nat = match self.latch.target() {
            Some(target) if Some(target) != media.remote && media.remote.is_some() => {
                Some(SocketAddr::new(target.ip(), target.port().checked_add(1)?))
            }
            Some(_) | None => None,
        };
        self.rtcp_source.or(behind_nat).or(media.remote_rtcp)
    }

    /// Since when the peer is silent, where that just became longer than `limit`. Also of one that is
    /// held and need not speak: whether that means anything is not for media to say.
    pub fn fell_silent(&mut self, now: Mono, limit: Duration) -> Option<Mono> {
        if self.silent || now.since(self.alive) < limit {
            return None;
        }
        self.silent = true;
        Some(self.alive)
    }

    /// The figures as they stand now.
    pub fn totals(&self) -> LegFigures {
        LegFigures {
            lost: self.reception.lost(),
            jitter_ms: self.reception.jitter_ms(),
            source_changes: self.latch.changes(),
            ..self.figures.clone()
        }
    }

    fn is_alive(&mut self, now: Mono) -> bool {
        self.alive = now;
        std::mem::take(&mut self.silent)
    }
}

fn kind_of(media: &LegMedia, payload_type: u8) -> Option<Kind> {
    match payload_type {
        number if Some(number) == media.events_in => Some(Kind::Event { fast: media.fast_events }),
        number if number == media.payload => Some(Kind::Audio(media.codec)),
        number if NOISE.contains(&number) => Some(Kind::Noise),
        number => {
            let known = |codec: &Codec| codec.payload() == number && (codec.is_static() || *codec == media.codec);
            Codec::ALL.into_iter().find(known).map(Kind::Audio)
        }
    }
}
