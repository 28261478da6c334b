//! A disk that is full, and recordings that cannot be sealed yet.

use super::*;

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
