//! Three people and more in one call: everybody hears all the others and not himself (R19), and who
//! comes or goes is not heard as a click.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::thread;
use std::time::{Duration, Instant};

use hotline::audio::codec::Rate;
use hotline::audio::g711::Law;
use hotline::call::{Hearing, LegId};
use hotline::media::room::{Room, TICKS};
use hotline::media::rtp::Header;
use hotline::media::{Command, LegMedia};
use hotline::time::Mono;

use super::peer::{CITIZEN, Hotline, Phone, SEAT, V4};

const THIRD: LegId = LegId(4);
const FOURTH: LegId = LegId(5);
/// The tone of each party, and so loud that eight of them stay below full scale.
const TONES: [(LegId, f64); 4] = [(CITIZEN, 400.0), (SEAT, 1000.0), (THIRD, 1600.0), (FOURTH, 2200.0)];
const LEVEL: f64 = 4000.0;

fn hz(leg: LegId) -> f64 {
    TONES.iter().find(|(of, _)| *of == leg).unwrap().1
}

fn voice(leg: LegId, packet: u32) -> Vec<u8> {
    let at = |sample: u32| TAU * hz(leg) * f64::from(packet * 160 + sample) / 8000.0;
    (0..160).map(|sample| Law::A.encode((at(sample).sin() * LEVEL) as i16)).collect()
}

/// How loud a tone is in these samples, of 1 as it was spoken.
fn loudness(leg: LegId, samples: &[i16]) -> f64 {
    let angle = |at: usize| TAU * hz(leg) * at as f64 / 8000.0;
    let part = |of: fn(f64) -> f64| {
        samples.iter().enumerate().map(|(at, sample)| f64::from(*sample) * of(angle(at))).sum::<f64>()
    };
    part(f64::cos).hypot(part(f64::sin)) * 2.0 / samples.len() as f64 / LEVEL
}

/// Whom one can hear in these samples.
fn heard(samples: &[i16]) -> Vec<LegId> {
    TONES.iter().map(|(leg, _)| *leg).filter(|leg| loudness(*leg, samples) > 0.2).collect()
}

/// The same, where each is either as loud as he spoke or not heard at all.
fn heard_clearly(samples: &[i16]) -> Vec<LegId> {
    for (leg, _) in TONES {
        let loud = loudness(leg, samples);
        assert!(!(0.02..=0.9).contains(&loud), "{leg:?} at {loud}");
    }
    heard(samples)
}

/// A room in virtual time, into which everybody speaks.
struct Hall {
    room: Room,
    packet: u32,
    ears: BTreeMap<LegId, Vec<i16>>,
}

impl Hall {
    fn new() -> Self {
        Self { room: Room::default(), packet: 0, ears: BTreeMap::new() }
    }

    /// Frames of 20 ms; whom each party hears in the last one.
    fn pass(&mut self, frames: u32) -> BTreeMap<LegId, Vec<LegId>> {
        let mut last = BTreeMap::new();
        for _ in 0..frames {
            let now = Mono(u64::from(self.packet) * 20_000_000);
            for (leg, _) in TONES {
                let timestamp = self.packet * 160;
                let header = Header { payload_type: 8, marker: false, sequence: 0, timestamp, ssrc: 9 };
                let samples = voice(leg, self.packet).into_iter().map(|code| Law::A.decode(code));
                self.room.hear(now, leg, Rate::Narrow, &header, samples);
            }
            last.clear();
            self.room.mix(now + Duration::from_millis(5), |leg, _, samples| {
                self.ears.entry(leg).or_default().extend_from_slice(samples);
                last.insert(leg, samples.to_vec());
            });
            self.packet += 1;
        }
        last.into_iter().map(|(leg, samples)| (leg, heard_clearly(&samples))).collect()
    }
}

#[test]
fn everybody_hears_the_others_and_nobody_himself() {
    let mut hall = Hall::new();
    for parties in [&[CITIZEN, SEAT, THIRD][..], &[CITIZEN, SEAT, THIRD, FOURTH], &[CITIZEN, THIRD]] {
        hall.room.arrange(&Hearing::all(parties));
        let expected: BTreeMap<LegId, Vec<LegId>> =
            Hearing::all(parties).into_iter().map(|hearing| (hearing.leg, hearing.hears)).collect();
        assert_eq!(hall.pass(20), expected);
    }
}

#[test]
fn a_whisper_reaches_one_ear() {
    let mut hall = Hall::new();
    hall.room.arrange(&[
        Hearing { leg: CITIZEN, hears: vec![SEAT] },
        Hearing { leg: SEAT, hears: vec![CITIZEN, FOURTH] },
        Hearing { leg: FOURTH, hears: vec![CITIZEN, SEAT] },
    ]);
    let heard = hall.pass(20);
    assert_eq!(heard[&CITIZEN], [SEAT]);
    assert_eq!(heard[&SEAT], [CITIZEN, FOURTH]);
    assert_eq!(heard[&FOURTH], [CITIZEN, SEAT]);
}

