//! Recordings as files: written, killed, filled up, rolled, sealed, found again.

mod codings;
mod crash;
mod encrypted;
mod full_disk;
mod heard;
mod kept;
mod played;
mod shelf;
mod slow_disk;
mod sums;
mod voices;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotline::archive::cipher::Suite;
use hotline::archive::lock::{FolderLock, LockError};
use hotline::archive::shelf::{Condition, Shelf, ShelfError};
use hotline::archive::sidecar::{SideCar, What};
use hotline::archive::{
    Archive, Batch, Done, Heard, Order, RecordingMeta, Sealed, Settings, Side, Verdict, Voice, start,
};
use hotline::audio::g711::Law;
use hotline::audio::timeline::Missing;
use hotline::audio::wav::{Format, claimed_frames};
use hotline::call::{CallId, LegId, Mark, Party, Role};
use hotline::time::{Mono, Now, Wall};

const CALL: CallId = CallId(0x0193_5d2e_8a00_0001);
const SEAT: LegId = LegId(6);
const OPENED: Mono = Mono::from_millis(60_000);
/// 2026-11-24T16:30:00Z: in China it is already the 25th.
const STARTED: Wall = Wall(1_795_537_800_000);
const DAY: &str = "2026/11/25";
/// A packet that is spoken from `ms` on lies at `ms` + 20 in the file (see `Timeline`).
const LEEWAY_MS: u64 = 20;

