//! Recordings as files: written, killed, filled up, rolled, sealed, found again.

mod heard;
mod slow_disk;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotline::archive::lock::{FolderLock, LockError};
use hotline::archive::shelf::{Condition, Shelf, ShelfError};
use hotline::archive::sidecar::{SideCar, What};
use hotline::archive::{Archive, Batch, Done, Heard, Order, RecordingMeta, Sealed, Settings, Side, Verdict, start};
use hotline::audio::g711::Law;
use hotline::audio::timeline::Missing;
use hotline::audio::wav::{Format, claimed_frames};
use hotline::call::{CallId, LegId, Mark, Party, Role};
use hotline::time::{Mono, Now, Wall};

const CALL: CallId = CallId(0x0193_5d2e_8a00_0001);
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
    fn speak(&self, call: CallId, side: Side, from: u64, to: u64, code: impl Fn(u64) -> u8) {
        let packets: Vec<u64> = (from..to).step_by(20).collect();
        for packets in packets.chunks(10) {
            let heard = packets.iter().map(|at| packet(*at)).collect();
            let bytes = packets.iter().flat_map(|at| [code(*at); 160]).collect();
            self.order(Order::Audio { call, side, batch: Batch { heard, bytes } });
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

fn citizen() -> Party {
    Party { role: Role::Citizen, number: "138****5678".into(), name: String::new(), leg: Some(LegId(1)) }
}

fn seat(number: &str) -> Party {
    let leg = Some(LegId(2 + number.len() as u64));
    Party { role: Role::Seat, number: number.into(), name: format!("{number} 甲"), leg }
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
    assert_eq!(side_car.sealed(&Path::new(DAY).join(CALL.to_string())), Some(sealed.clone()));
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
    running.order(Order::Audio { call: CALL, side: Side::Right, batch: Batch { heard, bytes } });
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
    running.order(Order::Audio { call: CALL, side: Side::Right, batch: Batch { heard, bytes: bytes.clone() } });
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
    running.order(Order::Dropped { call: CALL, side: Side::Left, at, packets: 5 });
    running.speak(CALL, Side::Left, 2_100, 3_000, numbered);
    running.order(Order::NewSource { call: CALL, side: Side::Left, at, why: "another seat" });
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
fn a_sealed_recording_is_never_written_over() {
    let folder = Folder::new("twice");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    running.seal(CALL, 1_000);
    let sealed = running.sealed();
    running.open(CALL);
    let Done::Failed { call, .. } = running.next() else { panic!("opened again") };
    assert_eq!(call, CALL);
    running.speak(CALL, Side::Left, 0, 1_000, quiet);
    running.seal(CALL, 1_000);
    running.archive.stop();
    assert_eq!(Shelf::new(folder.0.clone()).verify(&sealed).unwrap(), Condition::Verified);
    assert!(running.done.try_recv().is_err(), "told once");
}

#[test]
fn the_shelf_finds_verifies_and_reads() {
    let folder = Folder::new("shelf");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    let shelf = Shelf::new(folder.0.clone());
    assert_eq!(shelf.find(CALL, None), None, "not sealed yet");
    running.seal(CALL, 1_000);
    let sealed = running.sealed();
    running.archive.stop();

    assert_eq!(shelf.find(CALL, None), Some(sealed.clone()));
    assert_eq!(shelf.find(CALL, Some(STARTED)), Some(sealed.clone()));
    assert_eq!(shelf.find(CallId(1), None), None);

    let whole = fs::read(folder.0.join(&sealed.path)).unwrap();
    // start, length asked for, bytes that come
    for (start, len, expected) in [
        (0, None, 0..whole.len()),
        (58, Some(100), 58..158),
        (whole.len() as u64 - 5, Some(100), whole.len() - 5..whole.len()),
        (1 << 40, None, 0..0),
    ] {
        let mut range = shelf.open(&sealed.path, start, len).unwrap();
        let mut bytes = Vec::new();
        range.reader.read_to_end(&mut bytes).unwrap();
        assert_eq!((bytes.len() as u64, range.whole), (range.len, whole.len() as u64));
        assert_eq!(bytes, whole[expected]);
    }
    for path in
        ["../call.wav", "/etc/passwd", "2026/../../call.wav", "lock", "", "2026/11/25/x/call.json", "call.wav.part"]
    {
        let refused = shelf.open(Path::new(path), 0, None).unwrap_err();
        assert!(matches!(refused, ShelfError::NoRecording(_)), "{path}: {refused}");
    }

    assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Verified);
    let file = folder.0.join(&sealed.path);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::OpenOptions::new().write(true).open(&file).unwrap().write_all_at(&[1], 5_000).unwrap();
    assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Changed);
    fs::rename(&file, file.with_extension("gone")).unwrap();
    assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Missing);
}