#[test]
fn joins_and_drops_take_one_frame_and_no_sample_jumps() {
    let mut hall = Hall::new();
    hall.room.arrange(&Hearing::all(&[CITIZEN, SEAT]));
    hall.pass(20);
    hall.room.arrange(&Hearing::all(&[CITIZEN, SEAT, THIRD]));
    assert_eq!(hall.pass(2)[&CITIZEN], [SEAT, THIRD], "40 ms after the word");
    hall.pass(10);
    hall.room.leave(THIRD);
    hall.room.arrange(&Hearing::all(&[CITIZEN, SEAT]));
    assert_eq!(hall.pass(2)[&CITIZEN], [SEAT]);
    let citizen = &hall.ears[&CITIZEN][10 * TICKS as usize..];
    // The steepest slope of both tones together; a click is steeper.
    let steepest = LEVEL * TAU * (1000.0 + 1600.0) / 8000.0 * 1.05;
    let jumps = citizen.windows(2).filter(|pair| f64::from((i32::from(pair[1]) - i32::from(pair[0])).abs()) > steepest);
    assert_eq!(jumps.count(), 0);
}

/// The same over sockets: relayed while two talk, mixed from the moment a third joins.
#[test]
fn a_third_party_joins_a_call_that_was_relayed() {
    let mut hotline = Hotline::start();
    let mut phones: Vec<(LegId, Phone)> =
        [CITIZEN, SEAT, THIRD].into_iter().zip(1..).map(|(leg, ssrc)| (leg, Phone::new(V4, ssrc))).collect();
    let ports: Vec<_> = phones.iter().map(|(leg, phone)| hotline.open(*leg, V4, phone.media(Law::A, None))).collect();
    let mut packet = 0;
    let mut talk = |phones: &mut Vec<(LegId, Phone)>, packets: u32| {
        let mut ears: BTreeMap<LegId, Vec<i16>> = BTreeMap::new();
        let begin = Instant::now();
        for turn in 0..packets {
            for ((leg, phone), port) in phones.iter_mut().zip(&ports) {
                phone.say(*port, 8, &voice(*leg, packet));
            }
            packet += 1;
            let next = begin + Duration::from_millis(20) * (turn + 1);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            for (leg, phone) in phones.iter() {
                phone.rtp.set_nonblocking(true).unwrap();
                let mut bytes = [0; 1500];
                while let Ok((size, _)) = phone.rtp.recv_from(&mut bytes) {
                    let (_, codes) = hotline::media::rtp::read(&bytes[..size]).unwrap();
                    ears.entry(*leg).or_default().extend(codes.iter().map(|code| Law::A.decode(*code)));
                }
            }
        }
        // The tail, when all that was said before has gone.
        ears.into_iter().map(|(leg, samples)| (leg, heard(&samples[samples.len().saturating_sub(800)..]))).collect()
    };
    hotline.mix(&[SEAT], false);
    let two: BTreeMap<LegId, Vec<LegId>> = talk(&mut phones, 15);
    assert_eq!(two, BTreeMap::from([(CITIZEN, vec![SEAT]), (SEAT, vec![CITIZEN])]));
    hotline.mix(&[SEAT, THIRD], false);
    let three = talk(&mut phones, 40);
    assert_eq!(three[&CITIZEN], [SEAT, THIRD]);
    assert_eq!(three[&SEAT], [CITIZEN, THIRD]);
    assert_eq!(three[&THIRD], [CITIZEN, SEAT]);
    hotline.mix(&[SEAT], false);
    // Two of the third's packets are lost on the way.
    phones[2].1.timestamp += 320;
    let two = talk(&mut phones, 20);
    assert_eq!(two[&CITIZEN], [SEAT]);
    assert_eq!(two[&SEAT], [CITIZEN]);
    // The seat's phone holds, speaks with the third on its second line, and comes back.
    let seat = phones[1].1.media(Law::A, None);
    let held = LegMedia { send: false, receive: false, ..seat.clone() };
    hotline.handle.send(Command::Agree { leg: SEAT, media: held });
    hotline.mix(&[], false);
    talk(&mut phones, 10);
    hotline.handle.send(Command::Agree { leg: SEAT, media: seat });
    hotline.mix(&[SEAT], false);
    let back = talk(&mut phones, 10);
    assert_eq!((&back[&CITIZEN], &back[&SEAT]), (&vec![SEAT], &vec![CITIZEN]));
    let figures = hotline.close(THIRD).in_room;
    assert!(figures.frames >= 40 && (1..figures.frames).contains(&figures.concealed), "{figures:?}");
}
