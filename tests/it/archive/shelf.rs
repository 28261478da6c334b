//! Sealed recordings: found, checked, read, never written over.

use super::*;

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
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = Folder::new("lock");
    let first = FolderLock::take(&folder.0).unwrap();
    assert!(matches!(FolderLock::take(&folder.0), Err(LockError::Taken { .. })));
    drop(first);
    FolderLock::take(&folder.0).unwrap();
    assert!(matches!(FolderLock::take(&folder.0.join("none")), Err(LockError::Io { .. })));
}
