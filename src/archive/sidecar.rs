//! `call.json` beside the audio: what was recorded, what is missing, and the seal.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::disk::Disk;
use super::names::{Class, PartName, TrackName};
use super::sums::{Hashes, Sums};
use super::voices::{Person, Track};
use super::{RecordingMeta, Sealed, Side, Verdict};
use crate::audio::timeline::{Gap, Missing, Timeline};
use crate::audio::wav::{Format, Layout, RATE};
use crate::call::{self, CallId, Course, Participant, Role, Segment};
use crate::rules::retention;
use crate::time::Wall;

/// Name of the side-car of a sealed recording; its presence is the seal.
pub const SIDE_CAR: &str = "call.json";
/// Its name while the call goes on, without the seal.
pub(super) const LIVE_SIDE_CAR: &str = "call.json.part";

/// The side-car as JSON. Times within the recording are milliseconds from its start.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SideCar {
    pub call: CallId,
    pub started: Wall,
    /// The same for people, in Chinese time.
    pub started_local: String,
    pub meta: RecordingMeta,
    pub format: Format,
    pub sample_rate: u32,
    /// Who is heard on the left and on the right.
    pub channels: [String; 2],
    /// Whatever the call and the recorder told, in its order.
    pub marks: Vec<Mark>,
    /// Who was on the line, from when to when (R66).
    #[serde(default)]
    pub participants: Vec<Participant>,
    /// Who spoke with whom, from when to when; without a hole.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// A leader was on the line: to be heard by the extra right only (R26, R101).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leader: bool,
    /// Silence that should be speech.
    pub gaps: Vec<GapLine>,
    /// All gaps, those included that were too many to be listed.
    pub gap_count: u32,
    /// Where a sender's clock was set anew against the call's.
    pub corrections: Vec<CorrectionLine>,
    /// What single persons said, where there were three parties and more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<TrackLine>,
    /// None while the call goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
}

/// What is known only at the end.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Seal {
    pub ended: Wall,
    pub duration_ms: u64,
    /// Of all files.
    pub bytes: u64,
    /// SHA-256 of all files, one after the other, the primary first and the tracks in their order:
    /// `cat call.wav call-2.wav p2.wav p3.wav p3-private.wav | sha256sum`.
    pub sha256: String,
    /// The same by SM3: `… | openssl dgst -sm3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm3: Option<String>,
    /// When it was sealed, which may be long after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Wall>,
    /// Of the primary file.
    pub parts: Vec<PartLine>,
    pub verdict: Verdict,
    /// First local day on which it may be erased (R69).
    pub keep_until: String,
    /// Sealed after the server had died in mid-call.
    pub recovered: bool,
}

/// A mono track of one person. It is as long as the person was there, from `offset_ms` on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TrackLine {
    /// Whose: place among `participants`, from 1; above 100 of a shift leader, who is none of them.
    pub participant: usize,
    /// What the citizen heard, or what it did not.
    pub class: Class,
    /// The first file: `p3.wav`.
    pub file: String,
    /// On the call's clock.
    pub offset_ms: u64,
    pub length_ms: u64,
    /// 8000, or 16000 of a wideband phone.
    #[serde(default = "narrow")]
    pub sample_rate: u32,
    /// Empty while the call goes on.
    #[serde(default)]
    pub parts: Vec<PartLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PartLine {
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm3: Option<String>,
    /// Of the WAV that comes out of an encrypted file; `bytes` and the other sums are of the file as it lies
    /// there, so that whoever checks them needs no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_sha256: Option<String>,
}

