//! The mouth and the ear of a simulated phone: G.711 in packets of 20 ms.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::g711::Law;
use crate::media::prompt::Clip;
use crate::media::rtp::{self, HEADER, Header};
use crate::sip::sdp::Agreed;
use crate::time::Mono;

use super::phone::Event;

/// How much sound one packet holds.
pub const PACKET: Duration = Duration::from_millis(20);
const SAMPLES: usize = 160;
/// A packet whose mean amplitude is above this holds a voice, not noise (of 32,768).
const LOUD: u32 = 150;
/// A pause within a sentence is shorter.
const PAUSE: Duration = Duration::from_millis(600);

/// What one phone says and hears. It sends silence while nobody speaks, as phones do.
#[derive(Debug)]
pub struct Voice {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// What is being said, and how much of it has been.
    words: Option<(Arc<Clip>, usize)>,
    /// When a voice was last heard, while it lasts.
    heard: Option<Mono>,
    news: VecDeque<Event>,
}

impl Voice {
    pub const fn new(ssrc: u32) -> Self {
        Self { ssrc, sequence: 0, timestamp: 0, words: None, heard: None, news: VecDeque::new() }
    }

    pub fn say(&mut self, words: Arc<Clip>) {
        self.words = Some((words, 0));
    }

    /// The next packet, and where it goes.
    pub fn speak(&mut self, agreed: &Agreed) -> Option<(Vec<u8>, SocketAddr)> {
        let law = agreed.codec.law()?;
        let mut codes = [law.silence(); SAMPLES];
        if let Some((clip, said)) = &mut self.words {
            let rest = clip.codes(law).get(*said..).unwrap_or_default();
            codes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            *said += SAMPLES;
            if *said >= clip.len() {
                self.words = None;
                self.news.push_back(Event::Spoken);
            }
        }
        let header = Header {
            payload_type: agreed.payload,
            marker: self.sequence == 0,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES as u32);
        let mut packet = vec![0; HEADER + SAMPLES];
        rtp::write(&header, &codes, &mut packet)?;
        Some((packet, agreed.remote))
    }

    /// A packet has come.
    pub fn hear(&mut self, now: Mono, datagram: &[u8]) {
        let Some((header, codes)) = rtp::read(datagram) else { return };
        let Some(law) = [Law::A, Law::Mu].into_iter().find(|law| law.payload() == header.payload_type) else { return };
        let sum: u32 = codes.iter().map(|code| u32::from(law.decode(*code).unsigned_abs())).sum();
        let count = u32::try_from(codes.len()).unwrap_or(u32::MAX).max(1);
        if sum / count > LOUD && self.heard.replace(now).is_none() {
            self.news.push_back(Event::Hears);
        }
    }

    /// `Hears`, `Quiet` and `Spoken`.
    pub fn poll(&mut self, now: Mono) -> Option<Event> {
        if self.heard.is_some_and(|last| now.since(last) > PAUSE) {
            self.heard = None;
            self.news.push_back(Event::Quiet);
        }
        self.news.pop_front()
    }
}

/// These clips one after the other, spoken by another person: faster and higher by `pitch` in tenths
/// (10 is the voice as it is).
pub fn spoken_by_another(clips: &[Arc<Clip>], pitch: usize) -> Arc<Clip> {
    let samples: Vec<i32> =
        clips.iter().flat_map(|clip| clip.codes(Law::A)).map(|code| i32::from(Law::A.decode(*code))).collect();
    let between = |at: usize| {
        let (whole, tenths) = (at * pitch / 10, i32::try_from(at * pitch % 10).unwrap_or(0));
        let (from, to) = (samples.get(whole)?, samples.get(whole + 1)?);
        i16::try_from(from + (to - from) * tenths / 10).ok()
    };
    Arc::new(Clip::new(&(0..).map_while(between).collect::<Vec<_>>()))
}
