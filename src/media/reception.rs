//! Loss and jitter of the stream that a peer sends. (RFC 3550 §6.4.1, appendices A.3 and A.8)

use crate::media::rtcp::Block;
use crate::media::rtp::Header;
use crate::time::Mono;

/// A jump in the sequence further than this is a new beginning, not loss (RFC 3550 A.1).
const JUMP: u16 = 3000;

#[derive(Clone, Debug, Default)]
pub struct Reception {
    stream: Option<Stream>,
    /// Of streams that have ended.
    lost_before: u64,
}

#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    first: u32,
    /// Sequence number with its wraps counted above.
    highest: u32,
    received: u32,
    /// Arrival minus timestamp of the last audio packet, in samples.
    transit: Option<i64>,
    /// In sixteenths of a sample.
    jitter: i64,
    reported_expected: u32,
    reported_received: u32,
    sender_report: Option<(u32, Mono)>,
}

impl Reception {
    /// Counts a packet; `timed` where its timestamp tells when it was spoken (audio, not keys).
    pub fn receive(&mut self, now: Mono, header: &Header, timed: bool) {
        let ahead = |stream: &Stream| header.sequence.wrapping_sub(stream.highest as u16).cast_signed();
        let current =
            self.stream.as_mut().filter(|stream| stream.ssrc == header.ssrc && ahead(stream).unsigned_abs() < JUMP);
        let stream = match current {
            Some(stream) => stream,
            None => {
                self.lost_before = self.lost();
                self.stream.insert(Stream::begin(header))
            }
        };
        stream.received = stream.received.wrapping_add(1);
        let ahead = ahead(stream);
        if ahead > 0 {
            stream.highest = stream.highest.wrapping_add_signed(ahead.into());
        }
        if timed {
            let arrival = i64::try_from(now.0 / 125_000).unwrap_or(i64::MAX);
            let transit = arrival.wrapping_sub(header.timestamp.into());
            if let Some(last) = stream.transit {
                // Both run modulo 2^32, and a restarted timestamp is not jitter.
                let change = i64::from((transit.wrapping_sub(last) as i32).unsigned_abs());
                if change < 8000 {
                    stream.jitter += change - ((stream.jitter + 8) >> 4);
                }
            }
            stream.transit = Some(transit);
        }
    }

    /// The peer's sender report: its NTP time comes back in our next block.
    pub fn sender_report(&mut self, now: Mono, ssrc: u32, ntp: u64) {
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.ssrc == ssrc) {
            stream.sender_report = Some(((ntp >> 16) as u32, now));
        }
    }

    /// The block for our next report; the lost fraction counts from the last one.
    pub fn block(&mut self, now: Mono) -> Option<Block> {
        let stream = self.stream.as_mut()?;
        let expected = stream.expected();
        let expected_since = expected.wrapping_sub(stream.reported_expected);
        let received_since = stream.received.wrapping_sub(stream.reported_received);
        (stream.reported_expected, stream.reported_received) = (expected, stream.received);
        let lost_since = u64::from(expected_since.saturating_sub(received_since));
        let fraction = (lost_since * 256).checked_div(expected_since.into()).unwrap_or(0);
        let (last_report, delay) = stream.sender_report.map_or((0, 0), |(ntp, at)| {
            let delay = now.since(at).as_nanos() * 65536 / 1_000_000_000;
            (ntp, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Some(Block {
            ssrc: stream.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: stream.lost(),
            highest_sequence: stream.highest,
            jitter: u32::try_from(stream.jitter >> 4).unwrap_or(u32::MAX),
            last_report,
            delay,
        })
    }

    /// Packets that never came, over all streams.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, |stream| stream.lost().into())
    }

    pub fn jitter_ms(&self) -> f32 {
        self.stream.as_ref().map_or(0.0, |stream| stream.jitter as f32 / 16.0 / 8.0)
    }
}

impl Stream {
    fn begin(header: &Header) -> Self {
        // One wrap in hand, so that a packet from before the first one has a number too.
        let first = 0x1_0000 + u32::from(header.sequence);
        Self {
            ssrc: header.ssrc,
            first,
            highest: first,
            received: 0,
            transit: None,
            jitter: 0,
            reported_expected: 0,
            reported_received: 0,
            sender_report: None,
        }
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.first).wrapping_add(1)
    }

    fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }
}
