//! Calls with three parties and more: what lies in which file, and when.

use std::f64::consts::TAU;
use std::io::Cursor;

use hotline::archive::Class;
use hotline::archive::export::{ExportError, Form, Rendition};

use super::*;

const THIRD: LegId = LegId(9);
const HZ: [f64; 3] = [400.0, 1000.0, 1600.0];
const LEVEL: f64 = 6000.0;

fn third() -> Party {
    Party { role: Role::Expert, number: "8001".into(), name: "乙".into(), leg: Some(THIRD) }
}

fn mark(running: &Running, at: u64, mark: Mark) {
    running.order(Order::Mark { call: CALL, at: OPENED + Duration::from_millis(at), mark });
}

/// A tone from `from` to `to` ms, whose phase is that of the call's clock.
fn tone(running: &Running, voice: Voice, hz: f64, from: u64, to: u64) {
    let packets: Vec<u64> = (from..to).step_by(20).collect();
    for packets in packets.chunks(10) {
        let heard =
            packets.iter().map(|at| Heard { ssrc: voice.leg().map_or(1, |leg| leg.0 as u32), ..packet(*at) }).collect();
        let sample = |at: u64| ((TAU * hz * at as f64 / 8000.0).sin() * LEVEL) as i16;
        let bytes = packets.iter().flat_map(|at| (at * 8..at * 8 + 160).map(|at| Law::A.encode(sample(at)))).collect();
        running.order(Order::Audio { call: CALL, voice, batch: Batch { heard, bytes, wide: Vec::new() } });
    }
}

/// How loud each tone is, of 1 as it was spoken.
fn loudness(samples: &[i16]) -> [f64; 3] {
    HZ.map(|hz| {
        let angle = |at: usize| TAU * hz * at as f64 / 8000.0;
        let part = |of: fn(f64) -> f64| {
            samples.iter().enumerate().map(|(at, sample)| f64::from(*sample) * of(angle(at))).sum::<f64>()
        };
        part(f64::cos).hypot(part(f64::sin)) * 2.0 / samples.len() as f64 / LEVEL
    })
}

/// Of each 20 ms, which tones are there; in between is neither there nor not.
fn tones(samples: &[i16]) -> Vec<[Option<bool>; 3]> {
    let clear = |loud: f64| match loud {
        loud if (0.9..1.1).contains(&loud) => Some(true),
        loud if loud < 0.05 => Some(false),
        _ => None,
    };
    samples.chunks_exact(160).map(|frame| loudness(frame).map(clear)).collect()
}

/// Asserts when each tone is heard, in ms, within 40 ms.
fn assert_heard(what: &str, samples: &[i16], expected: [&[(u64, u64)]; 3]) {
    const NEAR: u64 = 40;
    for (frame, found) in tones(samples).into_iter().enumerate() {
        let at = frame as u64 * 20;
        for (tone, spans) in expected.iter().enumerate() {
            let inside = spans.iter().any(|(from, to)| (from + NEAR..to.saturating_sub(NEAR)).contains(&at));
            let outside = spans.iter().all(|(from, to)| at + 20 + NEAR <= *from || at >= to + NEAR);
            if inside || outside {
                assert_eq!(found[tone], Some(inside), "{what}: {} Hz at {at} ms", HZ[tone]);
            }
        }
    }
}