impl PartLine {
    pub(super) fn new(file: String, bytes: u64, hashes: Hashes) -> Self {
        Self { file, bytes, sha256: hashes.sha256, sm3: Some(hashes.sm3), plain_sha256: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    pub at_ms: u64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum What {
    Call(call::Mark),
    Recorder(Trouble),
    /// As older side-cars have it.
    Text(String),
}

/// What the recorder itself found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Not one packet came from this side in a stay that begins here.
    NoMedia(Side),
    /// The disk or the recorder did not follow.
    DiskSlow,
    /// The server died here; up to a second may be missing.
    Crash,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GapLine {
    /// None: both.
    pub side: Option<Side>,
    /// Whose voice is missing, as in `TrackLine`; None on the left, and where nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<usize>,
    /// The citizen did not hear it anyway.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    pub start_ms: u64,
    pub length_ms: u64,
    /// 0 where they were not counted.
    pub packets: u32,
    pub why: Missing,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CorrectionLine {
    pub side: Side,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<usize>,
    pub at_ms: u64,
    pub why: String,
    /// Later packets of the same sender lie later by this much.
    pub shift_ms: f64,
}

impl SideCar {
    /// The side-car of a recording that has just opened.
    pub(super) fn new(call: CallId, started: Wall, meta: RecordingMeta, format: Format) -> Self {
        Self {
            call,
            started,
            started_local: retention::local_text(started),
            meta,
            format,
            sample_rate: RATE,
            channels: ["citizen".into(), "what the citizen hears from people".into()],
            marks: Vec::new(),
            participants: Vec::new(),
            segments: Vec::new(),
            leader: false,
            gaps: Vec::new(),
            gap_count: 0,
            corrections: Vec::new(),
            tracks: Vec::new(),
            seal: None,
        }
    }

    /// Adds who was there and who spoke with whom.
    pub(super) fn add_course(&mut self, course: &Course) {
        self.participants = course.participants().to_vec();
        self.segments = course.segments().to_vec();
        self.leader = self.participants.iter().any(|who| who.party.role == Role::Leader);
    }

    /// Whoever was there when the server died was there until then.
    pub(super) fn end_course(&mut self, at: Wall) {
        let (stays, segments) = (self.participants.iter_mut(), self.segments.iter_mut());
        stays.map(|who| &mut who.left).chain(segments.map(|segment| &mut segment.to)).for_each(|end| {
            end.get_or_insert(at);
        });
    }

    /// Adds what the citizen's timeline knows.
    pub(super) fn add_citizen(&mut self, timeline: &Timeline) {
        self.add_timeline(Side::Left, None, timeline, |_| Class::Heard);
    }

    pub(super) fn add_person(&mut self, person: &Person) {
        self.add_timeline(Side::Right, person.participant, &person.timeline, |gap| person.class_at(gap.start));
    }

    fn add_timeline(
        &mut self,
        side: Side,
        participant: Option<usize>,
        timeline: &Timeline,
        class: impl Fn(&Gap) -> Class,
    ) {
        self.gaps.extend(timeline.gaps().iter().map(|gap| GapLine {
            participant,
            private: class(gap) == Class::Private,
            ..GapLine::new(Some(side), gap)
        }));
        self.gap_count = self.gap_count.saturating_add(timeline.gap_count());
        self.corrections.extend(timeline.corrections().iter().map(|line| CorrectionLine {
            side,
            participant,
            at_ms: millis(line.at),
            why: line.why.to_owned(),
            shift_ms: line.shift as f64 / f64::from(RATE / 1000),
        }));
    }

    pub(super) fn add_track(&mut self, track: &Track) {
        let Track { name: TrackName { participant, class }, offset, reel, .. } = track;
        let (layout, scale) = (reel.files().layout(), track.scale());
        self.add_lost_of(reel.lost(), |gap| GapLine {
            participant: Some(*participant),
            private: *class == Class::Private,
            ..GapLine::new(
                Some(Side::Right),
                &Gap { start: (gap.start / scale).saturating_add(*offset), len: gap.len / scale, ..*gap },
            )
        });
        self.tracks.push(TrackLine::new(track.name, millis(*offset), layout.millis(reel.end()), layout.rate));
        self.tracks.sort_by_key(|line| (line.participant, line.class));
    }

    /// Adds what the disk did not take.
    pub(super) fn add_lost(&mut self, lost: &[Gap]) {
        self.add_lost_of(lost, |gap| GapLine::new(None, gap));
        self.gaps.sort_by_key(|gap| gap.start_ms);
    }

    /// Adds what of a file never came to disk: frames of its own, from and to.
    pub(super) fn add_damage(&mut self, track: Option<TrackName>, layout: Layout, lost: &[(u64, u64)]) {
        let line = track.and_then(|track| self.tracks.iter().find(|line| line.name() == track));
        let (offset_ms, participant) = (line.map_or(0, |line| line.offset_ms), line.map(|line| line.participant));
        let private = track.is_some_and(|track| track.class == Class::Private);
        self.gaps.extend(lost.iter().map(|(start, end)| GapLine {
            side: track.map(|_| Side::Right),
            participant,
            private,
            start_ms: offset_ms.saturating_add(layout.millis(*start)),
            length_ms: layout.millis(end.saturating_sub(*start)),
            packets: 0,
            why: Missing::Disk,
        }));
        self.gap_count = self.gap_count.saturating_add(u32::try_from(lost.len()).unwrap_or(u32::MAX));
        self.gaps.sort_by_key(|gap| gap.start_ms);
    }

    fn add_lost_of(&mut self, lost: &[Gap], line: impl Fn(&Gap) -> GapLine) {
        self.gaps.extend(lost.iter().map(line));
        self.gap_count = self.gap_count.saturating_add(lost.len() as u32);
    }

    /// The recording as the database holds it; None before it is sealed. `folder` is relative to the
    /// recordings folder; `own` is the side-car itself as a file.
    pub fn sealed(&self, folder: &Path, own: PartLine) -> Option<Sealed> {
        let seal = self.seal.as_ref()?;
        let parts: Vec<_> = seal.parts.iter().map(|part| folder.join(&part.file)).collect();
        let of_tracks = || self.tracks.iter().flat_map(|track| &track.parts);
        Some(Sealed {
            call: self.call,
            path: parts.first()?.clone(),
            parts,
            tracks: of_tracks().map(|part| folder.join(&part.file)).collect(),
            started: self.started,
            ended: seal.ended,
            duration_ms: seal.duration_ms,
            bytes: seal.bytes,
            sha256: seal.sha256.clone(),
            sm3: seal.sm3.clone(),
            sealed_at: seal.sealed_at,
            files: seal.parts.iter().chain(of_tracks()).cloned().chain([own]).collect(),
            format: self.format.name().to_owned(),
            verdict: seal.verdict,
            keep_until: seal.keep_until.clone(),
            gaps: self.gap_count,
            recovered: seal.recovered,
            leader: self.leader,
        })
    }

    /// Reads the side-car at `path`. A server that died between the two steps of a refresh has left
    /// the end of the longer one behind the new one: the first JSON value counts.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::of_text(&fs::read(path)?)
    }

    fn of_text(text: &[u8]) -> io::Result<Self> {
        let first = serde_json::Deserializer::from_slice(text).into_iter().next();
        Ok(first.ok_or(io::ErrorKind::UnexpectedEof)??)
    }

    /// The sealed side-car at `path`, and that file with its sums.
    pub(super) fn read_with_sums(path: &Path) -> io::Result<(Self, PartLine)> {
        let text = fs::read(path)?;
        Ok((Self::of_text(&text)?, own_line(&text)))
    }

    /// That of the call whose folder this is, live or sealed; None where there is none that can be read.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        [LIVE_SIDE_CAR, SIDE_CAR].iter().find_map(|name| Self::read(&folder.join(name)).ok())
    }

    /// Writes it over the live side-car of `folder`. The file, so that the caller may sync it, and what
    /// stands in it.
    ///
    /// Not by a second file and a rename: ext4 answers a rename over a file with a write to the disk
    /// at once, which costs more than all the rest of a seal. Should the power fail within the write,
    /// the sweep seals the audio without what the side-car knew.
    pub(super) fn write(&self, folder: &Path, disk: &dyn Disk) -> io::Result<(File, Vec<u8>)> {
        let path = folder.join(LIVE_SIDE_CAR);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(path)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        disk.write_at(&file, &text, 0)?;
        file.set_len(text.len() as u64)?;
        Ok((file, text))
    }
}

/// The side-car as a file among those of its recording.
pub(super) fn own_line(text: &[u8]) -> PartLine {
    PartLine::new(SIDE_CAR.to_owned(), text.len() as u64, Sums::of(text))
}

impl TrackLine {
    pub(super) fn new(name: TrackName, offset_ms: u64, length_ms: u64, sample_rate: u32) -> Self {
        Self {
            participant: name.participant,
            class: name.class,
            file: PartName { track: Some(name), index: 0, is_encrypted: false }.to_string(),
            offset_ms,
            length_ms,
            sample_rate,
            parts: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> TrackName {
        TrackName { participant: self.participant, class: self.class }
    }
}

impl GapLine {
    fn new(side: Option<Side>, gap: &Gap) -> Self {
        Self {
            side,
            participant: None,
            private: false,
            start_ms: millis(gap.start),
            length_ms: millis(gap.len),
            packets: gap.packets,
            why: gap.why,
        }
    }
}

/// Of side-cars that do not say.
const fn narrow() -> u32 {
    RATE
}

/// Milliseconds of so many samples.
pub(super) fn millis(samples: u64) -> u64 {
    samples / u64::from(RATE / 1000)
}
