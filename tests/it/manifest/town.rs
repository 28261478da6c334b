//! An archive of its own, with a clock that is set by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hotline::app::alarms::Alarms;
use hotline::app::manifest::{MakeError, Maker, Outside, Parts, key_file};
use hotline::archive::manifest::chain::Last;
use hotline::archive::manifest::folder::Manifests;
use hotline::archive::manifest::key::PublicKey;
use hotline::archive::manifest::verify::{Report, Scope, verify};
use hotline::archive::shelf::Shelf;
use hotline::archive::sums::Sums;
use hotline::archive::{PartLine, Sealed};
use hotline::call::CallId;
use hotline::net::clock::Clock;
use hotline::store::apply::{Applier, Pace};
use hotline::store::entry::{Entry, RecordingFailed};
use hotline::store::journal::{Journal, Options};
use hotline::store::sqlite::Sqlite;
use hotline::time::Wall;
use serde_json::json;

use crate::facts::{self, Folder};

pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
/// 2026-11-24T00:00:00+08:00
pub const MIDNIGHT: i64 = facts::MORNING.0 - 8 * HOUR;

pub struct Town {
    pub folder: Folder,
    pub maker: Maker,
    pub journal: Journal,
    now: Arc<AtomicI64>,
    applier: Applier,
}

impl Town {
    pub fn new(name: &str) -> Self {
        Self::on(Folder::new(&format!("manifest-{name}")))
    }

    /// Starts on whatever lies in the folder.
    pub fn on(folder: Folder) -> Self {
        fs::create_dir_all(folder.join("recordings")).unwrap();
        let now = Arc::new(AtomicI64::new(facts::MORNING.0));
        let clock = Arc::clone(&now);
        let wall: hotline::store::journal::Clock = Arc::new(move || Wall(clock.load(Ordering::Relaxed)));
        let (journal, _) = Journal::open(&folder.join("journal"), wall.clone(), Options::default()).unwrap();
        let store = Arc::new(Sqlite::new(&folder.join("hotline.sqlite")));
        let applier = Applier::start(&journal, Arc::clone(&store), wall.clone(), Pace::default());
        let parts = Parts {
            store,
            journal: journal.clone(),
            progress: applier.progress(),
            shelf: Arc::new(Shelf::new(folder.join("recordings"))),
            alarms: Alarms::new(Clock::start(), journal.clone(), None),
            wall,
        };
        let outside = Outside::new(None, folder.join("archive-head"));
        let key = key_file(&folder.0);
        let maker = Maker::new(parts, &folder.join("recordings"), key, "12345".into(), outside);
        Self { folder, maker, journal, now, applier }
    }

    /// Ends, and starts again on the same files.
    pub async fn restart(self) -> Self {
        let Self { folder, journal, applier, .. } = self;
        journal.close();
        applier.finish(std::time::Duration::from_secs(10)).await;
        Self::on(folder)
    }

    pub fn root(&self) -> PathBuf {
        self.folder.join("recordings")
    }

    pub fn manifests(&self) -> Manifests {
        Manifests::new(&self.root())
    }

    pub fn set(&self, wall: i64) {
        self.now.store(wall, Ordering::Relaxed);
    }

    /// What is made at this time, one after the other, until nothing is due.
    pub async fn makes(&mut self, wall: i64) -> Vec<Last> {
        self.set(wall);
        let mut made = Vec::new();
        while let Some(last) = self.round().await.unwrap() {
            made.push(last);
        }
        made
    }

    pub async fn round(&mut self) -> Result<Option<Last>, MakeError> {
        self.maker.round().await
    }

    /// A recording in the folder of `day`, sealed then, known to the database.
    pub async fn record(&self, n: u64, day: &str, sealed_at: i64) -> Sealed {
        let sealed = put(&self.root(), n, day, sealed_at);
        self.tell(Entry::Sealed(Box::new(sealed.clone()))).await;
        sealed
    }

    pub async fn fail(&self, n: u64, at: i64, error: &str) {
        let failed = RecordingFailed { call: CallId(n), at: Wall(at), error: error.into() };
        self.tell(Entry::RecordingFailed(failed)).await;
    }

    pub async fn tell(&self, entry: Entry) {
        self.journal.record(entry).await.unwrap();
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::read(&self.manifests().public_key()).unwrap()
    }

    pub fn verify(&self, scope: &Scope) -> Report {
        verify(&self.root(), &self.public(), scope, None).unwrap()
    }
}

/// A recording's files, as a seal leaves them.
pub fn put(root: &Path, n: u64, day: &str, sealed_at: i64) -> Sealed {
    let path = PathBuf::from(format!("{day}/{}", CallId(n)));
    let folder = root.join(&path);
    fs::create_dir_all(&folder).unwrap();
    let line = |file: &str, bytes: &[u8]| {
        fs::write(folder.join(file), bytes).unwrap();
        let sums = Sums::of(bytes);
        let (sha256, sm3) = (sums.sha256, Some(sums.sm3));
        PartLine { file: file.into(), bytes: bytes.len() as u64, sha256, sm3, plain_sha256: None }
    };
    let audio = vec![u8::try_from(n % 251).unwrap(); 70_000];
    let (call, track) = (line("call.wav", &audio), line("p3.wav", &audio[..4_000]));
    let sum = Sums::of(&[&audio[..], &audio[..4_000]].concat());
    let side_car = json!({
        "call": CallId(n).to_string(), "started": facts::MORNING.0, "started_local": "", "format": "alaw",
        "sample_rate": 8000, "meta": { "hotline": "12345", "seat": "1001", "trunk": "carrier" },
        "channels": ["", ""], "marks": [], "gaps": [], "gap_count": 0, "corrections": [],
        "seal": {
            "ended": facts::MORNING.0, "duration_ms": 4_000, "bytes": 74_000, "sha256": sum.sha256, "sm3": sum.sm3,
            "sealed_at": sealed_at, "parts": [call.clone()], "verdict": "ok", "keep_until": "2029-11-25",
            "recovered": false,
        },
    });
    let own = line("call.json", side_car.to_string().as_bytes());
    Sealed {
        path: path.join("call.wav"),
        parts: vec![path.join("call.wav")],
        tracks: vec![path.join("p3.wav")],
        started: facts::MORNING,
        ended: Wall(sealed_at - 100),
        sealed_at: Some(Wall(sealed_at)),
        sha256: sum.sha256,
        sm3: Some(sum.sm3),
        files: vec![call, track, own],
        ..facts::sealed_recording(n)
    }
}

/// Whoever means harm has the rights for it.
pub fn overwrite(path: &Path, bytes: &[u8]) {
    if path.exists() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(path, bytes).unwrap();
}
