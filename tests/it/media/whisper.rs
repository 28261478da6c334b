//! A shift leader whispers to the seat: the citizen does not hear him, and what the citizen took part in
//! does not hold a word of it. Media threads and recorder as they run.

use std::f64::consts::TAU;
use std::fs;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use hotline::archive::{self, Done, Order, RecordingMeta, Settings};
use hotline::audio::g711::Law;
use hotline::call::{Hearing, LegId};
use hotline::media::prompt::PromptShelf;
use hotline::media::{self, Command, Limits, Setup};
use hotline::time::{Mono, Now};

use super::peer::{CALL, CITIZEN, Phone, SEAT, V4};
use crate::facts::{Folder, MORNING};

const LEADER: LegId = LegId(4);
const TONES: [(LegId, f64); 3] = [(CITIZEN, 400.0), (SEAT, 1000.0), (LEADER, 1600.0)];
const LEVEL: f64 = 4000.0;
const PACKETS: u32 = 75;

fn voice(hz: f64, packet: u32) -> Vec<u8> {
    let at = |sample: u32| TAU * hz * f64::from(packet * 160 + sample) / 8000.0;
    (0..160).map(|sample| Law::A.encode((at(sample).sin() * LEVEL) as i16)).collect()
}

/// How loud each tone is, of 1 as it was spoken.
fn loudness(samples: &[i16]) -> [f64; 3] {
    TONES.map(|(_, hz)| {
        let angle = |at: usize| TAU * hz * at as f64 / 8000.0;
        let part = |of: fn(f64) -> f64| {
            samples.iter().enumerate().map(|(at, sample)| f64::from(*sample) * of(angle(at))).sum::<f64>()
        };
        part(f64::cos).hypot(part(f64::sin)) * 2.0 / samples.len() as f64 / LEVEL
    })
}

/// Whom one hears over the whole of it.
fn heard(samples: &[i16]) -> [bool; 3] {
    loudness(samples).map(|loud| {
        assert!(!(0.02..0.5).contains(&loud), "neither there nor not: {loud}");
        loud >= 0.5
    })
}

/// Whom an ear hears in most of its 20 ms. A busy machine holds up whoever plays the phones here, and the ear
/// then hears a hole, of which a tone over the whole would be neither there nor not.
fn heard_by(ear: &[i16]) -> [bool; 3] {
    let frames: Vec<[f64; 3]> = ear.chunks_exact(160).map(loudness).collect();
    [0, 1, 2].map(|tone| {
        let part = |is: &dyn Fn(f64) -> bool| {
            frames.iter().filter(|frame| is(frame[tone])).count() as f64 / frames.len() as f64
        };
        let (loud, quiet) = (part(&|loud| loud >= 0.5), part(&|loud| loud < 0.05));
        assert!(loud > 0.5 || quiet > 0.9, "neither there nor not: {loud} {quiet}");
        loud > 0.5
    })
}

#[test]
fn a_whisper_is_in_one_ear_and_in_no_recording_of_the_conversation() {
    let folder = Folder::new("whisper");
    let (tell, done) = mpsc::channel();
    let tell = Mutex::new(tell);
    let tell = Arc::new(move |what| drop(tell.lock().unwrap().send(what)));
    let recorder = archive::start(Settings::new(folder.0.clone()), tell).unwrap();
    let (reports, _reports) = tokio::sync::mpsc::channel(1000);
    let clock = Instant::now();
    let now = || Mono(u64::try_from(clock.elapsed().as_nanos()).unwrap());
    let setup = Setup {
        threads: 1,
        prompts: PromptShelf::load(&[], None),
        tap: recorder.orders.clone(),
        reports,
        clock,
        seed: 42,
        limits: Limits::default(),
    };
    let handle = media::start(setup).unwrap();
    let meta = RecordingMeta { hotline: "12345".into(), seat: "1001".into(), trunk: "carrier".into() };
    let opened = Now { mono: now(), wall: MORNING };
    recorder.orders.send(Order::Open { call: CALL, now: opened, folder_day: MORNING, meta: meta.into() }).unwrap();
    let mut phones: Vec<(LegId, f64, Phone)> =
        TONES.into_iter().zip(1..).map(|((leg, hz), ssrc)| (leg, hz, Phone::new(V4, ssrc))).collect();
    let ports: Vec<_> = phones
        .iter()
        .map(|(leg, _, phone)| {
            let free = Phone::new(V4, 0);
            let local = free.address();
            drop(free);
            handle.send(Command::Open { leg: *leg, call: CALL, local });
            handle.send(Command::Agree { leg: *leg, media: phone.media(Law::A, None) });
            local
        })
        .collect();
    let hearings = vec![
        Hearing { leg: CITIZEN, hears: vec![SEAT] },
        Hearing { leg: SEAT, hears: vec![CITIZEN, LEADER] },
        Hearing { leg: LEADER, hears: vec![CITIZEN, SEAT] },
    ];
    handle.send(Command::Mix { call: CALL, citizen: CITIZEN, hearings, record: true });
    let mut ears: Vec<Vec<i16>> = vec![Vec::new(); 3];
    let begin = Instant::now();
    for packet in 0..PACKETS {
        for ((_, hz, phone), port) in phones.iter_mut().zip(&ports) {
            phone.say(*port, 8, &voice(*hz, packet));
        }
        let next = begin + Duration::from_millis(20) * (packet + 1);
        thread::sleep(next.saturating_duration_since(Instant::now()));
        for ((_, _, phone), ear) in phones.iter().zip(&mut ears) {
            phone.rtp.set_nonblocking(true).unwrap();
            let mut bytes = [0; 1500];
            while let Ok((size, _)) = phone.rtp.recv_from(&mut bytes) {
                let (_, codes) = hotline::media::rtp::read(&bytes[..size]).unwrap();
                ear.extend(codes.iter().map(|code| Law::A.decode(*code)));
            }
        }
    }
    let tail = |ear: &Vec<i16>| heard_by(&ear[ear.len() - 4000..]);
    assert_eq!(tail(&ears[0]), [false, true, false], "the citizen");
    assert_eq!(tail(&ears[1]), [true, false, true], "the seat");
    assert_eq!(tail(&ears[2]), [true, true, false], "the shift leader");
    handle.send(Command::Seal { call: CALL, ended: MORNING, at: now() });
    let sealed = loop {
        match done.recv_timeout(Duration::from_secs(20)).expect("the archive says nothing") {
            Done::Sealed(sealed) => break sealed,
            Done::Heard { .. } => {}
            Done::Failed { error, .. } => panic!("{error}"),
        }
    };
    handle.send(Command::Stop);
    recorder.stop();
    let primary = samples(&folder.0.join(&sealed.path));
    let side =
        |channel: usize| primary.iter().skip(channel).step_by(2).copied().skip(4000).take(4000).collect::<Vec<_>>();
    assert_eq!(heard(&side(0)), [true, false, false], "left: the citizen");
    assert_eq!(heard(&side(1)), [false, true, false], "right: whom the citizen heard");
    let at = folder.0.join(&sealed.path).with_file_name("");
    let private = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path());
    let private: Vec<_> = private.filter(|path| path.to_string_lossy().ends_with("-private.wav")).collect();
    assert_eq!(private.len(), 1, "{private:?}");
    let whispered = samples(&private[0]);
    assert_eq!(heard(&whispered[2000..6000]), [false, false, true]);
}

/// Of one of our A-law files, both channels in turn.
fn samples(path: &std::path::Path) -> Vec<i16> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes[20], 6, "A-law");
    bytes[58..].iter().map(|code| Law::A.decode(*code)).collect()
}
