//! The last packets of a leg that is relayed, for the room that its call may become.

use std::time::Duration;

use crate::audio::codec::{Codec, Rate};
use crate::audio::g711::Law;
use crate::media::leg::Kind;
use crate::media::rtp::Header;
use crate::media::speech::Sound;
use crate::time::Mono;

/// As much as a jitter buffer looks back at its beginning, and the length of a pitch period with it.
const KEPT: usize = 4;
/// Who has said nothing for so long does not go on.
const STALE: Duration = Duration::from_millis(60);

#[derive(Debug, Default)]
pub struct Recent {
    packets: [Option<Packet>; KEPT],
    next: usize,
}

#[derive(Debug)]
struct Packet {
    came: Mono,
    header: Header,
    voice: Voice,
}

/// G.711 is decoded only where a room comes of it.
#[derive(Debug)]
enum Voice {
    Codes(Law, Vec<u8>),
    Sound(Rate, Vec<i16>),
}

impl Recent {
    pub fn keep(&mut self, now: Mono, sound: &mut Sound<'_>) {
        let (header, payload) = (sound.spoken.header, sound.spoken.payload);
        let Kind::Audio(codec) = sound.spoken.kind else { return };
        let Some(place) = self.packets.get_mut(self.next) else { return };
        self.next = (self.next + 1) % KEPT;
        // The memory of the packet whose place it takes.
        let voice = match (codec, place.take().map(|packet| packet.voice)) {
            (Codec::G711(law), Some(Voice::Codes(_, mut codes))) => {
                codes.clear();
                codes.extend_from_slice(payload);
                Voice::Codes(law, codes)
            }
            (Codec::G711(law), _) => Voice::Codes(law, payload.to_vec()),
            (Codec::G722 | Codec::Opus, _) => {
                let Some((rate, samples)) = sound.at_most(codec.rate()) else { return };
                Voice::Sound(rate, samples.to_vec())
            }
        };
        *place = Some(Packet { came: now, header, voice });
    }

    /// What was kept, unless it is long ago, the oldest first; nothing is kept any longer.
    pub fn tell(&mut self, now: Mono, mut each: impl FnMut(Mono, Rate, &Header, Vec<i16>)) {
        let mut packets = std::mem::take(&mut self.packets);
        packets.rotate_left(self.next);
        self.next = 0;
        if packets.iter().flatten().last().is_none_or(|newest| now.since(newest.came) > STALE) {
            return;
        }
        for Packet { came, header, voice } in packets.into_iter().flatten() {
            match voice {
                Voice::Codes(law, codes) => {
                    let samples = codes.iter().map(|code| law.decode(*code)).collect();
                    each(came, Rate::Narrow, &header, samples);
                }
                Voice::Sound(rate, samples) => each(came, rate, &header, samples),
            }
        }
    }
}
