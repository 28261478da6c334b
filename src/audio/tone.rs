//! Sound that we make ourselves: hold music, and the tones that answer a feature code.
//! 16-bit linear, 8 kHz, mono; the same on every machine but for the last bit.

use std::f64::consts::TAU;

/// Samples per second of all sound here.
pub const RATE: u32 = 8000;

/// A sine of this frequency (Hz), length (ms) and peak, faded in and out over 5 ms.
pub fn sine(frequency: f64, millis: u32, peak: i16) -> Vec<i16> {
    let length = (millis * RATE / 1000) as usize;
    let fade = (RATE / 200) as usize;
    (0..length)
        .map(|at| {
            let edge = at.min(length - 1 - at).min(fade) as f64 / fade as f64;
            let wave = (TAU * frequency * at as f64 / f64::from(RATE)).sin();
            (wave * edge * f64::from(peak)) as i16
        })
        .collect()
}

/// "It is done": two rising notes.
pub fn confirm() -> Vec<i16> {
    [sine(660.0, 120, 6000), silence(40), sine(880.0, 180, 6000), silence(100)].concat()
}

/// The ringing tone of China: 450 Hz, 1 s on, 4 s off, about 20 dB below full scale (GB/T 3380).
pub fn ringback() -> Vec<i16> {
    [sine(450.0, 1000, 4600), silence(4000)].concat()
}

/// "It is refused": three low pulses.
pub fn refuse() -> Vec<i16> {
    [sine(420.0, 140, 6000), silence(70)].concat().repeat(3)
}

pub fn silence(millis: u32) -> Vec<i16> {
    vec![0; (millis * RATE / 1000) as usize]
}

/// Length of a beat in samples: 75 beats a minute.
const BEAT: usize = 6400;

/// The tune, pentatonic so that nothing clashes while notes ring on: (semitones above A3, beats).
const TUNE: [(i32, usize); 27] = [
    (3, 1),
    (7, 1),
    (10, 1),
    (12, 1),
    (10, 2),
    (7, 2),
    (5, 1),
    (7, 1),
    (10, 1),
    (7, 1),
    (3, 2),
    (5, 2),
    (7, 1),
    (10, 1),
    (12, 1),
    (15, 1),
    (12, 2),
    (10, 2),
    (7, 1),
    (5, 1),
    (3, 1),
    (5, 1),
    (7, 1),
    (5, 1),
    (3, 1),
    (0, 1),
    (3, 2),
];

/// One bass note under each four beats.
const BASS: [i32; 9] = [-9, -5, -12, -9, -5, -2, -9, -5, -9];

/// A gentle piece of about half a minute. It can be looped: what rings on at the end is heard at
/// the beginning.
pub fn music() -> Vec<i16> {
    let beats: usize = TUNE.iter().map(|(_, beats)| beats).sum();
    let mut mix = vec![0.0; beats * BEAT];
    let mut at = 0;
    for (semitones, beats) in TUNE {
        pluck(&mut mix, at * BEAT, semitones, 1.0);
        at += beats;
    }
    for (bar, semitones) in (0..beats.div_ceil(4)).zip(BASS.into_iter().cycle()) {
        pluck(&mut mix, bar * 4 * BEAT, semitones, 0.7);
    }
    let loudest = mix.iter().fold(1.0, |most: f64, sample| most.max(sample.abs()));
    // 10 dB below full scale: as loud as speech on the line, not louder.
    mix.iter().map(|sample| (sample / loudest * 10_000.0) as i16).collect()
}

/// Adds one soft bell-like note that rings for two seconds.
fn pluck(mix: &mut [f64], from: usize, semitones: i32, volume: f64) {
    let frequency = 220.0 * (f64::from(semitones) / 12.0).exp2();
    let length = mix.len();
    for at in 0..(2 * RATE as usize).min(length) {
        let seconds = at as f64 / f64::from(RATE);
        let swell = (seconds / 0.02).min(1.0) * ((2.0 - seconds) / 0.1).min(1.0);
        let phase = TAU * frequency * seconds;
        let wave = phase.sin() * (-1.6 * seconds).exp() + 0.3 * (2.0 * phase).sin() * (-3.5 * seconds).exp();
        mix[(from + at) % length] += wave * swell * volume;
    }
}
