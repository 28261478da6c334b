//! Recordings that nobody can read without the master key.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use hotline::archive::cipher::{PAGE, ROOM};
use hotline::archive::disk::{Disk, System};
use hotline::archive::keys::{KEY_FILE, KeyError, MasterKeys, rewrap};
use hotline::archive::stored::Stored;
use hotline::archive::sums::sha256;

use super::*;

/// Made-up master keys, the first for what is new.
pub fn masters(numbers: &[u8]) -> MasterKeys {
    let text: String = numbers.iter().map(|number| format!("{}\n", format!("{number:02x}").repeat(32))).collect();
    MasterKeys::of_text("test", &text).unwrap()
}

/// The file as it is heard.
pub fn plain(folder: &Folder, part: &Path) -> Vec<u8> {
    let mut range = Shelf::new(folder.0.clone()).with_keys(masters(&[1])).open(part, 0, None).unwrap();
    let mut bytes = Vec::new();
    range.reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, range.whole);
    bytes
}

/// Whatever lies in the folder of the call, but for the side-car, which tells the world that there was one.
fn bytes_of(folder: &Folder) -> Vec<u8> {
    let files = fs::read_dir(folder.call(CALL)).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| !path.to_str().unwrap().contains("call.json"))
        .flat_map(|path| fs::read(path).unwrap())
        .collect()
}

/// The same code ten times: a packet of the tests has it 160 times, noise practically never.
fn sounds(bytes: &[u8]) -> bool {
    bytes.windows(10).any(|window| window[0] != 0 && window.iter().all(|byte| *byte == window[0]))
        || bytes.windows(20).any(|window| window.chunks(2).all(|pair| pair == &window[..2]))
}

/// Three voices, some late, some far apart: what the random `seed` wants, the same each time.
fn talk(running: &Running, seed: u64) -> Sealed {
    let mut state = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    running.open(CALL);
    let mut at = 0_u64;
    for _ in 0..20 {
        let voice = [Voice::Citizen, Voice::Heard(SEAT), Voice::Heard(LegId(9))][random(3) as usize];
        let from = if random(3) == 0 { at / 20 * 20 } else { at.saturating_sub(random(2_000)) / 20 * 20 };
        let to = from + 20 * (1 + random(40));
        running.say(CALL, voice, from, to, numbered);
        at = at.max(to) + if random(10) == 0 { 20 * random(100) } else { 0 };
    }
    running.seal(CALL, at + random(1_000));
    running.sealed()
}

#[test]
fn what_is_encrypted_reads_as_it_would_in_the_clear() {
    for (seed, suite, format, part_bytes) in [
        (1, Suite::Aes256Gcm, Format::Alaw, 1 << 30),
        (2, Suite::Sm4Gcm, Format::Alaw, 1 << 30),
        (3, Suite::Aes256Gcm, Format::Pcm16, 1 << 30),
        (4, Suite::Aes256Gcm, Format::Alaw, 100_000),
        (5, Suite::Sm4Gcm, Format::Pcm16, 50_001),
        (7, Suite::Aes256Gcm, Format::Alaw, ROOM as u64),
    ] {
        let (clear, secret) = (Folder::new(&format!("clear-{seed}")), Folder::new(&format!("secret-{seed}")));
        let both = [(&clear, None), (&secret, Some(suite))].map(|(folder, suite)| {
            let settings =
                Settings { format, part_bytes, suite, keys: masters(&[1]), ..Settings::new(folder.0.clone()) };
            let running = Running::start(settings);
            let sealed = talk(&running, seed);
            running.archive.stop();
            sealed
        });
        let [expected, sealed] = &both;
        assert_eq!(
            (sealed.duration_ms, sealed.verdict, sealed.gaps, sealed.parts.len(), sealed.tracks.len()),
            (expected.duration_ms, expected.verdict, expected.gaps, expected.parts.len(), expected.tracks.len())
        );
        let files = sealed.parts.iter().chain(&sealed.tracks).zip(expected.parts.iter().chain(&expected.tracks));
        for ((path, expected), line) in files.zip(&sealed.files) {
            assert_eq!(path.to_str(), Some(format!("{}.enc", expected.display()).as_str()));
            let expected = fs::read(clear.0.join(expected)).unwrap();
            assert_eq!(plain(&secret, path), expected, "seed {seed}: {}", path.display());
            assert_eq!(line.plain_sha256.as_deref(), Some(sha256(&expected).as_str()));
            let stored = fs::read(secret.0.join(path)).unwrap();
            assert_eq!((line.bytes, line.sha256.as_str()), (stored.len() as u64, sha256(&stored).as_str()));
            assert_eq!(stored.len(), expected.len().div_ceil(ROOM) * PAGE);
        }
        // Neither needs a key.
        let shelf = Shelf::new(secret.0.clone());
        assert_eq!(shelf.verify(sealed).unwrap(), Condition::Verified);
        assert_eq!(shelf.find(CALL, None).as_ref(), Some(sealed));
        assert!(sounds(&bytes_of(&clear)) && !sounds(&bytes_of(&secret)), "seed {seed}");
        let mut names: Vec<_> = fs::read_dir(secret.call(CALL)).unwrap().map(|file| file.unwrap()).collect();
        names.retain(|file| !file.file_name().to_str().unwrap().ends_with(".wav.enc"));
        names.sort_by_key(fs::DirEntry::file_name);
        assert_eq!(names.iter().map(fs::DirEntry::file_name).collect::<Vec<_>>(), ["call.json", KEY_FILE]);
        assert!(names.iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o777 == 0o440));
    }
}

