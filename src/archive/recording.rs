//! One recording while its call goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::disk::Disk;
use super::files::{Files, Vault};
use super::hearing::{Hearing, Outcome};
use super::part::Part;
use super::reel::Reel;
use super::seal::Unsealed;
use super::sidecar::{Mark, SideCar, Trouble, What, millis};
use super::tape::Stroke;
use super::voices::{Voices, lay_out};
use super::{Batch, Class, LEFT, RecordingMeta, Settings, Verdict, Voice};
use crate::audio::timeline::Timeline;
use crate::call::{self, CallId, Course, LegId, MediaFigures, Party, Role};
use crate::rules::retention;
use crate::time::{Mono, Now, Wall};

/// Lines of a call that tells too much are dropped, not the memory of the server.
const MOST_MARKS: usize = 10_000;

#[derive(Debug)]
pub(super) struct Recording {
    pub(super) call: CallId,
    /// When it is next written, and synced.
    pub(super) flush_at: Mono,
    pub(super) sync_at: Mono,
    /// The disk did not take it last time / has been reported for it.
    pub(super) failing: bool,
    pub(super) reported: bool,
    /// The call is over: when, and how often it could not be written since.
    pub(super) ended: Option<(Wall, u32)>,
    started: Wall,
    opened: Mono,
    meta: RecordingMeta,
    course: Course,
    hearing: Hearing,
    /// Not all is well, though nothing may be missing.
    degraded: bool,
    /// When the disk or the recorder last fell behind.
    slow_since: Option<Mono>,
    citizen: Timeline,
    voices: Voices,
    /// Of the primary file.
    reel: Reel,
    marks: Vec<Mark>,
    /// Lines that the live side-car holds.
    noted: usize,
    format: crate::audio::wav::Format,
    /// Relative to the recordings folder.
    relative: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Recording {
    /// A recording that opens at `now`; nothing is on disk before `create`.
    pub(super) fn new(
        call: CallId,
        now: Now,
        folder_day: Wall,
        meta: RecordingMeta,
        settings: &Settings,
        due: (Mono, Mono),
    ) -> Self {
        let relative = relative_folder(call, folder_day);
        let disk = Arc::clone(&settings.disk);
        let folder = settings.recordings.join(&relative);
        let vault = settings.suite.map(|suite| Vault::new(suite, settings.keys.clone(), call));
        let files = Files::new(folder, settings.format.stereo(), settings.part_bytes, disk).encrypted(vault);
        Self {
            call,
            flush_at: due.0,
            sync_at: due.1,
            failing: false,
            reported: false,
            ended: None,
            started: now.wall,
            opened: now.mono,
            meta,
            course: Course::default(),
            hearing: Hearing::default(),
            degraded: false,
            slow_since: None,
            citizen: Timeline::new(now.mono),
            voices: Voices::new(now.mono),
            reel: Reel::new(files),
            marks: Vec::new(),
            noted: 0,
            format: settings.format,
            relative,
            disk: Arc::clone(&settings.disk),
        }
    }

    /// Whatever is open of it.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Arc<Part>> {
        let tracks = self.voices.tracks().map(|track| &track.reel);
        let sound = std::iter::once(&self.reel).chain(tracks).flat_map(|reel| reel.files().parts());
        self.reel.files().key_file().into_iter().chain(sound)
    }

    pub(super) fn folder(&self) -> &Path {
        self.reel.files().folder()
    }

    /// The timeline of a voice, of which something is told at `at`.
    pub(super) fn timeline(&mut self, voice: Voice, at: Mono) -> &mut Timeline {
        match voice.leg() {
            None => &mut self.citizen,
            Some(leg) => self.voices.timeline(leg, at),
        }
    }

    /// Audio of one voice.
    pub(super) fn hear(&mut self, voice: Voice, batch: &Batch) {
        self.hearing.hear(voice);
        let Self { citizen, voices, reel, .. } = self;
        match voice {
            Voice::Citizen => lay_out(citizen, batch, |at, heard| {
                reel.put(at, Stroke { channel: LEFT, piece: heard.narrow(), instead_of: None });
            }),
            Voice::Heard(leg) => voices.hear(leg, Class::Heard, batch, reel),
            Voice::Private(leg) => voices.hear(leg, Class::Private, batch, reel),
        }
    }

    /// The call tells something. What comes back is how it was with a party that left.
    pub(super) fn mark(&mut self, at: Mono, mark: call::Mark) -> Option<Outcome> {
        self.course.mark(self.started + at.since(self.opened), &mark);
        match &mark {
            call::Mark::Joined(Party { role, leg: Some(leg), .. })
            | call::Mark::Briefed(Party { role, leg: Some(leg), .. })
                if *role != Role::Citizen =>
            {
                self.voices.join(*leg, at, self.course.participants().len(), &self.reel);
            }
            call::Mark::Left { party: Party { leg: Some(leg), .. }, .. } => self.voices.leave(*leg, at),
            call::Mark::Joined(_)
            | call::Mark::Left { .. }
            | call::Mark::Held(_)
            | call::Mark::Resumed(_)
            | call::Mark::Moved(_)
            | call::Mark::Briefed(_)
            | call::Mark::Consulted(_)
            | call::Mark::Led(_) => {}
        }
        let outcome = self.hearing.mark(at, &mark);
        self.note_mark(at, What::Call(mark));
        outcome.inspect(|outcome| self.judge(outcome))
    }

