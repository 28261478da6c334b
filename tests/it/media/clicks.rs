//! What each ear hears around the instant at which somebody joins or is dropped: no click, and soon.
//!
//! The measure: in each window of 20 ms the steady tones are fitted, their amplitudes and phases free to
//! change as a polynomial does (a ramp is no click), and taken out. What is left stays below -40 dB of full
//! scale. A tone of `LEVEL` keeps the codecs themselves below that: of G.711 each one is off by 64 at most and
//! the sum of two by 128 (half a step of their segments), together 256 of the 328 that are allowed.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use hotline::audio::codec::{Codec, Decoder, Encoder, Rate};
use hotline::call::{Hearing, LegId};
use hotline::media::room::Room;
use hotline::media::rtp::Header;
use hotline::time::Mono;

use super::peer::{CITIZEN, SEAT};

const THIRD: LegId = LegId(4);
const LEVEL: f64 = 3000.0;
/// -40 dB below full scale.
const CLICK: f64 = 328.0;
const WINDOW_MS: usize = 20;
const STEP_MS: usize = 5;
/// Around the event.
const AROUND_MS: usize = 60;
/// Of the polynomials.
const DEGREE: i32 = 4;

/// What fits `window` best, for each power a cosine and a sine of each tone, and the greatest sample that is left.
fn fit(window: &[i16], rate: Rate, tones: &[f64], degree: i32) -> (Vec<f64>, f64) {
    let middle = window.len() as f64 / 2.0;
    let basis = |at: usize| -> Vec<f64> {
        let place = (at as f64 + 0.5 - middle) / middle;
        let waves = tones.iter().map(|hz| TAU * hz * at as f64 / f64::from(rate.hertz()));
        let waves: Vec<f64> = waves.flat_map(|angle| [angle.cos(), angle.sin()]).collect();
        (0..=degree).flat_map(|power| waves.iter().map(move |wave| wave * place.powi(power))).collect()
    };
    let rows: Vec<Vec<f64>> = (0..window.len()).map(basis).collect();
    let size = rows[0].len();
    let mut system = vec![vec![0.0; size + 1]; size];
    for (row, sample) in rows.iter().zip(window) {
        for (at, line) in system.iter_mut().enumerate() {
            line.iter_mut().zip(row).for_each(|(sum, other)| *sum += row[at] * other);
            line[size] += row[at] * f64::from(*sample);
        }
    }
    let fitted = solve(system);
    let left = rows.iter().zip(window).map(|(row, sample)| {
        (f64::from(*sample) - row.iter().zip(&fitted).map(|(one, other)| one * other).sum::<f64>()).abs()
    });
    let left = left.fold(0.0, f64::max);
    (fitted, left)
}

/// Gauss, with the right side in the last column.
fn solve(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let size = system.len();
    for at in 0..size {
        let pivot = (at..size).max_by(|one, other| system[*one][at].abs().total_cmp(&system[*other][at].abs()));
        system.swap(at, pivot.unwrap());
        let line = system[at].clone();
        for (_, other) in system.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            let factor = other[at] / line[at];
            other.iter_mut().zip(&line).for_each(|(value, own)| *value -= factor * own);
        }
    }
    (0..size).map(|at| system[at][size] / system[at][at]).collect()
}

fn window(sound: &[i16], rate: Rate, from_ms: usize) -> &[i16] {
    let per_ms = rate.hertz() as usize / 1000;
    &sound[from_ms * per_ms..][..WINDOW_MS * per_ms]
}

/// What is left in the worst of the windows around `event_ms`.
fn worst(sound: &[i16], rate: Rate, event_ms: usize, tones: &[f64]) -> f64 {
    let windows = (event_ms - AROUND_MS..=event_ms + AROUND_MS - WINDOW_MS).step_by(STEP_MS);
    windows.map(|from| fit(window(sound, rate, from), rate, tones, DEGREE).1).fold(0.0, f64::max)
}