/// A folder of its own, gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hotline-archive-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn call(&self, call: CallId) -> PathBuf {
        self.0.join(DAY).join(call.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Running {
    archive: Archive,
    done: Receiver<Done>,
}

impl Running {
    fn start(settings: Settings) -> Self {
        let (tell, done) = channel();
        let tell = Mutex::new(tell);
        let tell = Arc::new(move |what| {
            let _ = tell.lock().unwrap().send(what);
        });
        Self { archive: start(settings, tell).unwrap(), done }
    }

    fn in_format(folder: &Folder, format: Format) -> Self {
        Self::start(Settings { format, ..Settings::new(folder.0.clone()) })
    }

    /// With the master keys of the tests, where there is a suite.
    fn with_suite(folder: &Folder, format: Format, suite: Option<Suite>) -> Self {
        let keys = suite.map(|_| encrypted::masters(&[1])).unwrap_or_default();
        Self::start(Settings { format, suite, keys, ..Settings::new(folder.0.clone()) })
    }

    fn order(&self, order: Order) {
        self.archive.orders.send(order).unwrap();
    }

    fn open(&self, call: CallId) {
        let meta = RecordingMeta { hotline: "12345".into(), seat: "1001".into(), trunk: "city".into() };
        self.order(Order::Open {
            call,
            now: Now { mono: OPENED, wall: STARTED },
            folder_day: STARTED,
            meta: meta.into(),
        });
    }

    /// Packets of 20 ms from `from` to `to` ms; each sample is what `code` says for its packet's time.
    /// On the right it is the seat's.
    fn speak(&self, call: CallId, side: Side, from: u64, to: u64, code: impl Fn(u64) -> u8) {
        self.say(call, voice_of(side), from, to, code);
    }

    fn say(&self, call: CallId, voice: Voice, from: u64, to: u64, code: impl Fn(u64) -> u8) {
        let packets: Vec<u64> = (from..to).step_by(20).collect();
        for packets in packets.chunks(10) {
            let heard = packets.iter().map(|at| packet(*at)).collect();
            let bytes = packets.iter().flat_map(|at| [code(*at); 160]).collect();
            self.order(Order::Audio { call, voice, batch: Batch { heard, bytes, wide: Vec::new() } });
        }
    }

    fn seal(&self, call: CallId, at: u64) {
        let at = Duration::from_millis(at);
        self.order(Order::Seal { call, ended: STARTED + at, at: OPENED + at });
    }

    fn next(&self) -> Done {
        self.done.recv_timeout(Duration::from_secs(20)).expect("the archive says nothing")
    }

    fn sealed(&self) -> Sealed {
        match self.next() {
            Done::Sealed(sealed) => *sealed,
            Done::Heard { .. } => self.sealed(),
            Done::Failed { error, .. } => panic!("{error}"),
        }
    }
}

fn voice_of(side: Side) -> Voice {
    match side {
        Side::Left => Voice::Citizen,
        Side::Right => Voice::Heard(SEAT),
    }
}

fn citizen() -> Party {
    Party { role: Role::Citizen, number: "138****5678".into(), name: String::new(), leg: Some(LegId(1)) }
}

fn seat(number: &str) -> Party {
    Party { role: Role::Seat, number: number.into(), name: format!("{number} 甲"), leg: Some(SEAT) }
}

/// As it is read from disk.
fn unleashed(party: Party) -> Party {
    Party { leg: None, ..party }
}

fn packet(at: u64) -> Heard {
    Heard {
        arrival: OPENED + Duration::from_millis(at + 20),
        ssrc: 7,
        sequence: (at / 20) as u16,
        timestamp: (at * 8) as u32,
        law: Law::A,
        len: 160,
    }
}

/// A code of its own for each packet, never silence.
fn numbered(at: u64) -> u8 {
    match (at / 20 % 251) as u8 {
        0xd5 => 0xfe,
        code => code,
    }
}

fn quiet(_: u64) -> u8 {
    0xd5
}

/// The bytes of one channel of an A-law file.
fn channel_of(file: &Path, channel: usize) -> Vec<u8> {
    fs::read(file).unwrap()[58..].iter().skip(channel).step_by(2).copied().collect()
}

fn samples_of(file: &Path) -> Vec<i16> {
    hound::WavReader::open(file).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < patience, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_call_is_sealed_with_both_voices_in_their_place() {
    let folder = Folder::new("sealed");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.order(Order::Mark {
        call: CALL,
        at: OPENED + Duration::from_millis(1_500),
        mark: Mark::Joined(seat("1001")),
    });
    // The citizen speaks for 3 s, the seat joins in after 1 s and stops after 2 s.
    running.speak(CALL, Side::Left, 0, 3_000, numbered);
    running.speak(CALL, Side::Right, 1_000, 2_000, numbered);
    running.seal(CALL, 4_000);
    let sealed = running.sealed();

    assert_eq!(sealed.path, Path::new(DAY).join(CALL.to_string()).join("call.wav"));
    assert_eq!((sealed.verdict, sealed.gaps, sealed.recovered, sealed.duration_ms), (Verdict::Ok, 0, false, 4_000));
    assert_eq!((sealed.started, sealed.ended), (STARTED, STARTED + Duration::from_secs(4)));
    assert_eq!((sealed.keep_until.as_str(), sealed.format.as_str()), ("2029-11-26", "alaw"));
    let file = folder.0.join(&sealed.path);
    assert_eq!(sealed.bytes, 58 + 4_000 * 16);
    assert_eq!(fs::metadata(&file).unwrap().len(), sealed.bytes);
    let (left, right) = (channel_of(&file, 0), channel_of(&file, 1));
    for (ms, (left, right)) in left.chunks(8).zip(right.chunks(8)).enumerate() {
        let spoken = |from: u64, to: u64| {
            let at = (ms as u64).checked_sub(LEEWAY_MS).filter(|at| (from..to).contains(at));
            at.map_or(0xd5, |at| numbered(at / 20 * 20))
        };
        assert_eq!((left, right), (&[spoken(0, 3_000); 8][..], &[spoken(1_000, 2_000); 8][..]), "at {ms} ms");
    }

    let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    assert_eq!(Shelf::new(folder.0.clone()).sealed(&Path::new(DAY).join(CALL.to_string())), Some(sealed.clone()));
    assert_eq!(
        (side_car.marks[0].at_ms, &side_car.marks[0].what),
        (1_500, &What::Call(Mark::Joined(unleashed(seat("1001")))))
    );
    assert_eq!(side_car.meta.hotline, "12345");
    assert_eq!(side_car.started_local, "2026-11-25T00:30:00.000+08:00");
    let mut names: Vec<_> = fs::read_dir(folder.call(CALL)).unwrap().map(|entry| entry.unwrap()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let names: Vec<_> = names
        .iter()
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777))
        .collect();
    assert_eq!(names, [("call.json".to_owned(), 0o440), ("call.wav".to_owned(), 0o440)]);
    running.archive.stop();
}

#[test]
fn pcm_is_what_was_heard_in_either_law() {
    let folder = Folder::new("pcm");
    let running = Running::in_format(&folder, Format::Pcm16);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    let heard = (0..50).map(|at| Heard { law: Law::Mu, ..packet(at * 20) }).collect();
    let bytes = (0..50).flat_map(|at| [numbered(at * 20); 160]).collect();
    running.order(Order::Audio {
        call: CALL,
        voice: voice_of(Side::Right),
        batch: Batch { heard, bytes, wide: Vec::new() },
    });
    running.seal(CALL, 1_000);
    let samples = samples_of(&folder.0.join(running.sealed().path));
    for (frame, pair) in samples.chunks(2).enumerate().skip(160) {
        let code = numbered((frame as u64 - 160) / 8);
        assert_eq!(pair, [Law::A.decode(code), Law::Mu.decode(code)], "frame {frame}");
    }
    running.archive.stop();
}

#[test]
fn mu_law_becomes_alaw_in_an_alaw_file() {
    let folder = Folder::new("mu");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    let heard = (0..50).map(|at| Heard { law: Law::Mu, ..packet(at * 20) }).collect();
    let bytes: Vec<u8> = (0..50).flat_map(|at| [numbered(at * 20); 160]).collect();
    running.order(Order::Audio {
        call: CALL,
        voice: voice_of(Side::Right),
        batch: Batch { heard, bytes: bytes.clone(), wide: Vec::new() },
    });
    running.seal(CALL, 1_020);
    let right = channel_of(&folder.0.join(running.sealed().path), 1);
    let mut expected = bytes;
    Law::Mu.transcode(&mut expected);
    assert_eq!(right[160..], expected);
    running.archive.stop();
}

#[test]
fn what_is_missing_degrades_the_recording_and_is_listed() {
    let folder = Folder::new("gaps");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    running.speak(CALL, Side::Left, 1_200, 2_000, numbered);
    let at = OPENED + Duration::from_millis(2_020);
    running.order(Order::Dropped { call: CALL, voice: Voice::Citizen, at, packets: 5 });
    running.speak(CALL, Side::Left, 2_100, 3_000, numbered);
    running.order(Order::NewSource { call: CALL, voice: Voice::Citizen, at, why: "another seat" });
    running.speak(CALL, Side::Left, 3_000, 4_000, numbered);
    running.seal(CALL, 4_000);
    let sealed = running.sealed();
    assert_eq!((sealed.verdict, sealed.gaps), (Verdict::Degraded, 2));
    let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    let gaps: Vec<_> =
        side_car.gaps.iter().map(|gap| (gap.side, gap.start_ms, gap.length_ms, gap.packets, gap.why)).collect();
    let left = Some(Side::Left);
    assert_eq!(gaps, [(left, 1_020, 200, 10, Missing::Lost), (left, 2_020, 100, 5, Missing::Dropped)]);
    assert_eq!((side_car.corrections[0].at_ms, side_car.corrections[0].why.as_str()), (3_020, "another seat"));
    let left = channel_of(&folder.0.join(sealed.path), 0);
    assert!(left[1_020 * 8..1_220 * 8].iter().all(|code| *code == 0xd5), "a gap is silence of the right length");
    assert_eq!(left[1_220 * 8], numbered(1_200));
    running.archive.stop();
}

#[test]
fn a_packet_later_than_memory_reaches_is_put_right_on_disk() {
    let folder = Folder::new("late");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    running.speak(CALL, Side::Left, 1_020, 2_000, numbered);
    // 12 s of the other side push the tape on; then comes what was overtaken.
    running.speak(CALL, Side::Right, 0, 14_000, quiet);
    running.speak(CALL, Side::Left, 1_000, 1_020, numbered);
    running.seal(CALL, 14_000);
    let sealed = running.sealed();
    assert_eq!(sealed.verdict, Verdict::Ok, "nothing is missing any more");
    let left = channel_of(&folder.0.join(sealed.path), 0);
    assert!(left[1_020 * 8..1_040 * 8].iter().all(|code| *code == numbered(1_000)));
    running.archive.stop();
}

#[test]
fn ten_minutes_of_silence_are_ten_minutes_in_the_file() {
    let folder = Folder::new("silence");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    running.speak(CALL, Side::Left, 600_000, 601_000, numbered);
    running.seal(CALL, 700_000);
    let sealed = running.sealed();
    assert_eq!((sealed.duration_ms, sealed.bytes), (700_000, 58 + 700_000 * 16));
    let left = channel_of(&folder.0.join(&sealed.path), 0);
    assert_eq!(left[600_020 * 8], numbered(600_000));
    assert_eq!(left.iter().filter(|code| **code != 0xd5).count(), 16_000);
    running.archive.stop();
}

#[test]
fn files_roll_before_the_limit_and_lose_no_sample() {
    let folder = Folder::new("roll");
    let part_bytes = 1 << 20;
    let running = Running::start(Settings { format: Format::Pcm16, part_bytes, ..Settings::new(folder.0.clone()) });
    running.open(CALL);
    for second in 0..100 {
        running.speak(CALL, Side::Left, second * 1_000, second * 1_000 + 1_000, numbered);
        running.speak(CALL, Side::Right, second * 1_000, second * 1_000 + 1_000, numbered);
    }
    running.seal(CALL, 100_020);
    let sealed = running.sealed();
    let names: Vec<_> = sealed.parts.iter().map(|part| part.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["call.wav", "call-2.wav", "call-3.wav", "call-4.wav"]);
    assert_eq!((sealed.duration_ms, sealed.verdict), (100_020, Verdict::Ok));
    let mut samples = Vec::new();
    for part in &sealed.parts {
        assert!(fs::metadata(folder.0.join(part)).unwrap().len() <= part_bytes);
        samples.extend(samples_of(&folder.0.join(part)));
    }
    assert_eq!(samples.len(), 100_020 * 16);
    for (frame, pair) in samples.chunks(2).enumerate().skip(160) {
        let code = Law::A.decode(numbered((frame as u64 - 160) / 8));
        assert_eq!(pair, [code, code], "frame {frame}");
    }
    let shelf = Shelf::new(folder.0.clone());
    assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Verified);
    running.archive.stop();
}

