//! What the media threads are told, and what they tell: which legs hear each other, what is played
//! to whom, where each leg's packets go.

use std::net::SocketAddr;

use super::{CallId, Hearing, LegId, Prompt};
use crate::audio::codec::Codec;
use crate::audio::ear;
use crate::time::{Mono, Wall};

/// What offer and answer agreed for one leg. Sent again, whole, after each new agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegMedia {
    /// Where the peer's SDP says it receives RTP; None while its address is 0.0.0.0 or its port 0.
    pub remote: Option<SocketAddr>,
    pub remote_rtcp: Option<SocketAddr>,
    pub codec: Codec,
    /// Payload number to send; received packets of any codec's static number are accepted as well.
    pub payload: u8,
    /// Payload number of telephone-event towards the peer and from it, where agreed (RFC 4733).
    pub events_out: Option<u8>,
    pub events_in: Option<u8>,
    /// They count at 48 kHz.
    pub fast_events: bool,
    /// Milliseconds of audio per packet that we generate ourselves (prompts).
    pub ptime: u8,
    /// We may send to the peer / the peer may send to us (hold).
    pub send: bool,
    pub receive: bool,
    /// Counts up with each new SDP or remote tag: re-opens the source lock.
    pub generation: u32,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// Bind RTP on `local` and RTCP on the next port.
    Open {
        leg: LegId,
        /// All legs of one call come onto one thread.
        call: CallId,
        local: SocketAddr,
    },
    Agree {
        leg: LegId,
        media: LegMedia,
    },
    Play {
        leg: LegId,
        prompts: Vec<Prompt>,
        repeat: bool,
        token: u64,
    },
    StopPlay {
        leg: LegId,
    },
    /// Who hears whom; a leg that is not named hears nobody. While `record`, what the citizen says is
    /// recorded left, what those say whom it hears right, and what others say to each other apart.
    Mix {
        call: CallId,
        citizen: LegId,
        hearings: Vec<Hearing>,
        record: bool,
    },
    Close {
        leg: LegId,
    },
    /// The call is over. The recorder is told by way of its media thread, behind whatever was heard
    /// last: told directly, it would seal before that arrives.
    Seal {
        call: CallId,
        ended: Wall,
        at: Mono,
    },
    Stop,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// The socket could not be bound.
    NotOpened {
        leg: LegId,
        local: SocketAddr,
        error: String,
    },
    /// A key was pressed (once per RFC 4733 event).
    Digit {
        leg: LegId,
        digit: char,
    },
    Played {
        leg: LegId,
        token: u64,
    },
    /// Neither RTP nor RTCP since `since`; sent once per silence, after T_rtp.
    Silent {
        leg: LegId,
        since: Mono,
    },
    /// Packets flow again after `Silent`.
    Back {
        leg: LegId,
    },
    /// The locked source changed.
    SourceMoved {
        leg: LegId,
        generation: u32,
    },
    /// The figures as they stand, with each round of RTCP; left out where the channel is full.
    Figures {
        leg: LegId,
        figures: Box<LegFigures>,
    },
    Closed {
        leg: LegId,
        figures: Box<LegFigures>,
    },
}

/// What one leg's media did, for the call record and /metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegFigures {
    pub received: u64,
    pub sent: u64,
    pub lost: u64,
    /// Packets from a source that was not locked.
    pub refused: u64,
    pub source_changes: u32,
    /// Interarrival jitter, milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f32,
    /// As the peer's last receiver report says, 0..=255 of 256.
    pub remote_fraction_lost: u8,
    pub malformed: u64,
    /// Packets of a payload type that nobody agreed on.
    pub unknown: u64,
    /// Packets that the recorder's full queue had no room for.
    pub unrecorded: u64,
    /// What became of its voice in a room.
    pub in_room: ear::Figures,
}