/// The channels of one of our files, A-law or PCM.
fn channels_of(file: &Path, channels: usize) -> Vec<Vec<i16>> {
    let bytes = fs::read(file).unwrap();
    assert_eq!(u16::from_le_bytes([bytes[22], bytes[23]]) as usize, channels, "{}", file.display());
    let samples: Vec<i16> = match bytes[20] {
        6 => bytes[58..].iter().map(|code| Law::A.decode(*code)).collect(),
        _ => samples_of(file),
    };
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

/// The citizen and a seat from the start; the seat consults a third from 4 to 6 s, who then joins and
/// leaves at 10 s. The call ends after 12 s.
pub fn three(running: &Running) {
    running.open(CALL);
    mark(running, 0, Mark::Joined(citizen()));
    mark(running, 0, Mark::Joined(seat("1001")));
    tone(running, Voice::Citizen, HZ[0], 0, 4_000);
    tone(running, Voice::Heard(SEAT), HZ[1], 0, 4_000);
    mark(running, 4_000, Mark::Held(seat("1001")));
    mark(running, 4_000, Mark::Joined(third()));
    // Held, it sends on and says nothing.
    tone(running, Voice::Citizen, 0.0, 4_000, 6_000);
    for from in (4_000..6_000).step_by(200) {
        tone(running, Voice::Private(SEAT), HZ[1], from, from + 200);
        tone(running, Voice::Private(THIRD), HZ[2], from, from + 200);
    }
    mark(running, 6_000, Mark::Resumed(seat("1001")));
    for from in (6_000..10_000).step_by(200) {
        tone(running, Voice::Citizen, HZ[0], from, from + 200);
        tone(running, Voice::Heard(SEAT), HZ[1], from, from + 200);
        tone(running, Voice::Heard(THIRD), HZ[2], from, from + 200);
    }
    mark(running, 10_000, Mark::Left { party: third(), why: "bye".into() });
    tone(running, Voice::Citizen, HZ[0], 10_000, 12_000);
    tone(running, Voice::Heard(SEAT), HZ[1], 10_000, 12_000);
    running.seal(CALL, 12_020);
}

#[test]
fn three_voices_lie_in_true_time_and_nothing_private_in_the_primary() {
    for format in [Format::Alaw, Format::Pcm16] {
        let folder = Folder::new(&format!("three-{}", format.name()));
        let running = Running::in_format(&folder, format);
        three(&running);
        let sealed = running.sealed();
        running.archive.stop();
        assert_eq!((sealed.verdict, sealed.gaps, sealed.duration_ms), (Verdict::Ok, 0, 12_020));
        let at = folder.call(CALL);
        let primary = channels_of(&at.join("call.wav"), 2);
        let held: &[_] = &[(0, 4_000), (6_000, 12_000)];
        assert_heard("left", &primary[0], [held, &[], &[]]);
        assert_heard("right", &primary[1], [&[], held, &[(6_000, 10_000)]]);

        let side_car = SideCar::read(&at.join("call.json")).unwrap();
        let lines: Vec<_> = side_car
            .tracks
            .iter()
            .map(|line| (line.file.as_str(), line.participant, line.class, line.offset_ms, line.length_ms))
            .collect();
        let expected = [
            ("p2.wav", 2, Class::Heard, 4_000, 8_020),
            ("p2-private.wav", 2, Class::Private, 4_020, 2_000),
            ("p3.wav", 3, Class::Heard, 4_000, 6_020),
            ("p3-private.wav", 3, Class::Private, 4_020, 2_000),
        ];
        assert_eq!(lines, expected);
        // Each track on its own clock, from join to leave.
        let track = |name: &str| channels_of(&at.join(name), 1).remove(0);
        // The seat's begins with the end of what it had said before.
        assert_heard("p2", &track("p2.wav"), [&[], &[(0, 20), (2_000, 8_000)], &[]]);
        assert_heard("p2 private", &track("p2-private.wav"), [&[], &[(0, 2_000)], &[]]);
        assert_heard("p3", &track("p3.wav"), [&[], &[], &[(2_000, 6_000)]]);
        assert_heard("p3 private", &track("p3-private.wav"), [&[], &[], &[(0, 2_000)]]);

        // All are sealed: read-only, with hashes, and verified.
        let names: Vec<_> =
            sealed.tracks.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(names, expected.map(|line| line.0));
        assert!(side_car.tracks.iter().all(|line| line.parts.len() == 1 && line.parts[0].sha256.len() == 64));
        let shelf = Shelf::new(folder.0.clone());
        assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Verified);
        let changed = at.join("p3-private.wav");
        assert_eq!(fs::metadata(&changed).unwrap().permissions().mode() & 0o777, 0o440);
        fs::set_permissions(&changed, fs::Permissions::from_mode(0o640)).unwrap();
        fs::File::options().write(true).open(&changed).unwrap().write_all_at(&[1], 200).unwrap();
        assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Changed);
    }
}

