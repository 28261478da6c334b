//! Keys pressed on a phone, as RTP named events. (RFC 4733)

/// The payload of a telephone-event packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// 0 to 15 are the keys; more are tones of lines and modems.
    pub code: u8,
    /// The key has been let go; sent three times.
    pub end: bool,
    /// Power below 0 dBm0, in dB: 0 to 63.
    pub volume: u8,
    /// How long so far, in samples since the packet's timestamp.
    pub duration: u16,
}

impl Event {
    /// None where the payload is too short (RFC 4733 §2.3). More events in one packet are ignored.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk()?;
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3F, duration })
    }

    pub const fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, (self.end as u8) << 7 | self.volume & 0x3F, high, low]
    }

    /// The same where `to` ticks of the clock are `from` of this one.
    pub fn counted(self, from: u16, to: u16) -> Self {
        let duration = u32::from(self.duration) * u32::from(to) / u32::from(from.max(1));
        Self { duration: u16::try_from(duration).unwrap_or(u16::MAX), ..self }
    }

    /// The key, where it is one.
    pub fn key(self) -> Option<char> {
        KEYS.get(usize::from(self.code)).copied()
    }

    /// The event of a key.
    pub fn of_key(key: char) -> Option<u8> {
        KEYS.iter().position(|known| *known == key.to_ascii_uppercase()).and_then(|code| u8::try_from(code).ok())
    }
}

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// Turns the many packets of each event into one key.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Stream, start and latest state of the newest event.
    newest: Option<(u32, u32, Event)>,
}

impl Keys {
    /// The key of this packet, where the packet is the first one of its event that arrived: an
    /// event is known by its timestamp, so lost and repeated packets do not matter.
    pub fn hear(&mut self, ssrc: u32, timestamp: u32, event: Event) -> Option<char> {
        if let Some((stream, start, last)) = self.newest
            && stream == ssrc
        {
            let age = timestamp.wrapping_sub(start).cast_signed();
            // A late packet of an older event comes within moments; further back it is a new timeline.
            if (-i32::from(u16::MAX)..=0).contains(&age) {
                if age == 0 && event.duration >= last.duration {
                    self.newest = Some((ssrc, timestamp, event));
                }
                return None;
            }
            // An event longer than the duration field goes on in a new segment (RFC 4733 §2.5.1.3).
            let gap = age.saturating_sub(last.duration.into());
            let goes_on = !last.end && event.code == last.code && age > 0x7FFF && (0..=1600).contains(&gap);
            self.newest = Some((ssrc, timestamp, event));
            return if goes_on { None } else { event.key() };
        }
        self.newest = Some((ssrc, timestamp, event));
        event.key()
    }
}