#[test]
fn not_one_word_is_in_the_clear_while_the_call_goes_on() {
    let folder = Folder::new("enc-live");
    let running = Running::with_suite(&folder, Format::Alaw, Some(Suite::Aes256Gcm));
    running.open(CALL);
    let path = folder.call(CALL).join("call.wav.enc.part");
    let mut seen = 0;
    for second in 0..6 {
        running.speak(CALL, Side::Left, second * 1_000, second * 1_000 + 1_000, numbered);
        running.speak(CALL, Side::Right, second * 1_000, second * 1_000 + 1_000, numbered);
        let written = || fs::metadata(&path).map_or(0, |file| file.len());
        until("another flush", || written() > seen);
        seen = written();
        assert!(!sounds(&bytes_of(&folder)));
    }
    running.seal(CALL, 6_000);
    running.sealed();
    running.archive.stop();
}

#[test]
fn any_range_is_read_without_the_rest() {
    let folder = Folder::new("enc-ranges");
    let running = Running::with_suite(&folder, Format::Alaw, Some(Suite::Aes256Gcm));
    let sealed = talk(&running, 11);
    running.archive.stop();
    let whole = plain(&folder, &sealed.path);
    let shelf = Shelf::new(folder.0.clone()).with_keys(masters(&[9, 1]));
    let (len, room) = (whole.len() as u64, ROOM as u64);
    for start in [0, 1, 57, 58, room - 1, room, room + 1, 3 * room, len - 1, len, len + 5] {
        for count in [0, 1, 2, room - 1, room, room + 1, 5 * room, len] {
            let mut range = shelf.open(&sealed.path, start, Some(count)).unwrap();
            let mut bytes = Vec::new();
            range.reader.read_to_end(&mut bytes).unwrap();
            let end = (start + count).min(len);
            let expected = whole.get(start.min(end) as usize..end as usize).unwrap();
            assert!((range.whole, range.len) == (len, expected.len() as u64) && bytes == expected, "{start} {count}");
        }
    }
    // A page that nobody asks for is not looked at.
    damage(&folder, &sealed.path, 3 * PAGE as u64 + 100);
    let mut range = shelf.open(&sealed.path, 0, Some(3 * room)).unwrap();
    assert_eq!(range.reader.read_to_end(&mut Vec::new()).unwrap() as u64, 3 * room);
}

/// Turns one bit.
fn damage(folder: &Folder, part: &Path, at: u64) {
    let path = folder.0.join(part);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

/// So many milliseconds, the last page of them short.
fn short(name: &str, ms: u64) -> (Folder, Sealed) {
    let folder = Folder::new(&format!("enc-{name}"));
    let running = Running::with_suite(&folder, Format::Alaw, Some(Suite::Aes256Gcm));
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, ms - 20, numbered);
    running.seal(CALL, ms);
    let sealed = running.sealed();
    running.archive.stop();
    (folder, sealed)
}