#[test]
fn orphans_without_a_side_car_or_without_audio_are_sealed_as_well() {
    let folder = Folder::new("orphans");
    let (bare, empty) = (CallId(CALL.0 + 1), CallId(CALL.0 + 2));
    for call in [bare, empty] {
        fs::create_dir_all(folder.call(call)).unwrap();
    }
    // A header of size 0 and 3 s behind it, with a torn last frame: what a crash leaves elsewhere.
    let mut bytes = hotline::audio::wav::header(Format::Pcm16, 0);
    bytes.resize(44 + 3 * 32_000 + 3, 0);
    fs::write(folder.call(bare).join("call.wav.part"), bytes).unwrap();
    fs::write(folder.call(empty).join("call.wav.part"), b"").unwrap();
    let running = Running::in_format(&folder, Format::Alaw);
    let mut sealed = [running.sealed(), running.sealed()];
    sealed.sort_by_key(|sealed| sealed.call);
    let told = sealed.each_ref().map(|sealed| (sealed.call, sealed.duration_ms, sealed.verdict, sealed.recovered));
    assert_eq!(told, [(bare, 3_000, Verdict::Degraded, true), (empty, 0, Verdict::Failed, true)]);
    assert_eq!(samples_of(&folder.0.join(&sealed[0].path)).len(), 3 * 16_000);
    running.archive.stop();
}

#[test]
fn a_crash_in_the_middle_of_sealing_is_made_good() {
    let folder = Folder::new("half");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    running.seal(CALL, 1_000);
    let sealed = running.sealed();
    running.archive.stop();
    // All but the last name was given; or none was.
    let at = folder.call(CALL);
    for undone in [&["call.json"][..], &["call.json", "call.wav"]] {
        for name in undone {
            fs::rename(at.join(name), at.join(format!("{name}.part"))).unwrap();
        }
        let running = Running::in_format(&folder, Format::Alaw);
        assert_eq!(running.sealed(), sealed);
        running.archive.stop();
    }
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = Folder::new("lock");
    let first = FolderLock::take(&folder.0).unwrap();
    assert!(matches!(FolderLock::take(&folder.0), Err(LockError::Taken { .. })));
    drop(first);
    FolderLock::take(&folder.0).unwrap();
    assert!(matches!(FolderLock::take(&folder.0.join("none")), Err(LockError::Io { .. })));
}

/// Run by `a_killed_server_loses_less_than_a_second` as a process of its own: records in real time
/// until it is killed, saying how far it has come.
#[test]
#[ignore = "a process for another test"]
fn records_until_killed() {
    let Ok(folder) = std::env::var("HOTLINE_KILLED_IN") else { return };
    let format = if std::env::var("HOTLINE_KILLED_PCM").is_ok() { Format::Pcm16 } else { Format::Alaw };
    let folder = Folder(folder.into());
    let running = Running::in_format(&folder, format);
    running.open(CALL);
    let began = Instant::now();
    for batch in 1..100 {
        let heard = batch * 200;
        // Packets come in real time; there is nothing else to wait for.
        std::thread::sleep((began + Duration::from_millis(heard)).saturating_duration_since(Instant::now()));
        running.speak(CALL, Side::Left, heard - 200, heard, numbered);
        running.speak(CALL, Side::Right, heard - 200, heard, numbered);
        println!("heard {heard}");
    }
}

#[test]
fn a_killed_server_loses_less_than_a_second() {
    for format in [Format::Alaw, Format::Pcm16] {
        let folder = Folder::new(&format!("killed-{}", format.name()));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "archive::records_until_killed", "--ignored", "--nocapture"]);
        command.env("HOTLINE_KILLED_IN", &folder.0).stdout(Stdio::piped());
        if format == Format::Pcm16 {
            command.env("HOTLINE_KILLED_PCM", "1");
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heard = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("heard ")?.parse().ok());
        // 2 s and a little: not at the same moment of the writer's rhythm each time.
        let heard: u64 = heard.into_iter().find(|heard: &u64| *heard >= 2_400).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        // Before any repair: the header is true, and other programs read it.
        let file = folder.call(CALL).join("call.wav.part");
        let frames = claimed_frames(&fs::read(&file).unwrap()).unwrap();
        assert!(frames >= (heard - 1_000) * 8, "{format:?}: {heard} ms heard, {} ms readable", frames / 8);
        match format {
            Format::Pcm16 => assert_eq!(samples_of(&file).len() as u64, 2 * frames),
            Format::Alaw => match Command::new("sox").arg("-t").arg("wav").arg(&file).args(["-n", "stat"]).output() {
                Ok(read) => {
                    let text = String::from_utf8_lossy(&read.stderr).into_owned();
                    assert!(read.status.success() && text.contains(&(2 * frames).to_string()), "{text}");
                }
                Err(_) => crate::facts::leave_out("sox is not installed, A-law was not read by another program"),
            },
        }

        let running = Running::in_format(&folder, format);
        let sealed = running.sealed();
        assert_eq!((sealed.call, sealed.started, sealed.recovered), (CALL, STARTED, true));
        assert_eq!(sealed.verdict, Verdict::Degraded);
        assert!(sealed.duration_ms * 8 >= frames);
        assert_eq!(Shelf::new(folder.0.clone()).verify(&sealed).unwrap(), Condition::Verified);
        assert_eq!(SideCar::read(&folder.call(CALL).join("call.json")).unwrap().meta.trunk, "city");
        running.archive.stop();
        assert!(!file.exists());
    }
}

