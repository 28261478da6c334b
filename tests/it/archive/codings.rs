//! What each person's track is made of: the law of its phone, or 16 kHz where it spoke so.

use std::f64::consts::TAU;
use std::io::Cursor;

use hotline::archive::export::{Form, Rendition};

use super::*;

const THIRD: LegId = LegId(9);
const LEVEL: f64 = 6000.0;

fn sine(hz: f64, rate: f64, at: u64) -> i16 {
    ((TAU * hz * at as f64 / rate).sin() * LEVEL) as i16
}

/// How loud a tone is, of 1 as it was spoken.
fn loudness(hz: f64, rate: f64, samples: &[i16]) -> f64 {
    let part = |of: fn(f64) -> f64| {
        let parts = samples.iter().enumerate();
        parts.map(|(at, sample)| f64::from(*sample) * of(TAU * hz * at as f64 / rate)).sum::<f64>()
    };
    part(f64::cos).hypot(part(f64::sin)) * 2.0 / samples.len() as f64 / LEVEL
}

/// A citizen at 400 Hz in A-law, a seat at 1000 Hz in µ-law, and from 1 s on a third at 16 kHz, who says 1600 Hz,
/// which every phone hears, and 6000 Hz, which only such a track holds.
pub fn talk(running: &Running) {
    running.open(CALL);
    let mark = |at: u64, mark: Mark| {
        running.order(Order::Mark { call: CALL, at: OPENED + Duration::from_millis(at), mark });
    };
    mark(0, Mark::Joined(citizen()));
    mark(0, Mark::Joined(seat("1001")));
    mark(1_000, Mark::Joined(Party { role: Role::Expert, number: "8001".into(), name: "乙".into(), leg: Some(THIRD) }));
    for from in (0..4_000).step_by(200) {
        let packets: Vec<u64> = (from..from + 200).step_by(20).collect();
        let samples = || packets.iter().flat_map(|at| at * 8..at * 8 + 160);
        let of = |law: Law, ssrc: u32| packets.iter().map(|at| Heard { law, ssrc, ..packet(*at) }).collect::<Vec<_>>();
        let say = |voice: Voice, batch: Batch| running.order(Order::Audio { call: CALL, voice, batch });
        let bytes = samples().map(|at| Law::A.encode(sine(400.0, 8e3, at))).collect();
        say(Voice::Citizen, Batch { heard: of(Law::A, 1), bytes, wide: Vec::new() });
        let bytes = samples().map(|at| Law::Mu.encode(sine(1_000.0, 8e3, at))).collect();
        say(Voice::Heard(SEAT), Batch { heard: of(Law::Mu, 2), bytes, wide: Vec::new() });
        if from >= 1_000 {
            let bytes = samples().map(|at| Law::A.encode(sine(1_600.0, 8e3, at))).collect();
            let wide = samples().flat_map(|at| [2 * at, 2 * at + 1]);
            let wide = wide.map(|at| sine(1_600.0, 16e3, at) + sine(6_000.0, 16e3, at)).collect();
            say(Voice::Heard(THIRD), Batch { heard: of(Law::A, 3), bytes, wide });
        }
    }
    running.seal(CALL, 4_020);
}

/// Format tag, rate and data of one of our files.
fn read(file: &Path) -> (u16, u32, Vec<u8>) {
    let bytes = fs::read(file).unwrap();
    let tag = u16::from_le_bytes([bytes[20], bytes[21]]);
    let rate = u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
    (tag, rate, bytes[if tag == 1 { 44 } else { 58 }..].to_vec())
}

