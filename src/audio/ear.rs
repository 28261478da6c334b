//! The jitter buffer of one party in a mix: packets in as they come, even frames out.
//!
//! The delay follows the jitter of the last seconds. It is stretched or shortened by whole pitch
//! periods, blended, so that a change is not heard. The recorder has nothing to do with it: a
//! recording places packets in true time (`timeline`).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::concealment::{Concealment, best_lag, blend};
use crate::time::Mono;

/// Packets over which jitter is judged: some 2.5 s.
const JUDGED: usize = 128;
/// The judgement is renewed once in so many packets.
const EVERY: u32 = 8;
/// Of so many judged packets and more, one may be later than the delay allows for: it would be heard as
/// delay.
const FORGIVING: usize = 32;
/// A frame may end anywhere inside a packet, so that packet must have come before the frame begins.
const PACKET_MS: i64 = 20;
const MARGIN_MS: i64 = 2;
const LONGEST_DELAY_MS: i64 = 200;
/// The delay is corrected when it is this far from what it should be, once in so many frames.
const SLACK_MS: i64 = 8;
const REST: u32 = 5;
/// Pitch periods by which it is corrected, tenths of a millisecond, and the blend.
const SHORTEST: usize = 25;
const LONGEST: usize = 125;
const BLEND_MS: usize = 5;
/// What is said again resembles what was heard last over so long.
const AGAIN_MS: usize = 10;
/// A jump further than this is a new beginning.
const JUMP_MS: i64 = 1000;
/// After so long without a packet the party is silent rather than badly heard.
const PAUSE_MS: i64 = 80;

/// One stream on its way into a mix. Samples are 16-bit linear.
#[derive(Clone, Debug)]
pub struct Ear {
    /// Samples in a millisecond.
    per_ms: i64,
    /// Decoded sound that has not been played, by the extended timestamp of its first sample.
    waiting: BTreeMap<i64, Vec<i16>>,
    stream: Option<Stream>,
    concealment: Concealment,
    /// What has come was heard elsewhere, and nothing was played yet.
    turned: bool,
    /// Samples that the mix waits for a sample beyond the fastest packet.
    delay: i64,
    rest: u32,
    pub figures: Figures,
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames of 20 ms that were asked for while the stream ran.
    pub frames: u64,
    /// Of these, frames of which a part was invented.
    pub concealed: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Corrections of the delay.
    pub stretched: u64,
    pub shortened: u64,
}

#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    /// Where its first packet lies. Before it nothing is missing.
    first: i64,
    newest: i64,
    /// The end of the newest sound that came.
    end: i64,
    /// Arrival minus timestamp of the last packets, in samples.
    transits: VecDeque<i64>,
    until_judged: u32,
    /// The fastest of them.
    fastest: i64,
    /// The next sample to be played.
    play: Option<i64>,
}

impl Ear {
    /// `rate` in samples per second: 8000 or 16000.
    pub fn new(rate: u32) -> Self {
        let per_ms = i64::from(rate / 1000).max(1);
        Self {
            per_ms,
            waiting: BTreeMap::new(),
            stream: None,
            concealment: Concealment::new(rate),
            turned: false,
            delay: (PACKET_MS + MARGIN_MS) * per_ms,
            rest: 0,
            figures: Figures::default(),
        }
    }

    /// Takes a packet's sound. `timestamp` counts samples of this rate.
    pub fn hear(&mut self, now: Mono, ssrc: u32, timestamp: u32, samples: impl IntoIterator<Item = i16>) {
        let samples: Vec<i16> = samples.into_iter().collect();
        let arrival = self.samples_at(now);
        let length = i64::try_from(samples.len()).unwrap_or(0);
        let jump = JUMP_MS * self.per_ms;
        let silent = self.concealment.is_silent();
        let stream = match &mut self.stream {
            Some(stream)
                if stream.ssrc == ssrc
                    && stream.ahead(timestamp).abs() < jump
                    && !(silent && stream.has_passed(timestamp, length)) =>
            {
                stream
            }
            stream => {
                self.waiting.clear();
                stream.insert(Stream::begin(ssrc, timestamp, arrival))
            }
        };
        let at = stream.newest + stream.ahead(timestamp);
        stream.newest = stream.newest.max(at);
        stream.end = stream.end.max(at + length);
        stream.arrived(arrival - at);
        if stream.until_judged == 0 {
            stream.until_judged = EVERY;
            let wanted = stream.judge() + (PACKET_MS + MARGIN_MS) * self.per_ms;
            self.delay = wanted.min(LONGEST_DELAY_MS * self.per_ms);
        }
        if stream.has_passed(timestamp, length) {
            self.figures.late += 1;
        } else {
            self.waiting.insert(at, samples);
        }
    }