/// How loud each tone is from `from_ms` on, of 1 as it was spoken.
fn loudness(sound: &[i16], rate: Rate, from_ms: usize, tones: &[f64]) -> Vec<f64> {
    let (fitted, _) = fit(window(sound, rate, from_ms), rate, tones, 0);
    fitted.chunks(2).map(|part| part[0].hypot(part[1]) / LEVEL).collect()
}

fn wave(hz: f64, rate: Rate, at: usize) -> f64 {
    (TAU * hz * at as f64 / f64::from(rate.hertz())).sin() * LEVEL
}

#[test]
fn the_measure_finds_a_cut_and_no_ramp() {
    for rate in [Rate::Narrow, Rate::Wide] {
        let per_ms = rate.hertz() as usize / 1000;
        let sound = |gain: &dyn Fn(f64) -> f64| -> Vec<i16> {
            let one = |at: usize| wave(400.0, rate, at) + wave(1000.0, rate, at) * gain(at as f64 / per_ms as f64);
            (0..300 * per_ms).map(|at| one(at) as i16).collect()
        };
        let measured = |gain: &dyn Fn(f64) -> f64| worst(&sound(gain), rate, 150, &[400.0, 1000.0]);
        assert!(measured(&|_| 1.0) < 2.0);
        let cosine = |ms: f64| 0.5 - 0.5 * (TAU / 2.0 * ((ms - 150.0) / 20.0).clamp(0.0, 1.0)).cos();
        assert!(measured(&cosine) < CLICK / 2.0, "{}", measured(&cosine));
        for at in [100.3, 149.0, 150.0, 157.6, 195.0] {
            assert!(measured(&|ms| f64::from(u8::from(ms >= at))) > 2.0 * CLICK, "begins at {at} ms");
            assert!(measured(&|ms| f64::from(u8::from(ms < at))) > 2.0 * CLICK, "ends at {at} ms");
        }
        let mut wrong = sound(&|_| 1.0);
        wrong[160 * per_ms] += 1000;
        assert!(worst(&wrong, rate, 150, &[400.0, 1000.0]) > CLICK, "one wrong sample");
    }
}

/// Somebody who says one tone from `speaks_from` to `speaks_to`, a packet each 20 ms at an instant of his own.
struct Phone {
    leg: LegId,
    codec: Codec,
    hz: f64,
    offset_ms: usize,
    speaks_ms: std::ops::Range<usize>,
    encoder: Encoder,
    /// Of what comes from him, at our end.
    ours: Decoder,
    /// Of what he hears: ours and his.
    out: Encoder,
    ear: Decoder,
    heard: Vec<i16>,
    /// Where in that the event lies.
    event_ms: usize,
}

impl Phone {
    fn new(leg: LegId, codec: Codec, hz: f64, offset_ms: usize) -> Self {
        Self {
            leg,
            codec,
            hz,
            offset_ms,
            speaks_ms: 0..usize::MAX,
            encoder: Encoder::new(codec),
            ours: Decoder::new(codec),
            out: Encoder::new(codec),
            ear: Decoder::new(codec),
            heard: Vec::new(),
            event_ms: 0,
        }
    }

    /// The packet that goes at this instant.
    fn say(&mut self, ms: usize) -> Option<(Header, Vec<i16>)> {
        if !self.speaks_ms.contains(&ms) || ms % 20 != self.offset_ms {
            return None;
        }
        let rate = self.codec.rate();
        let size = rate.hertz() as usize / 50;
        let first = ms * size / 20;
        let spoken: Vec<i16> = (first..first + size).map(|at| wave(self.hz, rate, at) as i16).collect();
        let (mut payload, mut samples) = (Vec::new(), Vec::new());
        self.encoder.encode(&spoken, &mut payload);
        self.ours.decode(&payload, &mut samples);
        let timestamp = u32::try_from(ms * 8).unwrap();
        Some((Header { payload_type: 8, marker: false, sequence: 0, timestamp, ssrc: 9 }, samples))
    }