/// A disk of one megabyte, where the test may mount one.
struct SmallDisk(Folder);

impl SmallDisk {
    fn mount(name: &str) -> Option<Self> {
        let folder = Folder::new(name);
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&folder.0).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        crate::facts::leave_out(&format!("{name} needs to mount a small tmpfs, which only root may"));
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).output();
    }
}

#[test]
fn a_full_disk_marks_the_recording_and_touches_nothing_older() {
    let Some(disk) = SmallDisk::mount("full") else { return };
    let folder = &disk.0;
    let running = Running::in_format(folder, Format::Alaw);
    let older = CallId(CALL.0 - 1);
    running.open(older);
    running.speak(older, Side::Left, 0, 2_000, numbered);
    running.seal(older, 2_000);
    let older = running.sealed();
    fs::write(folder.0.join("ballast"), vec![1; 700_000]).unwrap();

    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 30_000, numbered);
    let Done::Failed { call, error } = running.next() else { panic!("sealed") };
    assert_eq!(call, CALL);
    assert!(error.contains("cannot write"), "{error}");
    // Another call begins while nothing can be written: it is told as well, and goes on.
    let later = CallId(CALL.0 + 1);
    running.open(later);
    running.speak(later, Side::Left, 0, 2_000, numbered);
    let Done::Failed { call, .. } = running.next() else { panic!("sealed") };
    assert_eq!(call, later);

    // Space comes back: so does the recording, in its place.
    fs::remove_file(folder.0.join("ballast")).unwrap();
    running.speak(CALL, Side::Left, 30_000, 35_000, numbered);
    running.speak(later, Side::Left, 2_000, 4_000, numbered);
    running.seal(CALL, 35_000);
    let sealed = running.sealed();
    assert_eq!((sealed.call, sealed.verdict, sealed.duration_ms), (CALL, Verdict::Degraded, 35_020));
    let left = channel_of(&folder.0.join(&sealed.path), 0);
    assert_eq!((left[35_019 * 8], left[5_020 * 8]), (numbered(34_980), numbered(5_000)));
    let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    let gap = side_car.gaps[0].clone();
    assert_eq!((gap.why, gap.side), (Missing::Disk, None));
    let silent = &left[gap.start_ms as usize * 8..(gap.start_ms + gap.length_ms) as usize * 8];
    assert!(silent.iter().all(|code| *code == 0xd5), "what the disk did not take is silence");
    running.seal(later, 4_000);
    assert_eq!(running.sealed().call, later);
    assert_eq!(Shelf::new(folder.0.clone()).verify(&older).unwrap(), Condition::Verified);
    running.archive.stop();
    assert!(running.done.try_recv().is_err(), "told once");
}

/// Files below `folder` that this process has open.
fn open_below(folder: &Path) -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten();
    descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).filter(|file| file.starts_with(folder)).count()
}

#[test]
fn recordings_that_cannot_be_sealed_yet_hold_no_file_open() {
    let folder = Folder::new("refused");
    let part_bytes = Format::Alaw.header_len() as u64 + 2 * 8 * 1500;
    let running = Running::start(Settings { part_bytes, ..Settings::new(folder.0.clone()) });
    let calls: Vec<CallId> = (0..10).map(|number| CallId(CALL.0 + number)).collect();
    for call in &calls {
        running.open(*call);
        running.speak(*call, Side::Left, 0, 2_000, numbered);
        until("a folder", || folder.call(*call).exists());
        // No seal gives a file a name that another has.
        fs::write(folder.call(*call).join("call-2.wav"), "in the way").unwrap();
        running.seal(*call, 2_000);
    }
    for _ in &calls {
        let Done::Failed { error, .. } = running.next() else { panic!("sealed") };
        assert!(error.contains("rename over"), "{error}");
    }
    until("files to be closed", || open_below(&folder.0) == 0);
    for call in &calls {
        fs::remove_file(folder.call(*call).join("call-2.wav")).unwrap();
    }
    let mut sealed: Vec<Sealed> = calls.iter().map(|_| running.sealed()).collect();
    sealed.sort_by_key(|sealed| sealed.call);
    for (sealed, call) in sealed.iter().zip(&calls) {
        assert_eq!((sealed.call, sealed.verdict, sealed.parts.len()), (*call, Verdict::Ok, 2));
        assert_eq!(Shelf::new(folder.0.clone()).verify(sealed).unwrap(), Condition::Verified);
    }
    running.archive.stop();
}

#[test]
fn nothing_in_the_archive_can_remove_a_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/archive");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for word in ["remove_file", "remove_dir", "unlink"] {
            assert!(!text.contains(word), "{} in {}", word, path.display());
        }
    }
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