fn read_all(path: &Path, keys: &MasterKeys) -> std::io::Result<Vec<u8>> {
    let stored = Stored::open(path, keys)?;
    let len = stored.len();
    let mut bytes = Vec::new();
    stored.reading(0, len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn a_turned_bit_is_found_wherever_it_is_and_its_page_named() {
    let (folder, sealed) = short("bits", 1_120);
    let (path, keys) = (folder.0.join(&sealed.path), masters(&[1]));
    assert_eq!(read_all(&path, &keys).unwrap().len(), 58 + 1_120 * 16);
    for page in 0..5 {
        // All of nonce, head and tag; of the sound here and there.
        for within in (0..20).chain((20..PAGE - 17).step_by(97)).chain(PAGE - 17..PAGE) {
            let at = (page * PAGE + within) as u64;
            damage(&folder, &sealed.path, at);
            let error = read_all(&path, &keys).unwrap_err().to_string();
            assert!(error.contains(&format!("page {page} of call.wav.enc was changed")), "{at}: {error}");
            damage(&folder, &sealed.path, at);
        }
    }
    // Pages that changed places, and one that came from elsewhere.
    let bytes = fs::read(&path).unwrap();
    let (first, second) = (&bytes[..PAGE], &bytes[PAGE..2 * PAGE]);
    fs::write(&path, [second, first, &bytes[2 * PAGE..]].concat()).unwrap();
    assert!(read_all(&path, &keys).unwrap_err().to_string().contains("page 0 of"));
    fs::write(&path, [first, second, &bytes[2 * PAGE..], first].concat()).unwrap();
    assert!(read_all(&path, &keys).is_err());
}

#[test]
fn what_is_cut_off_is_found_sealed_and_read_to_the_cut_unsealed() {
    let (folder, sealed) = short("cut", 300);
    let (path, keys) = (folder.0.join(&sealed.path), masters(&[1]));
    let (bytes, whole) = (fs::read(&path).unwrap(), plain(&folder, &sealed.path));
    assert_eq!(bytes.len(), 2 * PAGE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for cut in (0..bytes.len()).rev() {
        file.set_len(cut as u64).unwrap();
        let error = Stored::open(&path, &keys).unwrap_err();
        assert!(error.to_string().contains("call.wav.enc was cut off"), "{cut}: {error}");
        let stored = Stored::of_crash(&path, &keys).unwrap();
        assert_eq!(stored.len(), (cut / PAGE * ROOM) as u64, "all but the page that the cut is in");
        if cut % PAGE == 1 {
            let mut sound = vec![0; stored.len() as usize];
            stored.read_exact_at(&mut sound, 0).unwrap();
            assert_eq!(sound, whole[..sound.len()]);
        }
    }
}

#[test]
fn a_new_master_key_leaves_the_sound_alone() {
    let (folder, sealed) = short("rewrap", 300);
    let (path, at) = (folder.0.join(&sealed.path), folder.call(CALL));
    let (bytes, whole) = (fs::read(&path).unwrap(), plain(&folder, &sealed.path));
    assert!(rewrap(&at, &masters(&[2])).is_err(), "without the old one");
    assert!(rewrap(&at, &masters(&[2, 1])).unwrap());
    assert!(!rewrap(&at, &masters(&[2, 1])).unwrap(), "once is enough");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(read_all(&path, &masters(&[2])).unwrap(), whole);
    let error = read_all(&path, &masters(&[1])).unwrap_err().to_string();
    assert!(error.contains("is not among those at hand"), "{error}");
    assert_eq!(Shelf::new(folder.0.clone()).verify(&sealed).unwrap(), Condition::Verified);
}

#[test]
fn a_key_file_that_was_changed_opens_nothing() {
    let (folder, sealed) = short("key-file", 300);
    let (path, key) = (folder.0.join(&sealed.path), folder.call(CALL).join(KEY_FILE));
    let text = fs::read_to_string(&key).unwrap();
    let other = Folder::new("enc-key-file-2");
    fs::create_dir_all(other.0.join("00000000000000ff")).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let turned = |field: &str| {
        let old = value[field].as_str().unwrap();
        let last = if old.ends_with('0') { "1" } else { "0" };
        text.replace(old, &format!("{}{last}", &old[..old.len() - 1]))
    };
    for (changed, told) in [
        (turned("key"), "it was changed"),
        (turned("nonce"), "it was changed"),
        (turned("master"), "is not among those at hand"),
        (turned("call"), "it is another recording's"),
        (text.replace("aes-256-gcm", "sm4-gcm"), "it was changed"),
        (text.replace("\"format\":1", "\"format\":2"), "it is no key file"),
        (text[..text.len() / 2].to_owned(), "it is no key file"),
        (String::new(), "it is no key file"),
    ] {
        fs::write(&key, changed).unwrap();
        let error = read_all(&path, &masters(&[1])).unwrap_err().to_string();
        assert!(error.contains(KEY_FILE) || error.contains("master key"), "{error}");
        assert!(error.contains(told), "{told}: {error}");
    }
    fs::remove_file(&key).unwrap();
    assert!(read_all(&path, &masters(&[1])).is_err());
}

#[test]
fn master_keys_are_for_their_owner_alone() {
    let folder = Folder::new("enc-master");
    let path = folder.0.join("keys");
    let key = "0f".repeat(32);
    let read = |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        MasterKeys::read(&path)
    };
    let keys = read(&format!("# of 2026\n{key}  # newest\n\n{}\n", "10".repeat(32)), 0o600).unwrap();
    assert_eq!(keys.ids().count(), 2);
    assert!(!format!("{keys:?}").contains("0f0f"), "never printed");
    for mode in [0o640, 0o604, 0o620] {
        assert!(matches!(read(&key, mode), Err(KeyError::Open(_))), "{mode:o}");
    }
    assert!(matches!(read("# none\n", 0o600), Err(KeyError::Empty(_))));
    for wrong in [&key[1..], &format!("{key}0"), "secret", &key.replace('f', "g")] {
        let error = read(&format!("{key}\n{wrong}"), 0o600).unwrap_err();
        assert!(matches!(error, KeyError::NoKey { line: 2, .. }) && !error.to_string().contains(wrong), "{error}");
    }
    assert!(matches!(MasterKeys::read(&folder.0.join("none")), Err(KeyError::Io { .. })));
}

/// A disk that for a while takes only the first bytes of each write.
#[derive(Debug)]
struct TearingDisk {
    system: System,
    tears: AtomicBool,
    takes: usize,
}

impl Disk for TearingDisk {
    fn now(&self) -> Mono {
        self.system.now()
    }

    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        if self.tears.load(Ordering::SeqCst) {
            self.system.write_at(file, &bytes[..self.takes.min(bytes.len())], at)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.system.write_at(file, bytes, at)
    }
}

#[test]
fn pages_that_the_disk_tore_are_written_anew() {
    for takes in [1, 2_000, PAGE - 1, PAGE + 1, 2 * PAGE + 11] {
        let folder = Folder::new(&format!("enc-torn-{takes}"));
        let disk = Arc::new(TearingDisk { system: System { origin: Instant::now() }, tears: false.into(), takes });
        let keys = masters(&[1]);
        let settings = Settings { suite: Some(Suite::Aes256Gcm), keys, ..Settings::new(folder.0.clone()) };
        let running = Running::start(Settings { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..settings });
        running.open(CALL);
        running.speak(CALL, Side::Left, 0, 1_000, numbered);
        let path = folder.call(CALL).join("call.wav.enc.part");
        until("the first pages", || fs::metadata(&path).is_ok_and(|file| file.len() > PAGE as u64));
        disk.tears.store(true, Ordering::SeqCst);
        running.speak(CALL, Side::Left, 1_000, 2_000, numbered);
        let Done::Failed { .. } = running.next() else { panic!("sealed") };
        disk.tears.store(false, Ordering::SeqCst);
        running.speak(CALL, Side::Left, 2_000, 3_000, numbered);
        running.seal(CALL, 3_020);
        let sealed = running.sealed();
        running.archive.stop();
        assert_eq!((sealed.verdict, sealed.gaps, sealed.duration_ms), (Verdict::Ok, 0, 3_020), "{takes}");
        let sound = plain(&folder, &sealed.path);
        let left: Vec<u8> = sound[58..].iter().step_by(2).copied().collect();
        let expected: Vec<u8> = (0..150).flat_map(|packet| [numbered(packet * 20); 160]).collect();
        assert_eq!(left[20 * 8..], expected, "{takes}");
    }
}

#[test]
fn of_a_file_that_the_power_tore_only_the_torn_pages_are_lost() {
    let (folder, sealed) = short("power", 1_120);
    let (at, whole) = (folder.call(CALL), plain(&folder, &sealed.path));
    for (name, mode) in [("call.wav.enc", 0o600), ("call.json", 0o600)] {
        fs::rename(at.join(name), at.join(format!("{name}.part"))).unwrap();
        fs::set_permissions(at.join(format!("{name}.part")), fs::Permissions::from_mode(mode)).unwrap();
    }
    let file = File::options().write(true).open(at.join("call.wav.enc.part")).unwrap();
    file.write_all_at(&[0; 2_000], 2 * PAGE as u64).unwrap();
    file.set_len(4 * PAGE as u64 + 100).unwrap();

    let running = Running::with_suite(&folder, Format::Alaw, Some(Suite::Aes256Gcm));
    let again = running.sealed();
    running.archive.stop();
    let frames = (4 * ROOM - 58) / 2;
    assert_eq!((again.verdict, again.gaps, again.recovered), (Verdict::Degraded, 1, true));
    assert_eq!(again.duration_ms, frames as u64 / 8);
    let side_car = SideCar::read(&at.join("call.json")).unwrap();
    let gap = &side_car.gaps[0];
    assert_eq!((gap.why, gap.side, gap.start_ms), (Missing::Disk, None, (2 * ROOM as u64 - 58) / 2 / 8));
    assert!(gap.length_ms <= 255, "a page");
    let mut expected = whole[..4 * ROOM].to_vec();
    expected[2 * ROOM..3 * ROOM].fill(0xd5);
    let sound = plain(&folder, &again.path);
    assert!(sound.len() == expected.len() && sound[58..] == expected[58..]);
    assert_eq!(claimed_frames(&sound), Some(frames as u64));
}