    pub(super) fn figures(&mut self, leg: LegId, figures: MediaFigures) {
        self.course.figures(leg, figures);
    }

    /// The disk or the recorder does not follow since `at`.
    pub(super) fn slow(&mut self, at: Mono) {
        if self.slow_since.replace(at) != Some(at) {
            self.degraded = true;
            self.note_mark(at, What::Recorder(Trouble::DiskSlow));
        }
    }

    fn judge(&mut self, outcome: &Outcome) {
        if !outcome.heard {
            self.degraded = true;
            self.note_mark(outcome.from, What::Recorder(Trouble::NoMedia(outcome.side)));
        }
    }

    fn note_mark(&mut self, at: Mono, what: What) {
        if self.marks.len() < MOST_MARKS {
            let at = self.citizen.sample_at(at).max(0).unsigned_abs();
            self.marks.push(Mark { at_ms: millis(at), what });
        }
    }

    /// Nothing comes any more: the recording is as long as the call was. What comes back is how it
    /// was with those who were there to the end.
    pub(super) fn finish(&mut self, ended: Wall, at: Option<Mono>) -> Vec<Outcome> {
        self.citizen.finish();
        let at = at.inspect(|at| self.reel.extend(self.citizen.sample_at(*at).max(0).unsigned_abs()));
        let at = at.unwrap_or_else(|| self.opened + Duration::from_millis(millis(self.reel.end())));
        self.voices.finish(self.reel.end());
        self.ended.get_or_insert((ended, 0));
        self.course.end(self.started + at.since(self.opened), "end");
        let outcomes: Vec<Outcome> = self.hearing.finish(at).collect();
        outcomes.iter().for_each(|outcome| self.judge(outcome));
        outcomes
    }

    pub(super) fn trunk(&self) -> &str {
        &self.meta.trunk
    }

    /// When a recording ended that was never told so.
    pub(super) fn ends_by_length(&self) -> Wall {
        self.started + Duration::from_millis(millis(self.reel.end()))
    }

    /// Brings to disk whatever is not there.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.reel.files().is_open() {
            self.reel.files().create_folder()?;
            // First of all the side-car: whatever else is found after a crash can then be told apart.
            self.note()?;
            self.reel.files_mut().create_first()?;
        }
        if self.lines() > self.noted && self.voices.tracks().any(|track| !track.reel.files().is_open()) {
            // Where a track begins is known before the track is there.
            self.note()?;
        }
        let primary = self.reel.flush();
        self.voices.tracks_mut().fold(primary, |so_far, track| so_far.and(track.reel.flush()))
    }

    /// What is not on disk by now is given up and listed.
    pub(super) fn give_up(&mut self) {
        self.reel.give_up();
        self.voices.tracks_mut().for_each(|track| track.reel.give_up());
    }

    /// Refreshes the live side-car where it has news.
    pub(super) fn note_news(&mut self) -> io::Result<()> {
        if self.lines() > self.noted && self.reel.files().is_open() { self.note() } else { Ok(()) }
    }

    fn note(&mut self) -> io::Result<()> {
        self.side_car().write(self.folder(), &*self.disk)?;
        self.noted = self.lines();
        Ok(())
    }

    fn lines(&self) -> usize {
        let side = |side: &Timeline| side.gap_count() as usize + side.corrections().len();
        let persons = self.voices.persons().iter().map(|person| side(&person.timeline));
        let tracks = self.voices.tracks().map(|track| 1 + track.reel.lost().len());
        self.marks.len() + side(&self.citizen) + self.reel.lost().len() + persons.chain(tracks).sum::<usize>()
    }

    fn side_car(&self) -> SideCar {
        let mut side_car = SideCar::new(self.call, self.started, self.meta.clone(), self.format);
        side_car.marks.clone_from(&self.marks);
        side_car.add_course(&self.course);
        side_car.add_citizen(&self.citizen);
        self.voices.persons().iter().for_each(|person| side_car.add_person(person));
        self.voices.tracks().for_each(|track| side_car.add_track(track));
        side_car.add_lost(self.reel.lost());
        side_car
    }

    /// Hands it over for sealing; None where no file could ever be made.
    pub(super) fn unsealed(&self, ended: Wall) -> Option<Unsealed> {
        let files = self.reel.files();
        let side_car = self.side_car();
        // A call that ends in the moment of its answer has nothing that could be missing.
        let without_sound = files.written() == 0 && self.reel.end() > 0;
        let verdict = if self.failing || without_sound {
            Verdict::Failed
        } else if side_car.gap_count > 0 || self.degraded {
            Verdict::Degraded
        } else {
            Verdict::Ok
        };
        let tracks = self.voices.tracks().flat_map(|track| track.reel.files().named());
        let mut parts: Vec<_> = files.named().chain(tracks).collect();
        parts.sort_by_key(|(name, _)| *name);
        files.is_open().then(|| Unsealed {
            folder: files.folder().to_path_buf(),
            relative: self.relative.clone(),
            side_car,
            parts,
            frames: files.written(),
            // The clock was read for the end before it was for the beginning.
            ended: ended.max(self.started),
            verdict,
            recovered: false,
            sealed_at: None,
            reported: self.reported,
            closed: Vec::new(),
        })
    }
}

/// `2026/11/24/<call>`, by the Chinese day on which the call began.
fn relative_folder(call: CallId, day: Wall) -> PathBuf {
    let day = retention::local_day(day);
    PathBuf::from(format!("{:04}/{:02}/{:02}/{call}", day.year(), day.month(), day.day()))
}