    fn hear(&mut self, samples: &[i16]) {
        let (mut payload, mut sound) = (Vec::new(), Vec::new());
        self.out.encode(samples, &mut payload);
        self.ear.decode(&payload, &mut sound);
        self.heard.extend_from_slice(&sound);
    }
}

/// The first frame goes out at this instant of a run, and is played at once.
const FIRST_FRAME: usize = 3;
const EVENT: usize = 400;
const END: usize = 700;

fn run(phones: &mut [Phone], event_ms: usize, before: &[Hearing], event: impl Fn(&mut Room)) {
    let mut room = Room::default();
    room.arrange(before);
    phones.iter().for_each(|phone| room.listen(phone.leg, phone.codec.rate()));
    for ms in 0..END {
        let now = Mono(ms as u64 * 1_000_000);
        if ms == event_ms {
            event(&mut room);
            phones.iter().for_each(|phone| room.listen(phone.leg, phone.codec.rate()));
            phones.iter_mut().for_each(|phone| phone.event_ms = ms - FIRST_FRAME);
        }
        for phone in &mut *phones {
            if let Some((header, samples)) = phone.say(ms) {
                room.hear(now, phone.leg, phone.codec.rate(), &header, samples);
            }
        }
        if ms % 20 == FIRST_FRAME {
            mix(&mut room, now, phones);
        }
    }
}

fn mix(room: &mut Room, now: Mono, phones: &mut [Phone]) {
    let mut sent = BTreeMap::new();
    room.mix(now, |leg, _, samples| drop(sent.insert(leg, samples.to_vec())));
    for phone in phones {
        // Who is sent nothing hears nothing.
        let silence = vec![0; phone.codec.rate().hertz() as usize / 50];
        phone.hear(sent.get(&phone.leg).unwrap_or(&silence));
    }
}

/// The first two are relayed to each other until the third joins and the call becomes a room.
fn run_relayed(phones: &mut [Phone], event_ms: usize) {
    let mut room = None;
    let first_frame = event_ms.next_multiple_of(5);
    let mut said = Vec::new();
    for ms in 0..END {
        let now = Mono(ms as u64 * 1_000_000);
        if ms == event_ms {
            let room = room.insert(Room::taking_over(&Hearing::all(&[CITIZEN, SEAT]), |room| {
                for (came, leg, rate, header, samples) in said.split_off(said.len() - 4 * phones.len()) {
                    room.hear(came, leg, rate, &header, samples);
                }
            }));
            room.arrange(&Hearing::all(&ALL));
            phones.iter().for_each(|phone| room.listen(phone.leg, phone.codec.rate()));
            for (at, other) in [(0, 1), (1, 0)] {
                let per_ms = phones[at].codec.rate().hertz() as usize / 1000;
                let since = (ms - 1 - phones[other].offset_ms) % 20 + 1;
                phones[at].event_ms = phones[at].heard.len() / per_ms - 20 + since;
            }
        }
        for at in 0..phones.len() {
            let (leg, rate) = (phones[at].leg, phones[at].codec.rate());
            let Some((header, samples)) = phones[at].say(ms) else { continue };
            match &mut room {
                Some(room) => room.hear(now, leg, rate, &header, samples),
                None => {
                    if at < 2 {
                        phones[1 - at].hear(&samples);
                    }
                    said.push((now, leg, rate, header, samples));
                }
            }
        }
        if let Some(room) = room.as_mut().filter(|_| ms >= first_frame && (ms - first_frame).is_multiple_of(20)) {
            mix(room, now, phones);
        }
    }
}

