//! Keys pressed on a phone, as named events in its RTP (RFC 4733).

use std::collections::VecDeque;

use super::tone::PACKET;

/// Packets of a key: so many while it is down, then its end three times, then voice again.
const DOWN: u32 = 4;
const END: u32 = 3;
const PAUSE: u32 = 2;

/// What is still to be pressed.
#[derive(Default)]
pub struct Keys {
    left: VecDeque<u8>,
    step: u32,
    /// The packet with which the key now down began.
    began: u32,
}

pub struct Pressed {
    pub payload: [u8; 4],
    pub began: u32,
    pub is_first: bool,
}

impl Keys {
    /// Digits, `*` and `#`.
    pub fn press(&mut self, keys: &str) {
        self.left.extend(keys.bytes().map(|key| match key {
            b'*' => 10,
            b'#' => 11,
            digit => digit - b'0',
        }));
    }

    /// What goes out in place of this packet's voice, if anything.
    pub fn next(&mut self, packet: u32) -> Option<Pressed> {
        let code = *self.left.front()?;
        let step = self.step;
        self.step += 1;
        if step == 0 {
            self.began = packet;
        }
        if step >= DOWN + END {
            if step + 1 == DOWN + END + PAUSE {
                self.left.pop_front();
                self.step = 0;
            }
            return None;
        }
        let [high, low] = (((step + 1).min(DOWN + 1) * PACKET as u32) as u16).to_be_bytes();
        let end = if step < DOWN { 0 } else { 0x80 };
        Some(Pressed { payload: [code, end | 10, high, low], began: self.began, is_first: step == 0 })
    }
}
