//! What a crash leaves behind.

use hotline::archive::stored::Stored;

use super::*;

#[test]
fn orphans_without_a_side_car_or_without_audio_are_sealed_as_well() {
    let folder = Folder::new("orphans");
    let (bare, empty) = (CallId(CALL.0 + 1), CallId(CALL.0 + 2));
    for call in [bare, empty] {
        fs::create_dir_all(folder.call(call)).unwrap();
    }
    // A header of size 0 and 3 s behind it, with a torn last frame: what a crash leaves elsewhere.
    let mut bytes = hotline::audio::wav::header(Format::Pcm16.stereo(), 0);
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
fn a_crash_in_the_middle_of_sealing_three_voices_is_made_good() {
    half_sealed(None);
}

#[test]
fn so_is_one_in_the_middle_of_sealing_encrypted_voices() {
    half_sealed(Some(Suite::Aes256Gcm));
}

fn half_sealed(suite: Option<Suite>) {
    let folder = Folder::new(&format!("half-three-{}", suite.is_some()));
    let start = || Running::with_suite(&folder, Format::Alaw, suite);
    let enc = if suite.is_some() { ".enc" } else { "" };
    let running = start();
    running.open(CALL);
    for voice in [Voice::Citizen, Voice::Heard(SEAT), Voice::Heard(LegId(9))] {
        running.say(CALL, voice, 0, 1_000, numbered);
    }
    running.say(CALL, Voice::Private(LegId(9)), 1_000, 2_000, numbered);
    running.seal(CALL, 2_020);
    let sealed = running.sealed();
    running.archive.stop();
    assert_eq!(sealed.tracks.len(), 3);
    let at = folder.call(CALL);
    let side_car = SideCar::read(&at.join("call.json")).unwrap();
    for undone in [&[][..], &["p3-private.wav", "p3.wav"], &["p2.wav", "call.wav"]] {
        fs::rename(at.join("call.json"), at.join("call.json.part")).unwrap();
        for name in undone {
            fs::rename(at.join(format!("{name}{enc}")), at.join(format!("{name}{enc}.part"))).unwrap();
        }
        let running = start();
        assert_eq!(running.sealed(), sealed);
        running.archive.stop();
        assert_eq!(SideCar::read(&at.join("call.json")).unwrap(), side_car);
    }
}

/// Run by `a_killed_server_loses_less_than_a_second` as a process of its own: records in real time
/// until it is killed, saying how far it has come.
#[test]
#[ignore = "a process for another test"]
fn records_until_killed() {
    let Ok(folder) = std::env::var("HOTLINE_KILLED_IN") else { return };
    let format = if std::env::var("HOTLINE_KILLED_PCM").is_ok() { Format::Pcm16 } else { Format::Alaw };
    let suite = std::env::var("HOTLINE_KILLED_ENCRYPTED").is_ok().then_some(Suite::Aes256Gcm);
    let folder = Folder(folder.into());
    let running = Running::with_suite(&folder, format, suite);
    running.open(CALL);
    let began = Instant::now();
    for batch in 1..100 {
        let heard = batch * 200;
        // Packets come in real time; there is nothing else to wait for.
        std::thread::sleep((began + Duration::from_millis(heard)).saturating_duration_since(Instant::now()));
        running.speak(CALL, Side::Left, heard - 200, heard, numbered);
        running.speak(CALL, Side::Right, heard - 200, heard, numbered);
        // A third whom the citizen hears, and a fourth whom it does not.
        running.say(CALL, Voice::Heard(LegId(9)), heard - 200, heard, numbered);
        running.say(CALL, Voice::Private(LegId(10)), heard - 200, heard, numbered);
        println!("heard {heard}");
    }
}

/// Milliseconds that the server had heard when it was killed.
fn killed_while_it_records(folder: &Folder, format: Format, suite: Option<Suite>) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "archive::crash::records_until_killed", "--ignored", "--nocapture"]);
    command.env("HOTLINE_KILLED_IN", &folder.0).stdout(Stdio::piped());
    if format == Format::Pcm16 {
        command.env("HOTLINE_KILLED_PCM", "1");
    }
    if suite.is_some() {
        command.env("HOTLINE_KILLED_ENCRYPTED", "1");
    }
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let heard = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("heard ")?.parse().ok());
    // 2 s and a little: not at the same moment of the writer's rhythm each time.
    let heard: u64 = heard.into_iter().find(|heard: &u64| *heard >= 2_400).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    heard
}