#[test]
fn an_export_is_one_file_on_the_calls_clock() {
    let folder = Folder::new("export");
    let running = Running::in_format(&folder, Format::Alaw);
    three(&running);
    let sealed = running.sealed();
    running.archive.stop();
    let shelf = Shelf::new(folder.0.clone());
    let export = |form: Form, private: bool| {
        let bytes = Rendition::open(&shelf, &sealed, form, private).unwrap().read(0, usize::MAX).unwrap();
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).unwrap();
        let channels = reader.spec().channels as usize;
        let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
        assert_eq!(samples.len(), 12_020 * 8 * channels);
        (0..channels)
            .map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect::<Vec<i16>>())
            .collect::<Vec<_>>()
    };
    let open: &[_] = &[(0, 4_000), (6_000, 12_000)];
    let whole: &[_] = &[(0, 12_000)];
    let joined: &[_] = &[(6_000, 10_000)];
    let present: &[_] = &[(4_000, 10_000)];
    assert_heard("mix", &export(Form::Mix, false)[0], [open, open, joined]);
    assert_heard("private mix", &export(Form::Mix, true)[0], [open, whole, present]);
    let channels = export(Form::Channels, false);
    assert_eq!(channels.len(), 3);
    assert_heard("citizen", &channels[0], [open, &[], &[]]);
    assert_heard("seat", &channels[1], [&[], open, &[]]);
    assert_heard("third", &channels[2], [&[], &[], joined]);
    assert_heard("seat alone", &export(Form::Participant(2), false)[0], [&[], open, &[]]);
    assert_heard("seat alone, private too", &export(Form::Participant(2), true)[0], [&[], whole, &[]]);
    assert_heard("third, private too", &export(Form::Participant(3), true)[0], [&[], &[], present]);
    let nobody = Rendition::open(&shelf, &sealed, Form::Participant(4), false).err();
    assert!(matches!(nobody, Some(ExportError::NoParticipant(3))), "{nobody:?}");
}

#[test]
fn two_parties_leave_one_file_whoever_the_second_was() {
    let folder = Folder::new("two");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    mark(&running, 0, Mark::Joined(citizen()));
    mark(&running, 0, Mark::Joined(seat("1001")));
    tone(&running, Voice::Citizen, HZ[0], 0, 4_000);
    tone(&running, Voice::Heard(SEAT), HZ[1], 0, 2_000);
    mark(&running, 2_000, Mark::Left { party: seat("1001"), why: "lost".into() });
    mark(&running, 2_400, Mark::Joined(third()));
    tone(&running, Voice::Heard(THIRD), HZ[2], 2_400, 4_000);
    running.seal(CALL, 4_000);
    let sealed = running.sealed();
    running.archive.stop();
    assert_eq!((sealed.verdict, sealed.tracks.len()), (Verdict::Ok, 0));
    let mut names: Vec<_> = fs::read_dir(folder.call(CALL)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["call.json", "call.wav"]);
    let primary = channels_of(&folder.call(CALL).join("call.wav"), 2);
    assert_heard("right", &primary[1], [&[], &[(0, 2_000)], &[(2_400, 4_000)]]);
    // Separable all the same.
    let alone = Rendition::open(&Shelf::new(folder.0.clone()), &sealed, Form::Participant(3), false).unwrap();
    let mut reader = hound::WavReader::new(Cursor::new(alone.read(0, usize::MAX).unwrap())).unwrap();
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    assert_heard("the second alone", &samples, [&[], &[], &[(2_400, 4_000)]]);
}

