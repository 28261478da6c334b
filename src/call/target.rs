//! Who is to be rung, and what is shown there.

use super::SeatNo;
use super::directory::Shown;
use crate::privacy::Private;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Seat(SeatNo),
    /// A telephone number, on behalf of a hotline number.
    Number {
        number: Private<String>,
        code: String,
        /// An emergency service: reserved channels may be taken (R31).
        reserved: bool,
        /// Through these alone, in this order; where empty, through whichever can carry it.
        trunks: Vec<String>,
        /// A trunk may not allow the citizen's; a withheld number is never shown.
        shown: Shown,
    },
    /// A SIP device at a fixed address that is no seat: `sip:601@192.0.2.60:5060`.
    Device {
        uri: String,
        shown: Shown,
    },
}

impl Target {
    /// A number that somebody has typed, or that is to be called back: ours is shown.
    pub(super) fn number(number: Private<String>, code: String) -> Self {
        Self::Number { number, code, reserved: false, trunks: Vec::new(), shown: Shown::Ours }
    }

    /// The hotline number for which it is called; a seat and a device need none.
    pub(super) fn on_behalf_of(mut self, hotline: String) -> Self {
        match &mut self {
            Self::Number { code, .. } => *code = hotline,
            Self::Seat(_) | Self::Device { .. } => {}
        }
        self
    }
}
