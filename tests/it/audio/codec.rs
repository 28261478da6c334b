//! What each codec leaves of a tone, and the way between 8 and 16 kHz.

use std::f64::consts::TAU;

use hotline::audio::codec::{Codec, Decoder, Encoder, Rate};
use hotline::audio::resample::{Downsampler, Upsampler};

use crate::wire::mutations::Dice;

const LEVEL: f64 = 8000.0;

/// A second of a tone.
pub fn tone(hz: f64, rate: Rate) -> Vec<i16> {
    let at = |sample: u32| TAU * hz * f64::from(sample) / f64::from(rate.hertz());
    (0..rate.hertz()).map(|sample| (at(sample).sin() * LEVEL) as i16).collect()
}

/// Level of the tone in these samples, and of all else, in dB of the tone as it was spoken.
pub fn levels(hz: f64, rate: Rate, samples: &[i16]) -> (f64, f64) {
    let angle = |at: usize| TAU * hz * at as f64 / f64::from(rate.hertz());
    let size = samples.len() as f64;
    let part = |of: fn(f64) -> f64| {
        samples.iter().enumerate().map(|(at, sample)| f64::from(*sample) * of(angle(at))).sum::<f64>() * 2.0 / size
    };
    let (cosine, sine) = (part(f64::cos), part(f64::sin));
    let rest = samples
        .iter()
        .enumerate()
        .map(|(at, sample)| (f64::from(*sample) - cosine * angle(at).cos() - sine * angle(at).sin()).powi(2));
    let db = |power: f64| 10.0 * (power / (LEVEL * LEVEL / 2.0)).max(1e-12).log10();
    (db((cosine * cosine + sine * sine) / 2.0), db(rest.sum::<f64>() / size))
}