    /// What has come so far was heard elsewhere, and sooner. Its last pitch periods are said again until the delay
    /// is there, blended with what would have followed.
    pub fn turn(&mut self) {
        self.turned = true;
        for sound in self.waiting.values() {
            self.concealment.hear(&mut sound.clone());
        }
        self.concealment.turn();
    }

    /// Takes what a codec knows of a packet that was lost; to be called when the next one has come. How late
    /// that was says nothing about jitter.
    pub fn recover(&mut self, ssrc: u32, timestamp: u32, samples: &[i16]) {
        let Some(stream) = self.stream.as_ref().filter(|stream| stream.ssrc == ssrc) else { return };
        let at = stream.newest + stream.ahead(timestamp);
        if at < stream.newest && stream.play.is_none_or(|play| at + length(samples) > play) {
            self.waiting.entry(at).or_insert_with(|| samples.to_vec());
        }
    }

    /// Fills `frame` with what is to be heard now; false while the party says nothing.
    pub fn play(&mut self, now: Mono, frame: &mut [i16]) -> bool {
        let clock = self.samples_at(now);
        let Some(stream) = &mut self.stream else {
            self.concealment.conceal(frame);
            return false;
        };
        let wanted = clock - stream.fastest - self.delay;
        if std::mem::take(&mut self.turned) && wanted < stream.end {
            let back = usize::try_from(stream.end - wanted).unwrap_or(0);
            stream.play =
                Some(stream.end - Self::say_again(&self.waiting, usize::try_from(self.per_ms).unwrap_or(8), back));
        }
        let play = *stream.play.get_or_insert(wanted);
        let length = i64::try_from(frame.len()).unwrap_or(0);
        if play >= stream.end {
            return self.run_dry(clock, frame);
        }
        self.figures.frames += 1;
        let off = wanted - play;
        if off.abs() > JUMP_MS * self.per_ms || (off > 0 && self.concealment.is_silent()) {
            // Nobody hears a jump out of silence.
            stream.play = Some(wanted);
            self.fill(wanted, frame);
            self.advance(wanted + length);
        } else if off.abs() > SLACK_MS * self.per_ms && self.rest == 0 {
            self.rest = REST;
            let changed = if off > 0 { self.shorten(play, frame) } else { self.stretch(play, frame) };
            if !changed {
                self.fill(play, frame);
                self.advance(play + length);
            }
        } else {
            self.rest = self.rest.saturating_sub(1);
            self.fill(play, frame);
            self.advance(play + length);
        }
        true
    }