/// Each ear that stays in the call: no click, those who stay are heard all the while, and the third as he should be.
fn judge(what: &str, phones: &[Phone], event_ms: usize, third: std::ops::Range<f64>) {
    for phone in phones.iter().filter(|phone| phone.leg != THIRD) {
        let (rate, sound, at) = (phone.codec.rate(), &phone.heard, phone.event_ms);
        let what = format!("{what} at {event_ms} ms, {:?} hears", phone.leg);
        let (others, tones): (Vec<LegId>, Vec<f64>) =
            phones.iter().filter(|other| other.leg != phone.leg).map(|other| (other.leg, other.hz)).unzip();
        let left = worst(sound, rate, at, &tones);
        assert!(left < CLICK, "{what} a click of {:.1} dB", 20.0 * (left / 32_768.0).log10());
        for (other, loud) in others.into_iter().zip(loudness(sound, rate, at + AROUND_MS, &tones)) {
            let expected = if other == THIRD { third.clone() } else { PRESENT };
            assert!(expected.contains(&loud), "{what} {other:?} at {loud:.3}");
        }
    }
}

const PRESENT: std::ops::Range<f64> = 0.9..1.1;
const ABSENT: std::ops::Range<f64> = 0.0..0.02;

fn parties(line: Codec, codec: Codec) -> [Phone; 3] {
    // Of no frequency does a whole number of waves fit into a packet: a lost or doubled one would be heard.
    [(CITIZEN, line, 430.0, 0), (SEAT, codec, 1010.0, 7), (THIRD, codec, 1730.0, 12)]
        .map(|(leg, codec, hz, offset)| Phone::new(leg, codec, hz, offset))
}

const ALL: [LegId; 3] = [CITIZEN, SEAT, THIRD];

#[test]
fn who_joins_is_heard_within_60_ms_and_without_a_click() {
    for codec in [Codec::PCMA, Codec::G722] {
        for event in (EVENT..EVENT + 20).step_by(3) {
            // He has spoken all the while, to nobody or to the seat alone.
            let mut phones = parties(Codec::PCMA, codec);
            run(&mut phones, event, &Hearing::all(&[CITIZEN, SEAT]), |room| room.arrange(&Hearing::all(&ALL)));
            judge("joins", &phones, event, PRESENT);
            let mut phones = parties(Codec::PCMA, codec);
            run(&mut phones, event, &Hearing::all(&[SEAT, THIRD]), |room| room.arrange(&Hearing::all(&ALL)));
            judge("joins after a word with the seat,", &phones, event, PRESENT);
            // His first packet comes now.
            let mut phones = parties(Codec::PCMA, codec);
            phones[2].offset_ms = event % 20;
            phones[2].speaks_ms = event..usize::MAX;
            run(&mut phones, event, &Hearing::all(&[CITIZEN, SEAT]), |room| room.arrange(&Hearing::all(&ALL)));
            judge("answers", &phones, event, PRESENT);
        }
    }
}

#[test]
fn a_third_joins_without_a_click_when_the_two_were_relayed() {
    for codec in [Codec::PCMA, Codec::G722] {
        for event in (EVENT..EVENT + 20).step_by(3) {
            let mut phones = parties(codec, codec);
            run_relayed(&mut phones, event);
            judge("joins", &phones, event, PRESENT);
        }
    }
}

#[test]
fn who_is_dropped_is_gone_within_60_ms_and_without_a_click() {
    for codec in [Codec::PCMA, Codec::G722] {
        for event in (EVENT..EVENT + 20).step_by(3) {
            let mut phones = parties(Codec::PCMA, codec);
            run(&mut phones, event, &Hearing::all(&ALL), |room| room.arrange(&Hearing::all(&[CITIZEN, SEAT])));
            judge("is put aside", &phones, event, ABSENT);
            // His leg is closed: nothing more comes from him.
            let mut phones = parties(Codec::PCMA, codec);
            phones[2].speaks_ms = 0..event;
            run(&mut phones, event, &Hearing::all(&ALL), |room| {
                room.leave(THIRD);
                room.arrange(&Hearing::all(&[CITIZEN, SEAT]));
            });
            judge("is dropped", &phones, event, ABSENT);
        }
    }
}
