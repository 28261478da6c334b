//! What the recorder gets of a call: batches of packets per voice, handed over without ever waiting.

use std::sync::mpsc::SyncSender;

use crate::archive::{Batch, Heard, Order, Voice};
use crate::audio::g711::Law;
use crate::call::CallId;
use crate::media::rtp::Header;
use crate::time::Mono;

/// A batch is handed over every 200 ms, and at this size even before.
const PACKETS: usize = 24;

/// The taps of one call. What did not fit into the recorder's queue is counted, and told when
/// there is room again.
#[derive(Debug)]
pub struct Tap {
    call: CallId,
    orders: SyncSender<Order>,
    /// One for each who has spoken.
    channels: Vec<Channel>,
}

/// A packet's sound as the recorder takes it.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    pub law: Law,
    pub codes: &'a [u8],
    /// The same at 16 kHz where it was spoken so; else empty.
    pub wide: &'a [i16],
}

impl Default for Recorded<'_> {
    fn default() -> Self {
        Self { law: Law::A, codes: &[], wide: &[] }
    }
}

#[derive(Debug)]
struct Channel {
    /// Of all that is in the batch.
    voice: Voice,
    batch: Batch,
    changed: Option<(Mono, &'static str)>,
    dropped: u32,
    dropped_at: Mono,
}

impl Tap {
    pub fn new(call: CallId, orders: SyncSender<Order>) -> Self {
        Self { call, orders, channels: Vec::with_capacity(2) }
    }

    /// Takes a packet of a voice; None for one that carries no audio. Returns how many packets were lost to a
    /// full queue.
    pub fn hear(&mut self, now: Mono, voice: Voice, header: &Header, recorded: Option<Recorded<'_>>) -> u32 {
        let Self { call, orders, channels } = self;
        let channel = channel(channels, voice);
        let mut lost = 0;
        if channel.voice != voice {
            // Others hear it from this packet on.
            lost += channel.flush(*call, orders);
            channel.voice = voice;
        }
        let Recorded { law, codes: payload, wide } = recorded.unwrap_or_default();
        if !payload.is_empty() && !channel.batch.bytes.is_empty() && wide.is_empty() != channel.batch.wide.is_empty() {
            lost += channel.flush(*call, orders);
        }
        if channel.batch.heard.is_empty() {
            let (heard, bytes) = (Vec::with_capacity(12), Vec::with_capacity(12 * payload.len()));
            channel.batch = Batch { heard, bytes, wide: Vec::with_capacity(12 * wide.len()) };
        }
        channel.batch.bytes.extend_from_slice(payload);
        channel.batch.wide.extend_from_slice(wide);
        channel.batch.heard.push(Heard {
            arrival: now,
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            law,
            len: u16::try_from(payload.len()).unwrap_or(0),
        });
        if channel.batch.heard.len() >= PACKETS {
            lost += channel.flush(*call, orders);
        }
        lost
    }

    /// The voice comes from elsewhere from now on. Returns the packets lost.
    pub fn change(&mut self, voice: Voice, now: Mono, why: &'static str) -> u32 {
        let channel = channel(&mut self.channels, voice);
        let lost = channel.flush(self.call, &self.orders);
        channel.changed = Some((now, why));
        lost
    }

    /// Somebody hears the voice again. What it said while nobody did is not missing. Returns the packets lost.
    pub fn resume(&mut self, voice: Voice, now: Mono) -> u32 {
        let spoke = self.channels.iter().any(|channel| channel.voice.leg() == voice.leg());
        if spoke { self.change(voice, now, "heard again") } else { 0 }
    }

    pub fn sender_report(&mut self, voice: Voice, arrival: Mono, (ssrc, ntp, timestamp): (u32, u64, u32)) {
        // One report more or less makes no gap, so a full queue is not counted.
        let report = Order::SenderReport { call: self.call, voice, arrival, ssrc, ntp, timestamp };
        let _ = self.orders.try_send(report);
    }

    /// Hands over what is there. Returns the packets lost.
    pub fn flush(&mut self) -> u32 {
        self.channels.iter_mut().map(|channel| channel.flush(self.call, &self.orders)).sum()
    }

    /// The same for a voice that says nothing more.
    pub fn leave(&mut self, voice: Voice) -> u32 {
        let lost = self.flush();
        self.channels.retain(|channel| channel.voice.leg() != voice.leg() || channel.owes());
        lost
    }

    /// What the recorder has not got yet, in order. Nothing is heard after it, so it is kept until
    /// there is room: whoever drops it would cut the end off without a word.
    pub fn finish(self) -> impl Iterator<Item = Order> + use<> {
        let call = self.call;
        self.channels.into_iter().flat_map(move |Channel { voice, batch, changed, dropped, dropped_at }| {
            let missing = (dropped > 0).then_some(Order::Dropped { call, voice, at: dropped_at, packets: dropped });
            let turned = changed.map(|(at, why)| Order::NewSource { call, voice, at, why });
            let audio = (!batch.heard.is_empty()).then_some(Order::Audio { call, voice, batch });
            missing.into_iter().chain(turned).chain(audio)
        })
    }
}

/// The channel of whoever this is.
fn channel(channels: &mut Vec<Channel>, voice: Voice) -> &mut Channel {
    let place = channels.iter().position(|channel| channel.voice.leg() == voice.leg()).unwrap_or(channels.len());
    if place == channels.len() {
        channels.push(Channel {
            voice,
            batch: Batch::default(),
            changed: None,
            dropped: 0,
            dropped_at: Mono::default(),
        });
    }
    #[allow(clippy::indexing_slicing, reason = "it was found there, or has just been put there")]
    &mut channels[place]
}

impl Channel {
    fn owes(&self) -> bool {
        self.dropped > 0 || self.changed.is_some() || !self.batch.heard.is_empty()
    }

    fn flush(&mut self, call: CallId, orders: &SyncSender<Order>) -> u32 {
        let voice = self.voice;
        if self.dropped > 0 {
            let order = Order::Dropped { call, voice, at: self.dropped_at, packets: self.dropped };
            if orders.try_send(order).is_ok() {
                self.dropped = 0;
            }
        }
        if let Some((at, why)) = self.changed
            && self.dropped == 0
            && orders.try_send(Order::NewSource { call, voice, at, why }).is_ok()
        {
            self.changed = None;
        }
        let Some(first) = self.batch.heard.first().map(|heard| heard.arrival) else { return 0 };
        let batch = std::mem::take(&mut self.batch);
        let packets = u32::try_from(batch.heard.len()).unwrap_or(u32::MAX);
        // Audio may not overtake the word that something before it is missing.
        let blocked = self.dropped > 0 || self.changed.is_some();
        if !blocked && orders.try_send(Order::Audio { call, voice, batch }).is_ok() {
            return 0;
        }
        if self.dropped == 0 {
            self.dropped_at = first;
        }
        self.dropped = self.dropped.saturating_add(packets);
        packets
    }
}