    /// Nothing has come yet that could be played. The place is kept for a while, which makes the delay
    /// longer; if the stream is over or pauses, its time goes on.
    fn run_dry(&mut self, clock: i64, frame: &mut [i16]) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let Some(play) = stream.play else { return false };
        let pauses = clock - stream.fastest - stream.end > PAUSE_MS * self.per_ms + self.delay;
        if pauses {
            stream.play = Some(play.max(clock - stream.fastest - self.delay));
            self.concealment.conceal(frame);
            return false;
        }
        self.figures.frames += 1;
        self.figures.concealed += 1;
        if clock - stream.fastest - play > LONGEST_DELAY_MS * self.per_ms {
            stream.play = Some(play + i64::try_from(frame.len()).unwrap_or(0));
        }
        self.concealment.conceal(frame);
        true
    }

    /// Copies from `play` on what has come, and invents the rest.
    fn fill(&mut self, play: i64, frame: &mut [i16]) {
        let mut at = play;
        let mut left = frame;
        let mut invented = false;
        let first = self.stream.as_ref().map_or(play, |stream| stream.first);
        while !left.is_empty() {
            let room = i64::try_from(left.len()).unwrap_or(0);
            let here = self.waiting.range(..=at).next_back().filter(|(start, sound)| at < *start + length(sound));
            let (real, take) = match here {
                Some((start, sound)) => (Some((at - start, sound)), (*start + length(sound) - at).min(room)),
                None => (None, self.waiting.range(at..).next().map_or(room, |(start, _)| (start - at).min(room))),
            };
            let (part, rest) = left.split_at_mut(usize::try_from(take).unwrap_or(0));
            match real {
                Some((from, sound)) => {
                    let from = usize::try_from(from).unwrap_or(0);
                    part.copy_from_slice(sound.get(from..from + part.len()).unwrap_or_default());
                    self.concealment.hear(part);
                }
                None => {
                    invented |= at + take > first;
                    self.concealment.conceal(part);
                }
            }
            at += take;
            left = rest;
        }
        self.figures.concealed += u64::from(invented);
    }

    /// How far before the end of what was heard elsewhere the voice begins again, at least `back`, as if
    /// whole pitch periods came twice.
    fn say_again(waiting: &BTreeMap<i64, Vec<i16>>, per_ms: usize, back: usize) -> i64 {
        let sound: Vec<i16> = waiting.values().flatten().copied().collect();
        let lag = best_lag(&sound, back, back + LONGEST * per_ms / 10, AGAIN_MS * per_ms);
        i64::try_from(lag).unwrap_or(0)
    }

    /// Leaves a pitch period out. False where not enough has come.
    fn shorten(&mut self, play: i64, frame: &mut [i16]) -> bool {
        let lag = self.lag();
        let mut later = vec![0; frame.len()];
        if !self.peek(play, frame) || !self.peek(play + lag, &mut later) {
            return false;
        }
        let blended = BLEND_MS * usize::try_from(self.per_ms).unwrap_or(8);
        blend(frame.get(..blended).unwrap_or(&[]), &mut later);
        frame.copy_from_slice(&later);
        self.concealment.hear(frame);
        self.advance(play + lag + length(frame));
        self.figures.shortened += 1;
        true
    }

    /// Says a pitch period twice. False where not enough has come.
    fn stretch(&mut self, play: i64, frame: &mut [i16]) -> bool {
        let lag = self.lag();
        let back = usize::try_from(lag).unwrap_or(0);
        if back >= frame.len() || !self.peek(play, frame) {
            return false;
        }
        let played = self.concealment.heard();
        let mut again = played.get(played.len().saturating_sub(back)..).unwrap_or(&[]).to_vec();
        again.extend_from_slice(frame.get(..frame.len() - back).unwrap_or(&[]));
        let blended = BLEND_MS * usize::try_from(self.per_ms).unwrap_or(8);
        blend(frame.get(..blended).unwrap_or(&[]), &mut again);
        frame.copy_from_slice(&again);
        self.concealment.hear(frame);
        self.advance(play + length(frame) - lag);
        self.figures.stretched += 1;
        true
    }

    fn lag(&self) -> i64 {
        let per_ms = usize::try_from(self.per_ms).unwrap_or(8);
        let lag = best_lag(self.concealment.heard(), SHORTEST * per_ms / 10, LONGEST * per_ms / 10, 20 * per_ms);
        i64::try_from(lag).unwrap_or(0)
    }

    /// Copies without a gap, or not at all.
    fn peek(&self, play: i64, frame: &mut [i16]) -> bool {
        let mut at = play;
        let mut left = frame;
        while !left.is_empty() {
            let Some((start, sound)) = self.waiting.range(..=at).next_back() else { return false };
            let Some(rest) = usize::try_from(at - start).ok().and_then(|from| sound.get(from..)) else { return false };
            let take = rest.len().min(left.len());
            if take == 0 {
                return false;
            }
            let (part, after) = left.split_at_mut(take);
            part.copy_from_slice(rest.get(..take).unwrap_or_default());
            at += i64::try_from(take).unwrap_or(0);
            left = after;
        }
        true
    }

    fn advance(&mut self, to: i64) {
        if let Some(stream) = &mut self.stream {
            stream.play = Some(to);
        }
        while let Some(first) = self.waiting.first_entry()
            && *first.key() + length(first.get()) <= to
        {
            first.remove();
        }
    }

    /// How long the mix waits for a packet beyond the fastest one.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.delay / self.per_ms).unwrap_or(0))
    }

    fn samples_at(&self, now: Mono) -> i64 {
        i64::try_from(u128::from(now.0) * u128::from(self.per_ms.unsigned_abs()) / 1_000_000).unwrap_or(i64::MAX)
    }
}

impl Stream {
    fn begin(ssrc: u32, timestamp: u32, arrival: i64) -> Self {
        // Far from zero, so that what comes out of order has a place.
        let newest = (1 << 32) + i64::from(timestamp);
        Self {
            ssrc,
            first: newest,
            newest,
            end: newest,
            transits: VecDeque::with_capacity(JUDGED),
            until_judged: EVERY,
            fastest: arrival - newest,
            play: None,
        }
    }

    /// Samples from the newest packet to this one.
    fn ahead(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.newest as u32).cast_signed())
    }

    /// So much sound from this timestamp on would come after its time.
    fn has_passed(&self, timestamp: u32, length: i64) -> bool {
        self.play.is_some_and(|play| self.newest + self.ahead(timestamp) + length <= play)
    }

    fn arrived(&mut self, transit: i64) {
        if self.transits.len() == JUDGED {
            self.transits.pop_front();
        }
        self.transits.push_back(transit);
        self.fastest = self.fastest.min(transit);
        self.until_judged = self.until_judged.saturating_sub(1);
    }

    /// How much later than the fastest packet all but a few have come.
    fn judge(&mut self) -> i64 {
        self.fastest = self.transits.iter().copied().min().unwrap_or(self.fastest);
        let (mut slowest, mut second) = (self.fastest, self.fastest);
        for transit in self.transits.iter().copied() {
            second = second.max(transit.min(slowest));
            slowest = slowest.max(transit);
        }
        let judged = if self.transits.len() < FORGIVING { slowest } else { second };
        judged - self.fastest
    }
}

fn length(samples: &[i16]) -> i64 {
    i64::try_from(samples.len()).unwrap_or(0)
}