#[test]
fn a_killed_server_loses_less_than_a_second_of_encrypted_sound() {
    let suite = Some(Suite::Aes256Gcm);
    let folder = Folder::new("killed-encrypted");
    let heard = killed_while_it_records(&folder, Format::Alaw, suite);
    for file in ["call.wav", "p2.wav", "p3.wav", "p101-private.wav"] {
        let path = folder.call(CALL).join(format!("{file}.enc.part"));
        let stored = Stored::of_crash(&path, &encrypted::masters(&[1])).unwrap();
        let frame_bytes = if file == "call.wav" { 2 } else { 1 };
        let ms = (stored.len() - 58) / frame_bytes / 8;
        assert!(ms + 1_000 >= heard, "{file}: {heard} ms heard, {ms} ms readable");
    }
    // Without its master key it stays as it is, and is told.
    let bytes = fs::read(folder.call(CALL).join("call.wav.enc.part")).unwrap();
    let other = Settings { keys: encrypted::masters(&[2]), suite, ..Settings::new(folder.0.clone()) };
    let running = Running::start(other);
    let Done::Failed { call, error } = running.next() else { panic!("sealed") };
    assert!(call == CALL && error.contains("is not among those at hand"), "{error}");
    running.archive.stop();
    assert_eq!(fs::read(folder.call(CALL).join("call.wav.enc.part")).unwrap(), bytes);

    let running = Running::with_suite(&folder, Format::Alaw, suite);
    let sealed = running.sealed();
    assert_eq!((sealed.call, sealed.recovered, sealed.verdict), (CALL, true, Verdict::Degraded));
    assert!(sealed.duration_ms + 1_000 >= heard && sealed.gaps == 0, "{sealed:?}");
    running.archive.stop();
    let shelf = Shelf::new(folder.0.clone());
    assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Verified);
    let plain = encrypted::plain(&folder, &sealed.path);
    assert_eq!(claimed_frames(&plain).unwrap(), sealed.duration_ms * 8);
    let left: Vec<u8> = plain[58..].iter().step_by(2).copied().collect();
    assert!(left[20 * 8..].chunks_exact(160).zip(0..).all(|(codes, packet)| codes == [numbered(packet * 20); 160]));
}

#[test]
fn a_killed_server_loses_less_than_a_second() {
    for format in [Format::Alaw, Format::Pcm16] {
        let folder = Folder::new(&format!("killed-{}", format.name()));
        let heard = killed_while_it_records(&folder, format, None);

        // Before any repair: the header is true, and other programs read it.
        let file = folder.call(CALL).join("call.wav.part");
        let frames = claimed_frames(&fs::read(&file).unwrap()).unwrap();
        assert!(frames >= (heard - 1_000) * 8, "{format:?}: {heard} ms heard, {} ms readable", frames / 8);
        match format {
            Format::Pcm16 => assert_eq!(samples_of(&file).len() as u64, 2 * frames),
            Format::Alaw | Format::Mulaw => {
                match Command::new("sox").arg("-t").arg("wav").arg(&file).args(["-n", "stat"]).output() {
                    Ok(read) => {
                        let text = String::from_utf8_lossy(&read.stderr).into_owned();
                        assert!(read.status.success() && text.contains(&(2 * frames).to_string()), "{text}");
                    }
                    Err(_) => crate::facts::leave_out("sox is not installed, A-law was not read by another program"),
                }
            }
        }

        for track in ["p2.wav", "p3.wav", "p101-private.wav"] {
            let track = fs::read(folder.call(CALL).join(format!("{track}.part"))).unwrap();
            let frames = claimed_frames(&track).unwrap();
            assert!(frames >= (heard - 1_000) * 8, "{format:?}: {heard} ms heard, {} ms readable", frames / 8);
        }

        let running = Running::in_format(&folder, format);
        let sealed = running.sealed();
        assert_eq!((sealed.call, sealed.started, sealed.recovered), (CALL, STARTED, true));
        assert_eq!(sealed.verdict, Verdict::Degraded);
        assert!(sealed.duration_ms * 8 >= frames);
        assert_eq!(Shelf::new(folder.0.clone()).verify(&sealed).unwrap(), Condition::Verified);
        let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
        assert_eq!(side_car.meta.trunk, "city");
        // Where each begins was on disk before it.
        let tracks: Vec<_> = side_car.tracks.iter().map(|line| (line.file.as_str(), line.offset_ms)).collect();
        assert_eq!(tracks, [("p2.wav", 20), ("p3.wav", 20), ("p101-private.wav", 20)]);
        assert!(side_car.tracks.iter().all(|line| line.length_ms + 1_000 >= heard && line.parts.len() == 1));
        running.archive.stop();
        let left_over = fs::read_dir(folder.call(CALL)).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(left_over.into_iter().all(|name| !name.to_str().unwrap().ends_with(".part")));
    }
}
