//! The files of one recording while it grows: parts of bounded size, each with a true header.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::cipher::Suite;
use super::disk::Disk;
use super::keys::{DataKey, MasterKeys};
use super::names::{PartName, TrackName};
use super::pages::Lock;
use super::part::Part;
use super::tape::{Stroke, lay};
use crate::audio::wav::{self, Layout};
use crate::call::CallId;

/// Frames of silence written at a time where a recording has to catch up.
const SILENCE: u64 = 16_384;

/// The key of a recording, made when its first file is, and shared by all its files.
#[derive(Debug)]
pub(super) struct Vault {
    pub(super) suite: Suite,
    pub(super) masters: MasterKeys,
    pub(super) call: CallId,
    /// With the file that holds it.
    made: OnceLock<(DataKey, Arc<Part>)>,
}

impl Vault {
    pub(super) fn new(suite: Suite, masters: MasterKeys, call: CallId) -> Self {
        Self { suite, masters, call, made: OnceLock::new() }
    }

    /// On disk before it comes back.
    fn key(&self, folder: &Path, disk: &dyn Disk) -> io::Result<DataKey> {
        if let Some((key, _)) = self.made.get() {
            return Ok(key.clone());
        }
        let (key, file) = DataKey::make(self.suite, &self.masters, folder, self.call, disk)?;
        let made = self.made.get_or_init(|| (key, Arc::new(Part::empty(file, None))));
        Ok(made.0.clone())
    }
}

/// The parts of one recording or of one track, addressed by frame.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    track: Option<TrackName>,
    layout: Layout,
    part_bytes: u64,
    /// Frames in a full part.
    capacity: u64,
    parts: Vec<Arc<Part>>,
    /// Frames on disk, without a hole.
    written: u64,
    /// None: in the clear.
    vault: Option<Arc<Vault>>,
    disk: Arc<dyn Disk>,
}

impl Files {
    pub(super) fn new(folder: PathBuf, layout: Layout, part_bytes: u64, disk: Arc<dyn Disk>) -> Self {
        let capacity = layout.frames_within(part_bytes);
        Self { folder, track: None, layout, part_bytes, capacity, parts: Vec::new(), written: 0, vault: None, disk }
    }

    pub(super) fn encrypted(self, vault: Option<Vault>) -> Self {
        Self { vault: vault.map(Arc::new), ..self }
    }

    /// Files for one person's track beside these.
    pub(super) fn of_track(&self, track: TrackName, layout: Layout) -> Self {
        let files = Self::new(self.folder.clone(), layout, self.part_bytes, Arc::clone(&self.disk));
        Self { track: Some(track), vault: self.vault.clone(), ..files }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// What is open, by name.
    pub(super) fn named(&self) -> impl Iterator<Item = (PartName, Arc<Part>)> {
        let named = self.parts.iter().enumerate();
        named.map(|(index, part)| (self.name(index), Arc::clone(part)))
    }

    fn name(&self, index: usize) -> PartName {
        PartName { track: self.track, index, is_encrypted: self.vault.is_some() }
    }

    /// The file with the key, once it is there: like all others it is to be synced.
    pub(super) fn key_file(&self) -> Option<&Arc<Part>> {
        self.vault.as_ref()?.made.get().map(|(_, file)| file)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn is_open(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }

    /// Makes the folder where it is not there yet. A folder with a sealed recording is refused.
    pub(super) fn create_folder(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o750).create(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().mode(0o750).recursive(true).create(&self.folder)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let sealed =
                    ["call.wav", "call.wav.enc", "call.json"].iter().any(|name| self.folder.join(name).exists());
                if sealed { Err(error) } else { Ok(()) }
            }
            made => made,
        }
    }

    /// Makes the first part.
    pub(super) fn create_first(&mut self) -> io::Result<()> {
        self.part(0).map(drop)
    }

    /// Writes whole frames from frame `at` on; what lies between the end of the file and `at` becomes
    /// silence. Headers tell the truth again when it returns.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        while self.written < at {
            let frames = SILENCE.min(at - self.written);
            let silence = vec![self.layout.format.silence(); frames as usize * self.layout.frame_bytes()];
            self.write_frames(self.written, &silence)?;
        }
        self.write_frames(at, bytes)
    }

    fn write_frames(&mut self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        let frame_bytes = self.layout.frame_bytes();
        while !bytes.is_empty() {
            let (index, within) = (at / self.capacity, at % self.capacity);
            let room = usize::try_from(self.capacity - within).unwrap_or(usize::MAX).saturating_mul(frame_bytes);
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            let end = within + (now.len() / frame_bytes) as u64;
            let written = self.written.saturating_sub(index * self.capacity).min(self.capacity);
            let (layout, offset) = (self.layout, self.offset(within));
            let disk = Arc::clone(&self.disk);
            let part = self.part(index)?;
            part.write_at(&*disk, now, offset)?;
            if end > written {
                part.write_sizes(&*disk, &wav::header(layout, end))?;
            }
            at = index * self.capacity + end;
            self.written = self.written.max(at);
            bytes = later;
        }
        Ok(())
    }

    /// Writes one channel over frames that are on disk already; what is not there yet is left out.
    pub(super) fn patch(&self, at: u64, stroke: Stroke<'_>) -> io::Result<()> {
        let (mut at, mut stroke) = (at, stroke);
        while stroke.len() > 0 && at < self.written {
            let (index, within) = (at / self.capacity, at % self.capacity);
            let frames = (self.written - at).min(self.capacity - within).min(stroke.len() as u64) as usize;
            let (now, later) = stroke.split(frames);
            let Some(part) = self.parts.get(index as usize) else { return Ok(()) };
            let mut bytes = vec![0; frames * self.layout.frame_bytes()];
            part.read_exact_at(&mut bytes, self.offset(within))?;
            lay(self.layout, &mut bytes, now);
            part.write_at(&*self.disk, &bytes, self.offset(within))?;
            at += frames as u64;
            stroke = later;
        }
        Ok(())
    }

    fn offset(&self, frame: u64) -> u64 {
        self.layout.format.header_len() as u64 + frame * self.layout.frame_bytes() as u64
    }

    fn part(&mut self, index: u64) -> io::Result<&Part> {
        while self.parts.len() as u64 <= index {
            let name = self.name(self.parts.len());
            let key = self.vault.as_ref().map(|vault| vault.key(&self.folder, &*self.disk)).transpose()?;
            let path = self.folder.join(format!("{name}.part"));
            // Never over another file: a recording that is there belongs to somebody.
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o640).open(path)?;
            self.parts.push(Arc::new(Part::empty(file, key.map(|key| Lock { key, name }))));
            let header = wav::header(self.layout, 0);
            if let Some(part) = self.parts.last() {
                part.write_at(&*self.disk, &header, 0)?;
            }
        }
        self.parts.get(index as usize).map(Arc::as_ref).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
