//! Keys that come as tones in the voice (ITU-T Q.23, Q.24).

use std::f64::consts::TAU;

use hotline::audio::g711::Law;
use hotline::audio::inband::Detector;
use hotline::audio::tone;
use hotline::media::shipped::PROMPTS;

use crate::wire::mutations::Dice;

const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// How a key is pressed.
#[derive(Clone, Copy)]
struct Press {
    millis: u32,
    /// Peak of each tone.
    row: f64,
    column: f64,
    /// Off the right frequency, of 1.
    off: f64,
    /// Peak of noise beside it.
    noise: f64,
}

const PLAIN: Press = Press { millis: 60, row: 6000.0, column: 6000.0, off: 0.0, noise: 0.0 };

fn tones(key: char, press: Press) -> Vec<i16> {
    let (row, column) = (0..16).map(|at| (at / 4, at % 4)).find(|(row, at)| KEYS[*row][*at] == key).unwrap();
    let mut dice = Dice(0x51de);
    let wave = |hz: f64, at: u32| (TAU * hz * (1.0 + press.off) * f64::from(at) / 8000.0).sin();
    (0..press.millis * 8)
        .map(|at| {
            let noise = (f64::from(dice.roll() as u16) / 32_768.0 - 1.0) * press.noise;
            (wave(ROWS[row], at) * press.row + wave(COLUMNS[column], at) * press.column + noise) as i16
        })
        .collect()
}

/// What is heard of this sound over a line, in packets of 20 ms.
fn heard(sound: &[i16]) -> String {
    let (mut detector, mut keys) = (Detector::default(), String::new());
    for packet in sound.chunks(160) {
        let line = packet.iter().map(|sample| Law::A.decode(Law::A.encode(*sample)));
        detector.hear(line, |key| keys.push(key));
    }
    keys
}

#[test]
fn every_key_is_heard_once_each_time_it_is_pressed() {
    for key in KEYS.concat() {
        // At any place of a block, long and short, with the shortest pause there may be.
        for shift in [0, 10, 40, 80] {
            let mut sound = tone::silence(20);
            sound.extend(vec![0; shift]);
            for millis in [40, 60, 500] {
                sound.extend(tones(key, Press { millis, ..PLAIN }));
                sound.extend(tone::silence(45));
            }
            assert_eq!(heard(&sound), String::from(key).repeat(3), "shifted by {shift}");
        }
    }
}

#[test]
fn a_key_is_told_from_what_only_resembles_it() {
    let table = [
        ("quiet", Press { row: 500.0, column: 500.0, ..PLAIN }, true),
        ("loud", Press { row: 16_000.0, column: 16_000.0, ..PLAIN }, true),
        ("too faint", Press { row: 60.0, column: 60.0, ..PLAIN }, false),
        ("the row 6 dB louder", Press { row: 8000.0, column: 4000.0, ..PLAIN }, true),
        ("the row 12 dB louder", Press { row: 8000.0, column: 2000.0, ..PLAIN }, false),
        ("the column 3 dB louder", Press { row: 5000.0, column: 7000.0, ..PLAIN }, true),
        ("the column 8 dB louder", Press { row: 3000.0, column: 7600.0, ..PLAIN }, false),
        ("one tone alone", Press { row: 8000.0, column: 0.0, ..PLAIN }, false),
        ("1.5 % too high", Press { off: 0.015, ..PLAIN }, true),
        ("1.5 % too low", Press { off: -0.015, ..PLAIN }, true),
        ("5 % too high", Press { off: 0.05, ..PLAIN }, false),
        ("in noise 15 dB below", Press { noise: 1500.0, ..PLAIN }, true),
        ("in noise as loud", Press { noise: 10_000.0, ..PLAIN }, false),
        ("a click of 10 ms", Press { millis: 10, ..PLAIN }, false),
    ];
    for (what, press, is_key) in table {
        for key in KEYS.concat() {
            let mut sound = tone::silence(30);
            sound.extend(tones(key, press));
            sound.extend(tone::silence(60));
            assert_eq!(heard(&sound), if is_key { String::from(key) } else { String::new() }, "{what}, {key}");
        }
    }
}

/// Nobody who speaks presses keys: half a minute of Mandarin, and of music.
#[test]
fn words_and_music_are_no_keys() {
    for (name, bytes) in PROMPTS {
        let mut reader = hound::WavReader::new(*bytes).unwrap();
        let words: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        for faster in [10, 8, 13] {
            let other: Vec<i16> = (0..words.len() * 10 / faster).map(|at| words[at * faster / 10]).collect();
            assert_eq!(heard(&other), "", "{name} at {faster} tenths");
        }
    }
    for sound in [tone::music(), tone::confirm(), tone::refuse()] {
        assert_eq!(heard(&sound), "");
    }
}
