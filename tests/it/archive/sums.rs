//! The seal: SHA-256 and SM3 of every file, made in one pass; older recordings have SHA-256 alone.

use hotline::archive::PartLine;
use hotline::archive::sums::{Hashes, Sums};

use super::*;

/// GB/T 32905-2016, annex A; FIPS 180-4.
#[test]
fn both_sums_are_those_of_the_standards() {
    for (text, sha256, sm3) in [
        (
            "abc".to_owned(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        ),
        (
            "abcd".repeat(16),
            "625b41490b883891943c5fa54ad45d7c900b9b6e91e159334e320b1f5215a209",
            "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
        ),
    ] {
        assert_eq!(Sums::of(text.as_bytes()), Hashes { sha256: sha256.into(), sm3: sm3.into() }, "{text}");
    }
}

#[test]
fn every_file_of_a_recording_has_both_sums_and_the_whole_has_too() {
    let folder = Folder::new("sums");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    for voice in [Voice::Citizen, Voice::Heard(SEAT), Voice::Heard(LegId(9))] {
        running.say(CALL, voice, 0, 1_000, numbered);
    }
    running.seal(CALL, 1_000);
    let sealed = running.sealed();
    running.archive.stop();

    let read = |name: &str| fs::read(folder.call(CALL).join(name)).unwrap();
    let names: Vec<_> = sealed.files.iter().map(|file| file.file.as_str()).collect();
    assert_eq!(names, ["call.wav", "p2.wav", "p3.wav", "call.json"]);
    for PartLine { file, bytes, sha256, sm3, .. } in &sealed.files {
        let there = read(file);
        assert_eq!((*bytes, &there.len()), (there.len() as u64, &there.len()), "{file}");
        assert!(Sums::of(&there).are(sha256, sm3.as_deref()) && sm3.is_some(), "{file}");
    }
    let audio = [read("call.wav"), read("p2.wav"), read("p3.wav")].concat();
    assert_eq!(Sums::of(&audio), Hashes { sha256: sealed.sha256.clone(), sm3: sealed.sm3.clone().unwrap() });
    let seal = SideCar::read(&folder.call(CALL).join("call.json")).unwrap().seal.unwrap();
    assert_eq!((Some(seal.sha256), seal.sm3, seal.sealed_at), (Some(sealed.sha256), sealed.sm3, sealed.sealed_at));
    assert!(seal.sealed_at.is_some());
}

#[test]
fn a_recording_sealed_before_there_was_sm3_is_found_and_verified_by_sha256_alone() {
    let folder = Folder::new("without-sm3");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    running.seal(CALL, 1_000);
    let sealed = running.sealed();
    running.archive.stop();
    let path = folder.call(CALL).join("call.json");
    let mut older: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let seal = older["seal"].as_object_mut().unwrap();
    seal.remove("sm3").unwrap();
    seal.remove("sealed_at").unwrap();
    seal["parts"][0].as_object_mut().unwrap().remove("sm3").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, older.to_string()).unwrap();

    let shelf = Shelf::new(folder.0.clone());
    let found = shelf.find(CALL, None).unwrap();
    assert_eq!((&found.sm3, found.sealed_at, &found.files[0].sm3), (&None, None, &None));
    assert_eq!(shelf.verify(&found).unwrap(), Condition::Verified);
    // As an older row of the database has it.
    let mut row = serde_json::to_value(&sealed).unwrap();
    ["sm3", "sealed_at", "files"].iter().for_each(|field| drop(row.as_object_mut().unwrap().remove(*field).unwrap()));
    let row: Sealed = serde_json::from_value(row).unwrap();
    assert_eq!(shelf.verify(&row).unwrap(), Condition::Verified);
    // Where both are there, both count.
    for wrong in [Sealed { sm3: Some("00".repeat(32)), ..sealed.clone() }, Sealed { sha256: "00".repeat(32), ..sealed }]
    {
        assert_eq!(shelf.verify(&wrong).unwrap(), Condition::Changed);
    }
}
