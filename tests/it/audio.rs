//! Codecs, the sound we make, and keys.

pub mod codec;
mod ear;
mod inband;
mod mixing;

use hotline::audio::dtmf::{Event, Keys};
use hotline::audio::g711::Law;
use hotline::audio::tone;

/// Values of ITU-T G.711 tables 1a and 2a (the decoder's output, scaled to 16 bits).
#[test]
fn known_codes_decode_as_the_tables_say() {
    let table = [
        (Law::A, 0xD5, 8),
        (Law::A, 0x55, -8),
        (Law::A, 0xAA, 32256),
        (Law::A, 0x2A, -32256),
        (Law::A, 0xC5, 264),
        (Law::A, 0x80, 5504),
        (Law::Mu, 0xFF, 0),
        (Law::Mu, 0x7F, 0),
        (Law::Mu, 0x80, 32124),
        (Law::Mu, 0x00, -32124),
        (Law::Mu, 0xF0, 120),
        (Law::Mu, 0xEF, 132),
    ];
    for (law, code, linear) in table {
        assert_eq!(law.decode(code), linear, "{law:?} {code:#04x}");
    }
}

#[test]
fn every_code_survives_decoding_and_encoding() {
    for law in [Law::A, Law::Mu] {
        for code in 0..=255 {
            // µ-law has two zeros; the negative one comes back as the positive one.
            let expected = if law == Law::Mu && code == 0x7F { 0xFF } else { code };
            assert_eq!(law.encode(law.decode(code)), expected, "{law:?} {code:#04x}");
        }
        assert_eq!(law.encode(law.decode(law.silence())), law.silence());
    }
}

/// The decision values of the tables lie in the middle between two codes, but at the edge of a
/// segment, where the code beyond is twice as far away.
#[test]
fn encoding_takes_the_nearest_code_or_its_neighbour_at_an_edge() {
    for law in [Law::A, Law::Mu] {
        let codes: Vec<i32> = (0..=255).map(|code| i32::from(law.decode(code))).collect();
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let sample = i32::from(sample);
            let chosen = i32::from(law.decode(law.encode(i16::try_from(sample).unwrap())));
            let best = codes.iter().map(|value| (value - sample).abs()).min().unwrap();
            assert!((chosen - sample).abs() <= 2 * best + 16, "{law:?} {sample}: {chosen}");
        }
    }
}

#[test]
fn transcoding_keeps_the_sound() {
    let tone = tone::sine(1000.0, 200, 12_000);
    for law in [Law::A, Law::Mu] {
        let mut codes: Vec<u8> = tone.iter().map(|sample| law.encode(*sample)).collect();
        law.transcode(&mut codes);
        let heard: Vec<i16> = codes.iter().map(|code| law.other().decode(*code)).collect();
        let noise: f64 = tone.iter().zip(&heard).map(|(a, b)| f64::from(i32::from(*a) - i32::from(*b)).powi(2)).sum();
        let signal: f64 = tone.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        assert!(10.0 * (signal / noise).log10() > 32.0, "{law:?}");
    }
    let mut silence = [Law::A.silence(); 4];
    Law::A.transcode(&mut silence);
    assert!(silence.iter().all(|code| Law::Mu.decode(*code).abs() <= 8));
}

#[test]
fn hold_music_is_gentle_and_loops() {
    let music = tone::music();
    assert!((20 * 8000..60 * 8000).contains(&music.len()), "{} samples", music.len());
    assert_eq!(music, tone::music());
    let peak = music.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((8_000..=10_000).contains(&peak), "{peak}");
    // No click: neither inside nor where the end meets the beginning.
    let steps = music.iter().zip(music.iter().cycle().skip(1)).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs());
    assert!(steps.max().unwrap() < 5_000);
    for second in music.chunks_exact(8000) {
        assert!(second.iter().any(|sample| sample.unsigned_abs() > 500), "a second of silence");
    }
    assert_ne!(tone::confirm(), tone::refuse());
}

const fn five(end: bool, duration: u16) -> Event {
    Event { code: 5, end, volume: 10, duration }
}

/// Packets of one event: (ssrc, timestamp, end, duration) and whether a key must be told.
#[test]
fn a_key_is_told_once_per_event() {
    type Packets = &'static [(u32, u32, Event, bool)];
    const TABLE: [(&str, Packets); 6] = [
        (
            "all packets, the end three times",
            &[
                (1, 800, five(false, 160), true),
                (1, 800, five(false, 320), false),
                (1, 800, five(true, 480), false),
                (1, 800, five(true, 480), false),
                (1, 800, five(true, 480), false),
            ],
        ),
        ("only the last packet arrives", &[(1, 800, five(true, 480), true)]),
        ("the same key twice", &[(1, 800, five(true, 480), true), (1, 1600, five(false, 160), true)]),
        (
            "a late packet of the event before",
            &[(1, 800, five(true, 480), true), (1, 1600, five(false, 160), true), (1, 800, five(true, 480), false)],
        ),
        (
            "another stream with the same timestamp",
            &[(1, 800, five(true, 480), true), (2, 800, five(false, 160), true)],
        ),
        (
            "a long key goes on in a second segment",
            &[
                (1, 800, five(false, 65_535), true),
                (1, 800 + 65_535, five(false, 160), false),
                (1, 800 + 65_535, five(true, 320), false),
                (1, 200_000, five(false, 160), true),
            ],
        ),
    ];
    for (story, packets) in TABLE {
        let mut keys = Keys::default();
        for (ssrc, timestamp, event, told) in packets {
            let key = keys.hear(*ssrc, *timestamp, *event);
            assert_eq!(key, told.then_some('5'), "{story}: {timestamp} {event:?}");
        }
    }
}

#[test]
fn event_payloads() {
    let event = Event::parse(&[11, 0x8A, 0x03, 0x20, 9]).unwrap();
    assert_eq!(event, Event { code: 11, end: true, volume: 10, duration: 800 });
    assert_eq!((event.key(), event.to_bytes()), (Some('#'), [11, 0x8A, 0x03, 0x20]));
    assert_eq!(Event::parse(&[1, 2, 3]), None);
    assert_eq!(Event { code: 16, ..event }.key(), None);
    for key in "0123456789*#ABCD".chars() {
        assert_eq!(Event { code: Event::of_key(key).unwrap(), ..event }.key(), Some(key));
    }
}
