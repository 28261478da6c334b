//! What was said, heard and recorded, measured.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{find, run};

pub const RATE: usize = 8000;
/// Hz that a citizen and a seat speak.
pub const CITIZEN: u32 = 440;
pub const SEAT: u32 = 1000;
/// Amplitude of all speech here, of 1.
pub const LEVEL: f64 = 0.25;

/// A tone goes on and off in chips of this many samples, 100 ms.
const CHIP: usize = RATE / 10;
/// It rises and falls within 5 ms, so that it is heard nowhere else in the spectrum.
const RAMP: usize = RATE / 200;

/// A minute of a tone, on and off in a pattern that fits itself at no other time and that differs
/// from tone to tone.
pub fn write_speech(path: &Path, hz: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: u32::try_from(RATE).expect("small"),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("WAV");
    let mut pattern = hz;
    for _ in 0..600 {
        // A linear-feedback shift register of 16 bits.
        pattern = (pattern >> 1) ^ if pattern & 1 == 1 { 0xB400 } else { 0 };
        let on = pattern & 1 == 1;
        for at in 0..CHIP {
            let edge = at.min(CHIP - 1 - at).min(RAMP);
            let gain = if on { LEVEL * edge as f64 / RAMP as f64 } else { 0.0 };
            let phase = TAU * f64::from(hz) * at as f64 / RATE as f64;
            file.write_sample((gain * phase.sin() * f64::from(i16::MAX)) as i16).expect("sample");
        }
    }
    file.finalize().expect("WAV");
}

/// The channels of a file, each sample from -1 to 1. sox opens it, so any player does.
pub fn read(path: &Path) -> Vec<Vec<f64>> {
    let plain = path.with_extension(format!("{}.wav", std::process::id()));
    // While a call goes on the file has another ending.
    run(Command::new(find("sox", "sox"))
        .args(["-t", "wav"])
        .arg(path)
        .args(["-e", "signed", "-b", "16", "-r", "8000"])
        .arg(&plain));
    let mut reader = hound::WavReader::open(&plain).expect("WAV");
    let count = usize::from(reader.spec().channels);
    let mut channels = vec![Vec::new(); count];
    for (index, sample) in reader.samples::<i16>().enumerate() {
        channels[index % count].push(f64::from(sample.expect("sample")) / f64::from(i16::MAX));
    }
    std::fs::remove_file(plain).expect("removed");
    channels
}

/// The channels of a sealed or live recording: citizen left, seat right.
pub fn read_recording(path: &Path) -> [Vec<f64>; 2] {
    read(path).try_into().expect("two channels")
}

/// All that a phone heard, as one channel.
pub fn read_heard(dumps: &[PathBuf]) -> Vec<f64> {
    assert!(!dumps.is_empty(), "the phone heard nothing at all");
    dumps.iter().flat_map(|dump| read(dump).remove(0)).collect()
}

/// Amplitude of one frequency in windows of 50 ms (Hann), every 5 ms. (Goertzel)
pub fn envelope(samples: &[f64], hz: u32) -> Vec<f64> {
    let window: Vec<f64> = (0..400).map(|at| 0.5 - 0.5 * (TAU * f64::from(at) / 400.0).cos()).collect();
    let twice_cos = 2.0 * (TAU * f64::from(hz) / RATE as f64).cos();
    samples
        .windows(400)
        .step_by(40)
        .map(|part| {
            let (mut last, mut before) = (0.0, 0.0);
            for (sample, weight) in part.iter().zip(&window) {
                (last, before) = (sample * weight + twice_cos * last - before, last);
            }
            let power: f64 = last * last + before * before - twice_cos * last * before;
            // The window's weights sum up to 200.
            power.max(0.0).sqrt() / 100.0
        })
        .collect()
}

/// The loudest that one frequency became.
pub fn loudest(samples: &[f64], hz: u32) -> f64 {
    envelope(samples, hz).into_iter().fold(0.0, f64::max)
}

/// The level that one frequency has for the loudest tenth of the time.
pub fn loudest_tenth(samples: &[f64], hz: u32) -> f64 {
    let mut levels = envelope(samples, hz);
    levels.sort_by(f64::total_cmp);
    levels.get(levels.len() * 9 / 10).copied().unwrap_or(0.0)
}

pub fn rms(samples: &[f64]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| sample * sample).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// Fails unless this tone is heard at its right level (±1 dB), and the other one not at all.
pub fn assert_only(what: &str, samples: &[f64], hz: u32, other: u32) {
    // Speech is on for half of the time. Now and then a packet that a busy machine lost makes a click.
    let (own, strange) = (loudest(samples, hz), loudest_tenth(samples, other));
    let off = 20.0 * (own / LEVEL).log10();
    assert!(off.abs() < 1.0, "{what}: {hz} Hz is {off:+.1} dB off its level");
    assert!(strange < 0.01, "{what}: {other} Hz is heard too, amplitude {strange:.3}");
}

/// By how many milliseconds the same pattern comes later in `there` than in `here`; both are envelopes.
pub fn lag_ms(here: &[f64], there: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (here_mean, there_mean) = (mean(here), mean(there));
    let score = |lag: isize| -> f64 {
        let pairs = here.iter().enumerate().filter_map(|(at, value)| {
            let other = there.get(usize::try_from(at as isize + lag).ok()?)?;
            Some((value - here_mean) * (other - there_mean))
        });
        pairs.sum()
    };
    let reach = (here.len().max(there.len())) as isize;
    let best = (-reach..=reach).max_by(|a, b| score(*a).total_cmp(&score(*b))).unwrap_or(0);
    best as f64 * 5.0
}