#[test]
fn many_calls_that_end_together_are_all_sealed() {
    let folder = Folder::new("many");
    let running = Running::in_format(&folder, Format::Alaw);
    let calls: Vec<CallId> = (0..60).map(|call| CallId(CALL.0 + call)).collect();
    for call in &calls {
        running.open(*call);
        running.speak(*call, Side::Left, 0, 200, numbered);
    }
    for call in &calls {
        running.seal(*call, 1_000);
    }
    let mut sealed: Vec<CallId> = calls.iter().map(|_| running.sealed().call).collect();
    sealed.sort_unstable();
    assert_eq!(sealed, calls);
    running.archive.stop();
}

#[test]
fn stopping_seals_what_is_open() {
    let folder = Folder::new("stop");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    let Running { archive, done } = running;
    archive.stop();
    let Done::Sealed(sealed) = done.try_recv().unwrap() else { panic!("not sealed") };
    assert_eq!((sealed.duration_ms, sealed.recovered), (1_020, false));
}

#[test]
fn the_header_of_a_live_file_follows_its_audio() {
    let folder = Folder::new("live");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    let file = folder.call(CALL).join("call.wav.part");
    for second in 1..=2 {
        running.speak(CALL, Side::Left, (second - 1) * 1_000, second * 1_000, numbered);
        until("the audio in the file", || {
            let bytes = fs::read(&file).unwrap_or_default();
            let claimed = claimed_frames(&bytes);
            assert!(
                claimed.is_none_or(|frames| 58 + 2 * frames <= bytes.len() as u64),
                "a header that promises too much"
            );
            claimed == Some((second * 1_000 + LEEWAY_MS) * 8)
        });
    }
    running.seal(CALL, 2_020);
    running.sealed();
    running.archive.stop();
}

#[test]
fn a_call_that_ends_as_it_is_answered_has_an_empty_recording_that_lacks_nothing() {
    let folder = Folder::new("no-length");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.order(Order::Seal { call: CALL, ended: Wall(STARTED.0 - 3), at: OPENED });
    let sealed = running.sealed();
    assert_eq!((sealed.started, sealed.ended, sealed.duration_ms), (STARTED, STARTED, 0));
    assert_eq!((sealed.verdict, sealed.gaps), (Verdict::Ok, 0));
    assert!(folder.0.join(sealed.path).exists());
    running.archive.stop();
}