#[test]
fn a_track_keeps_what_its_phone_sent() {
    let folder = Folder::new("codings");
    let running = Running::in_format(&folder, Format::Alaw);
    talk(&running);
    let sealed = running.sealed();
    running.archive.stop();
    assert_eq!((sealed.verdict, sealed.gaps), (Verdict::Ok, 0));
    let at = folder.call(CALL);
    let side_car = SideCar::read(&at.join("call.json")).unwrap();
    let lines = side_car.tracks.iter().map(|it| (it.file.as_str(), it.offset_ms, it.length_ms, it.sample_rate));
    assert_eq!(lines.collect::<Vec<_>>(), [("p2.wav", 1_000, 3_020, 8_000), ("p3.wav", 1_000, 3_020, 16_000)]);

    let (tag, rate, codes) = read(&at.join("p2.wav"));
    assert_eq!((tag, rate, codes.len()), (7, 8_000, 3_020 * 8), "µ-law as it came");
    // Every packet lies 20 ms behind its place, as it came.
    let said = (8_640..32_000).map(|at| Law::Mu.encode(sine(1_000.0, 8e3, at)));
    assert!(codes[800..].iter().copied().eq(said), "to the bit");

    let (tag, rate, bytes) = read(&at.join("p3.wav"));
    assert_eq!((tag, rate, bytes.len()), (1, 16_000, 3_020 * 32));
    let samples: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    for hz in [1_600.0, 6_000.0] {
        assert!((0.98..1.02).contains(&loudness(hz, 16e3, &samples[320..])), "{hz} Hz");
    }
    // The primary has them all, at 8 kHz.
    let (tag, rate, codes) = read(&at.join("call.wav"));
    let right: Vec<i16> = codes.iter().skip(1).step_by(2).map(|code| Law::A.decode(*code)).skip(8_000).collect();
    assert_eq!((tag, rate), (6, 8_000));
    for hz in [1_000.0, 1_600.0] {
        assert!((0.9..1.1).contains(&loudness(hz, 8e3, &right)), "{hz} Hz");
    }
}

#[test]
fn tracks_of_both_rates_become_one_file() {
    let folder = Folder::new("codings-export");
    let running = Running::in_format(&folder, Format::Alaw);
    talk(&running);
    let sealed = running.sealed();
    running.archive.stop();
    let shelf = Shelf::new(folder.0.clone());
    let export = |form: Form| {
        let bytes = Rendition::open(&shelf, &sealed, form, false).unwrap().read(0, usize::MAX).unwrap();
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).unwrap();
        let (spec, samples) = (reader.spec(), reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>());
        let count = usize::from(spec.channels);
        let channels = (0..count).map(|one| samples.iter().skip(one).step_by(count).copied().collect::<Vec<_>>());
        (spec.sample_rate, channels.collect::<Vec<_>>())
    };
    let (rate, mix) = export(Form::Mix);
    assert_eq!((rate, mix[0].len()), (8_000, 32_160), "nothing in it is wide");
    let (rate, channels) = export(Form::Channels);
    assert_eq!((rate, channels.len()), (16_000, 3));
    for (channel, tones) in channels.iter().zip([&[400.0][..], &[1_000.0], &[1_600.0, 6_000.0]]) {
        assert_eq!(channel.len(), 64_320, "as long as the call");
        for hz in [400.0, 1_000.0, 1_600.0, 6_000.0] {
            // Everywhere, also where one piece that was rendered meets the next.
            for (second, samples) in channel.chunks_exact(16_000).enumerate().skip(1) {
                let loud = loudness(hz, 16e3, samples);
                let expected = if tones.contains(&hz) { 0.97..1.03 } else { 0.0..0.02 };
                assert!(expected.contains(&loud), "{hz} Hz at {loud} in second {second}");
            }
        }
    }
    // In step: the citizen's sine begins with the call.
    let off = |at: u64| (i32::from(channels[0][at as usize]) - i32::from(sine(400.0, 16e3, at - 320))).abs();
    let worst = (1_000..60_000).map(off).max().unwrap();
    assert!(worst < 400, "{worst}");
    let (rate, third) = export(Form::Participant(3));
    assert_eq!((rate, third[0].len()), (16_000, 64_320));
    assert!(third[0][..15_900].iter().all(|sample| *sample == 0), "not there yet");
}
