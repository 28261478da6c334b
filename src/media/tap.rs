//! What the recorder gets of a call: batches of packets per side, handed over without ever waiting.

use std::sync::mpsc::SyncSender;

use crate::archive::{Batch, Heard, Order, Side};
use crate::audio::g711::Law;
use crate::call::{CallId, LegId};
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
    left: Channel,
    right: Channel,
}

#[derive(Debug, Default)]
struct Channel {
    batch: Batch,
    /// Who spoke on this side last.
    party: Option<LegId>,
    changed: Option<(Mono, &'static str)>,
    dropped: u32,
    dropped_at: Mono,
}

impl Tap {
    pub fn new(call: CallId, orders: SyncSender<Order>) -> Self {
        Self { call, orders, left: Channel::default(), right: Channel::default() }
    }

    /// Takes a packet that `party` spoke; `law` None for one that carries no audio. Returns how many
    /// packets were lost to a full queue.
    pub fn hear(
        &mut self,
        now: Mono,
        side: Side,
        party: LegId,
        header: &Header,
        law: Option<Law>,
        payload: &[u8],
    ) -> u32 {
        let mut lost = 0;
        let channel = self.channel(side);
        if channel.party.is_some_and(|last| last != party) {
            lost += self.change(side, now, "another party");
        }
        let channel = self.channel(side);
        channel.party = Some(party);
        let payload = if law.is_some() { payload } else { &[] };
        if channel.batch.heard.is_empty() {
            channel.batch = Batch { heard: Vec::with_capacity(12), bytes: Vec::with_capacity(12 * payload.len()) };
        }
        channel.batch.bytes.extend_from_slice(payload);
        channel.batch.heard.push(Heard {
            arrival: now,
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            law: law.unwrap_or(Law::A),
            len: u16::try_from(payload.len()).unwrap_or(0),
        });
        if channel.batch.heard.len() >= PACKETS {
            lost += self.flush_side(side);
        }
        lost
    }

    /// Another source speaks on this side from now on. Returns the packets lost.
    pub fn change(&mut self, side: Side, now: Mono, why: &'static str) -> u32 {
        let lost = self.flush_side(side);
        self.channel(side).changed = Some((now, why));
        lost
    }

    pub fn sender_report(&mut self, side: Side, arrival: Mono, (ssrc, ntp, timestamp): (u32, u64, u32)) {
        // One report more or less makes no gap, so a full queue is not counted.
        let report = Order::SenderReport { call: self.call, side, arrival, ssrc, ntp, timestamp };
        let _ = self.orders.try_send(report);
    }

    /// Hands over what is there. Returns the packets lost.
    pub fn flush(&mut self) -> u32 {
        self.flush_side(Side::Left) + self.flush_side(Side::Right)
    }

    /// What the recorder has not got yet, in order. Nothing is heard after it, so it is kept until
    /// there is room: whoever drops it would cut the end off without a word.
    pub fn finish(mut self) -> impl Iterator<Item = Order> + use<> {
        let call = self.call;
        let sides = [(Side::Left, std::mem::take(&mut self.left)), (Side::Right, std::mem::take(&mut self.right))];
        sides.into_iter().flat_map(move |(side, Channel { batch, changed, dropped, dropped_at, .. })| {
            let missing = (dropped > 0).then_some(Order::Dropped { call, side, at: dropped_at, packets: dropped });
            let turned = changed.map(|(at, why)| Order::NewSource { call, side, at, why });
            let audio = (!batch.heard.is_empty()).then_some(Order::Audio { call, side, batch });
            missing.into_iter().chain(turned).chain(audio)
        })
    }

    fn flush_side(&mut self, side: Side) -> u32 {
        let call = self.call;
        // Not by `channel`: the queue is borrowed beside it.
        let channel = match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        };
        if channel.dropped > 0 {
            let order = Order::Dropped { call, side, at: channel.dropped_at, packets: channel.dropped };
            if self.orders.try_send(order).is_ok() {
                channel.dropped = 0;
            }
        }
        if let Some((at, why)) = channel.changed
            && channel.dropped == 0
            && self.orders.try_send(Order::NewSource { call, side, at, why }).is_ok()
        {
            channel.changed = None;
        }
        let Some(first) = channel.batch.heard.first().map(|heard| heard.arrival) else { return 0 };
        let batch = std::mem::take(&mut channel.batch);
        let packets = u32::try_from(batch.heard.len()).unwrap_or(u32::MAX);
        // Audio may not overtake the word that something before it is missing.
        let blocked = channel.dropped > 0 || channel.changed.is_some();
        if !blocked && self.orders.try_send(Order::Audio { call, side, batch }).is_ok() {
            return 0;
        }
        if channel.dropped == 0 {
            channel.dropped_at = first;
        }
        channel.dropped = channel.dropped.saturating_add(packets);
        packets
    }

    fn channel(&mut self, side: Side) -> &mut Channel {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}
