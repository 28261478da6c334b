//! One fact of the journal, and its line on disk.

use std::sync::Arc;

use crate::archive::Sealed;
use crate::archive::shelf::Condition;
pub use crate::call::SeatChange;
use crate::call::{CallId, CallRecord, DutyCall, LegId, MissedCall, OpenTicket, ThreewayResult};
use crate::privacy::Private;
use crate::rules::emergency::Category;
use crate::store::keeping::Deed;
use crate::time::Wall;

/// The version of the entries written by this program. A greater one is kept, and not understood.
pub const VERSION: u16 = 1;

/// A fact. What the database holds is a projection of these, in their order.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A caller was let in: the record that is due if neither `Answered` nor `Missed` follows.
    Arrived(Box<MissedCall>),
    /// A seat answered (R32, R33). The journal allots the ticket number.
    Answered(Box<OpenTicket>),
    /// A dialog of ours stands: what it takes to send its BYE after a crash. A later one of the same leg replaces it.
    Leg(Leg),
    /// This dialog is over; a crash from now on leaves nothing to release.
    LegGone(LegGone),
    /// An answered call ended. Makes up for a lost `Answered`: the ticket is opened here if it is not yet.
    Closed(Box<CallRecord>),
    /// The seat marked an ended call as a bad one (R35): its ticket is closed as invalid.
    Invalid(MarkedInvalid),
    /// The seat said after a call what came of its third parties (R23).
    ThreewayResult(MarkedResult),
    Missed(Box<MissedCall>),
    Sealed(Box<Sealed>),
    /// No recording of this call, or not of all of it (R65).
    RecordingFailed(RecordingFailed),
    /// The files of a recording were compared with their seal (R68).
    Verified(Verified),
    Seat(SeatChange),
    Alarm(AlarmChange),
    /// Somebody fetched a recording.
    Access(Access),
    Edit(TicketEdit),
    /// We called a missed caller back (R18).
    CalledBack(CalledBack),
    /// A seat has called a duty phone for an emergency ticket; a later one of the same call replaces it (R28).
    Duty(Box<DutyCall>),
    /// The duty phone has taken an emergency ticket over (R28).
    Handover(Handover),
    /// A manifest lists these recordings and failures, and no later one will.
    Listed(Listed),
    /// What the archive decided about recordings (R70).
    Keeping(Box<Deed>),
    /// A line that a newer program wrote, as it stands on disk. Read only.
    #[serde(skip)]
    Foreign(Private<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Leg {
    pub call: CallId,
    pub leg: LegId,
    pub at: Wall,
    /// JSON of whoever sends the BYE; opaque here.
    pub dialog: Private<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LegGone {
    pub call: CallId,
    pub leg: LegId,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MarkedInvalid {
    pub call: CallId,
    pub at: Wall,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MarkedResult {
    pub call: CallId,
    pub at: Wall,
    pub result: ThreewayResult,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordingFailed {
    pub call: CallId,
    pub at: Wall,
    pub error: String,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    pub call: CallId,
    pub at: Wall,
    pub condition: Condition,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlarmChange {
    pub name: String,
    /// What it is about: a trunk, a seat, a call.
    pub subject: String,
    /// `warning`, `major`, `critical`.
    pub severity: String,
    pub detail: Option<String>,
    /// Raised, else cleared.
    pub active: bool,
    pub at: Wall,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Access {
    pub call: CallId,
    pub who: String,
    pub purpose: String,
    /// Address of the client.
    pub from: Option<String>,
    pub at: Wall,
}

/// What is None stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TicketEdit {
    /// Told apart from every other edit by this, so that it is carried out once.
    pub edit: String,
    pub number: String,
    /// The version that the editor saw; the edit is stale where the ticket has another.
    pub version: u32,
    pub kind: Option<String>,
    pub place: Option<Private<String>>,
    pub text: Option<Private<String>>,
    /// Marks it as an emergency ticket (R28).
    #[serde(default)]
    pub emergency: Option<Category>,
    pub by: String,
    pub at: Wall,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CalledBack {
    /// The first missed call of the task.
    pub task: CallId,
    pub at: Wall,
    pub reached: bool,
}

/// Who took an emergency ticket over, and in which call; the first one of a ticket counts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Handover {
    /// Number of the ticket.
    pub ticket: String,
    pub call: CallId,
    pub accepted_by: Private<String>,
    /// Who wrote it down.
    pub by: String,
    pub at: Wall,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Listed {
    /// `2026-11-24`, or `2026-11-24-2`.
    pub manifest: String,
    pub calls: Vec<CallId>,
    pub failures: Vec<(CallId, Wall)>,
}

impl Entry {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Answered(opened) => Some(opened.call),
            Self::Leg(leg) => Some(leg.call),
            Self::LegGone(gone) => Some(gone.call),
            Self::Closed(ended) => Some(ended.opened.call),
            Self::Invalid(marked) => Some(marked.call),
            Self::ThreewayResult(marked) => Some(marked.call),
            Self::Arrived(missed) | Self::Missed(missed) => Some(missed.call),
            Self::Sealed(sealed) => Some(sealed.call),
            Self::RecordingFailed(failed) => Some(failed.call),
            Self::Verified(verified) => Some(verified.call),
            Self::Access(access) => Some(access.call),
            Self::CalledBack(called) => Some(called.task),
            Self::Duty(duty) => Some(duty.call),
            Self::Handover(handover) => Some(handover.call),
            Self::Seat(_) | Self::Alarm(_) | Self::Edit(_) | Self::Listed(_) | Self::Keeping(_) | Self::Foreign(_) => {
                None
            }
        }
    }

    /// Whether a caller waits for this one to be on disk.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Answered(_) | Self::Edit(_) | Self::Access(_) | Self::Handover(_) | Self::Keeping(_))
    }
}

/// An entry with its place in the journal.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    pub v: u16,
    /// 1, 2, 3 … over all segments of one journal.
    pub seq: u64,
    /// When it was written.
    pub at: Wall,
    /// The ticket number of the call, for `Answered` and `Closed`.
    pub number: Option<String>,
    pub entry: Entry,
}

/// A line of a segment.
#[derive(Debug)]
pub(super) enum Line<H> {
    Head(Box<H>),
    Record(Arc<Record>),
}

#[derive(serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a, H> {
    Head(&'a H),
    Record(&'a Record),
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read<H> {
    Head(Box<H>),
    Record(Record),
}

/// What is known of a line that only a newer program understands.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bare {
    Record { v: u16, seq: u64, at: Wall },
}

pub(super) fn head_line<H: serde::Serialize>(head: &H) -> Option<Vec<u8>> {
    framed(&Written::Head(head))
}

pub(super) fn record_line(record: &Record) -> Option<Vec<u8>> {
    framed(&Written::<()>::Record(record))
}

/// `length crc json\n`: length and CRC-32 of the JSON as 8 hex digits each.
fn framed<T: serde::Serialize>(line: &T) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(line).ok()?;
    let length = u32::try_from(json.len()).ok()?;
    let mut bytes = format!("{length:08x} {:08x} ", crc32(&json)).into_bytes();
    bytes.extend_from_slice(&json);
    bytes.push(b'\n');
    Some(bytes)
}

/// None for a line that is torn or damaged. The newline at its end may be missing: the length tells.
pub(super) fn read_line<H: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<Line<H>> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let (frame, json) = bytes.split_at_checked(18)?;
    let mut fields = std::str::from_utf8(frame).ok()?.split(' ');
    let length = u32::from_str_radix(fields.next()?, 16).ok()?;
    let crc = u32::from_str_radix(fields.next()?, 16).ok()?;
    if usize::try_from(length).ok()? != json.len() || crc != crc32(json) {
        return None;
    }
    match serde_json::from_slice(json) {
        Ok(Read::Head(head)) => Some(Line::Head(head)),
        Ok(Read::Record(record)) if record.v <= VERSION => Some(Line::Record(Arc::new(record))),
        Ok(Read::Record(_)) | Err(_) => {
            let Bare::Record { v, seq, at } = serde_json::from_slice(json).ok()?;
            let raw = Private::new(String::from_utf8_lossy(json).into_owned());
            Some(Line::Record(Arc::new(Record { v, seq, at, number: None, entry: Entry::Foreign(raw) })))
        }
    }
}

/// CRC-32 as in IEEE 802.3 and zip.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let mut value = at as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize])
}