/// Through a codec, in packets of 20 ms; the first 100 ms are the codec's to settle.
fn through(codec: Codec, sound: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
    let (mut payload, mut packet, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    for frame in sound.chunks(codec.rate().hertz() as usize / 50) {
        encoder.encode(frame, &mut payload);
        decoder.decode(&payload, &mut packet);
        assert_eq!(packet.len(), frame.len(), "{codec:?}");
        heard.extend_from_slice(&packet);
    }
    heard.split_off(codec.rate().hertz() as usize / 10)
}

#[test]
fn every_codec_keeps_a_tone() {
    for (codec, hz, noise) in [
        (Codec::PCMA, 1000.0, -30.0),
        (Codec::PCMU, 3000.0, -30.0),
        (Codec::G722, 440.0, -28.0),
        (Codec::G722, 3000.0, -20.0),
        (Codec::G722, 6000.0, -15.0),
        (Codec::Opus, 440.0, -12.0),
        (Codec::Opus, 3000.0, -8.0),
    ] {
        let (level, rest) = levels(hz, codec.rate(), &through(codec, &tone(hz, codec.rate())));
        assert!(level.abs() < 1.0 && rest < noise, "{codec:?} {hz} Hz: {level:.1} dB, noise {rest:.1} dB");
    }
}

/// 30 ms is no length of an Opus frame, and yet what many phones send.
#[test]
fn an_opus_packet_may_be_as_long_as_any_of_ours() {
    let (mut encoder, mut decoder) = (Encoder::new(Codec::Opus), Decoder::new(Codec::Opus));
    for millis in [10, 20, 30, 40, 60, 120] {
        let (mut payload, mut sound) = (Vec::new(), Vec::new());
        encoder.encode(&tone(440.0, Rate::Wide)[..millis * 16], &mut payload);
        decoder.decode(&payload, &mut sound);
        assert_eq!(sound.len(), millis * 16, "{millis} ms in {} bytes", payload.len());
        encoder.encode(&[0; 77], &mut payload);
        assert!(payload.is_empty(), "no such packet");
    }
}

/// One packet of fifty is lost; the one behind it, and what was said before, tell what was in it.
#[test]
fn opus_knows_what_was_lost() {
    let sound = tone(440.0, Rate::Wide);
    let (mut encoder, mut decoder) = (Encoder::new(Codec::Opus), Decoder::new(Codec::Opus));
    let (mut packet, mut heard) = (Vec::new(), Vec::new());
    for (number, frame) in sound.chunks(320).enumerate() {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        match number {
            30 => continue,
            31 => {
                let before = heard.len();
                decoder.recover(&payload, 320, &mut heard);
                assert_eq!(heard.len(), before + 320);
            }
            _ => {}
        }
        decoder.decode(&payload, &mut packet);
        heard.extend_from_slice(&packet);
    }
    assert_eq!(heard.len(), sound.len());
    // In place of the packet stands the tone, perhaps out of step.
    let power = |frame: &[i16]| frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let (lost, before) = (power(&heard[30 * 320..31 * 320]), power(&heard[28 * 320..29 * 320]));
    assert!((0.25..4.0).contains(&(lost / before)), "{lost} {before}");
}

/// RFC 3551 §4.5.2: one byte for one tick of 8 kHz, though two samples lie in it.
#[test]
fn a_g722_packet_has_one_byte_a_tick() {
    let mut payload = Vec::new();
    Encoder::new(Codec::G722).encode(&tone(440.0, Rate::Wide)[..320], &mut payload);
    assert_eq!(payload.len(), 160);
}

#[test]
fn rates_are_changed_without_loss_in_the_telephone_band() {
    for hz in [300.0, 1000.0, 2500.0, 3400.0] {
        let (mut wide, mut narrow) = (Vec::new(), Vec::new());
        let mut up = Upsampler::default();
        for frame in tone(hz, Rate::Narrow).chunks(160) {
            up.run(frame, &mut wide);
        }
        let (level, rest) = levels(hz, Rate::Wide, &wide[800..]);
        assert!(level.abs() < 0.1 && rest < -60.0, "{hz} Hz up: {level:.2} dB, rest {rest:.1} dB");
        let mut down = Downsampler::default();
        for frame in wide.chunks(320) {
            down.run(frame, &mut narrow);
        }
        assert_eq!((wide.len(), narrow.len()), (16_000, 8_000));
        let (level, rest) = levels(hz, Rate::Narrow, &narrow[800..]);
        assert!(level.abs() < 0.1 && rest < -60.0, "{hz} Hz and back: {level:.2} dB, rest {rest:.1} dB");
    }
}

/// What 8 kHz cannot hold is left out and not folded down.
#[test]
fn high_tones_do_not_come_back_as_low_ones() {
    for hz in [4700.0, 6000.0, 7400.0] {
        let mut narrow = Vec::new();
        Downsampler::default().run(&tone(hz, Rate::Wide), &mut narrow);
        let loudest = narrow[100..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(f64::from(loudest) < LEVEL / 1000.0, "{hz} Hz: {loudest}");
    }
}

#[test]
fn no_payload_panics() {
    let mut dice = Dice(0x0dd_ba11);
    for codec in Codec::ALL {
        let mut decoder = Decoder::new(codec);
        let mut sound = Vec::new();
        for _ in 0..2000 {
            let length = (dice.roll() % 400) as usize;
            let bytes: Vec<u8> = (0..length).map(|_| dice.roll() as u8).collect();
            decoder.decode(&bytes, &mut sound);
            assert!(sound.len() <= 1920, "{codec:?}: {} samples", sound.len());
        }
    }
}

/// Full scale and silence, however sudden.
#[test]
fn no_sound_panics() {
    let mut dice = Dice(0xfeed_beef);
    for codec in Codec::ALL {
        let (mut encoder, mut payload) = (Encoder::new(codec), Vec::new());
        for round in 0..500 {
            let frame: Vec<i16> = (0..codec.rate().hertz() / 50)
                .map(|_| match round % 4 {
                    0 => dice.roll() as i16,
                    1 => i16::MAX,
                    2 => i16::MIN,
                    _ => 0,
                })
                .collect();
            encoder.encode(&frame, &mut payload);
        }
    }
}