#[test]
fn voices_that_come_twice_or_late_are_added_once() {
    let folder = Folder::new("once");
    let running = Running::in_format(&folder, Format::Pcm16);
    running.open(CALL);
    mark(&running, 0, Mark::Joined(citizen()));
    mark(&running, 0, Mark::Joined(seat("1001")));
    mark(&running, 0, Mark::Joined(third()));
    tone(&running, Voice::Citizen, HZ[0], 0, 1_000);
    let loud = |_| Law::A.encode(24_000);
    running.speak(CALL, Side::Right, 0, 1_000, loud);
    running.speak(CALL, Side::Right, 0, 1_000, loud);
    // The other voice is overtaken by twelve seconds of silence of the first.
    let say = |from: u64, to: u64, sample: i16| {
        let packets = || (from..to).step_by(20);
        let heard = packets().map(|at| Heard { ssrc: 9, ..packet(at) }).collect();
        let bytes = packets().flat_map(|_| [Law::A.encode(sample); 160]).collect();
        running.order(Order::Audio {
            call: CALL,
            voice: Voice::Heard(THIRD),
            batch: Batch { heard, bytes, wide: Vec::new() },
        });
    };
    say(0, 500, 3_000);
    say(520, 1_000, 24_000);
    running.speak(CALL, Side::Right, 1_000, 12_000, quiet);
    say(500, 520, 3_000);
    running.seal(CALL, 12_000);
    let sealed = running.sealed();
    running.archive.stop();
    let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    assert_eq!((sealed.verdict, side_car.gaps, side_car.corrections), (Verdict::Ok, vec![], vec![]));
    let right = &channels_of(&folder.call(CALL).join("call.wav"), 2)[1];
    let (loud, soft) = (Law::A.decode(Law::A.encode(24_000)), Law::A.decode(Law::A.encode(3_000)));
    for (ms, expected) in [(100, loud + soft), (525, loud + soft), (700, i16::MAX)] {
        assert_eq!(right[ms * 8], expected, "at {ms} ms");
    }
    let third = &channels_of(&folder.call(CALL).join("p3.wav"), 1)[0];
    assert_eq!((third[100 * 8], third[525 * 8], third.len()), (soft, soft, 12_020 * 8));
}

#[test]
fn tracks_roll_as_the_primary_does() {
    let folder = Folder::new("roll-tracks");
    let running = Running::start(Settings { part_bytes: 50_000, ..Settings::new(folder.0.clone()) });
    three(&running);
    let sealed = running.sealed();
    running.archive.stop();
    assert_eq!((sealed.parts.len(), sealed.tracks.len()), (4, 5));
    let shelf = Shelf::new(folder.0.clone());
    assert_eq!(shelf.verify(&sealed).unwrap(), Condition::Verified);
    let mix = Rendition::open(&shelf, &sealed, Form::Mix, false).unwrap().read(0, usize::MAX).unwrap();
    let samples: Vec<i16> = hound::WavReader::new(Cursor::new(mix)).unwrap().samples().map(Result::unwrap).collect();
    assert_heard(
        "mix of parts",
        &samples,
        [&[(0, 4_000), (6_000, 12_000)], &[(0, 4_000), (6_000, 12_000)], &[(6_000, 10_000)]],
    );
}

/// Who whispers is no participant: his track takes nobody's place, whoever joins after him.
#[test]
fn a_whisper_takes_no_participants_number() {
    let folder = Folder::new("whispered");
    let running = Running::in_format(&folder, Format::Alaw);
    let leader = LegId(12);
    running.open(CALL);
    mark(&running, 0, Mark::Joined(citizen()));
    mark(&running, 0, Mark::Joined(seat("1001")));
    tone(&running, Voice::Citizen, HZ[0], 0, 2_000);
    tone(&running, Voice::Heard(SEAT), HZ[1], 0, 2_000);
    tone(&running, Voice::Private(leader), HZ[2], 1_000, 2_000);
    mark(&running, 2_000, Mark::Joined(third()));
    tone(&running, Voice::Heard(THIRD), HZ[2], 2_000, 4_000);
    running.seal(CALL, 4_000);
    let sealed = running.sealed();
    running.archive.stop();
    let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    let tracks: Vec<_> = side_car.tracks.iter().map(|line| (line.file.as_str(), line.class)).collect();
    let expected = [
        ("p2.wav", Class::Heard),
        ("p3.wav", Class::Heard),
        ("p101.wav", Class::Heard),
        ("p101-private.wav", Class::Private),
    ];
    assert_eq!(tracks, expected);
    assert_eq!(side_car.participants[2].party.role, Role::Expert);
    let alone = Rendition::open(&Shelf::new(folder.0.clone()), &sealed, Form::Participant(3), true).unwrap();
    let mut reader = hound::WavReader::new(Cursor::new(alone.read(0, usize::MAX).unwrap())).unwrap();
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    assert_heard("the third alone", &samples, [&[], &[], &[(2_000, 4_000)]]);
}
