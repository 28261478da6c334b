//! People whose phones speak different codecs.

use std::net::SocketAddr;

use hotline::archive::{Order, Side};
use hotline::audio::codec::{Codec, Decoder, Encoder, Rate};
use hotline::audio::dtmf::Event;
use hotline::call::{Hearing, LegId, Prompt};
use hotline::media::room::Room;
use hotline::media::rtp::Header;
use hotline::media::speech::Speaker;
use hotline::media::{Command, LegMedia, Report};
use hotline::time::Mono;

use super::peer::{CITIZEN, Hotline, Phone, SEAT, V4};
use crate::audio::codec::{levels, tone};

const THIRD: LegId = LegId(4);

/// Payloads of 20 ms of a tone that lasts for a second.
fn packets(codec: Codec, hz: f64) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec);
    let frames = tone(hz, codec.rate());
    let frames = frames.chunks(codec.rate().hertz() as usize / 50);
    frames
        .map(|frame| {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            payload
        })
        .collect()
}

fn decoded<'a>(codec: Codec, payloads: impl IntoIterator<Item = &'a [u8]>) -> Vec<i16> {
    let (mut decoder, mut sound, mut all) = (Decoder::new(codec), Vec::new(), Vec::new());
    for payload in payloads {
        decoder.decode(payload, &mut sound);
        all.extend_from_slice(&sound);
    }
    all
}

/// The tone is there as loud as it was spoken, and nothing else; the first 100 ms are for codecs to settle.
fn assert_tone(noise: f64, hz: f64, rate: Rate, samples: &[i16]) {
    let (level, rest) = levels(hz, rate, &samples[rate.hertz() as usize / 10..]);
    assert!(level.abs() < 1.5 && rest < noise, "{hz} Hz at {level:.1} dB, the rest at {rest:.1} dB");
}

/// The next packet of 20 ms, counted as the codec counts.
fn say(phone: &mut Phone, to: SocketAddr, codec: Codec, payload: &[u8]) {
    phone.send(to, codec.payload(), false, phone.timestamp, payload);
    phone.timestamp = phone.timestamp.wrapping_add(160 * codec.ticks());
}

#[test]
fn everybody_hears_and_is_recorded_whatever_the_codecs() {
    for (one, other) in [
        (Codec::G722, Codec::PCMA),
        (Codec::PCMU, Codec::G722),
        (Codec::G722, Codec::G722),
        (Codec::Opus, Codec::PCMA),
        (Codec::G722, Codec::Opus),
        (Codec::Opus, Codec::Opus),
    ] {
        // Opus keeps how a sound is heard, not its wave.
        let noise = if [one, other].contains(&Codec::Opus) { -10.0 } else { -25.0 };
        let mut hotline = Hotline::start();
        let (mut citizen, mut seat) = (Phone::new(V4, 0xC1), Phone::new(V4, 0x5E));
        let port = hotline.open(CITIZEN, V4, citizen.media(one, None));
        let seat_port = hotline.open(SEAT, V4, seat.media(other, None));
        hotline.mix(&[SEAT], true);
        let (mut at_seat, mut at_citizen) = (Vec::new(), Vec::new());
        for (low, high) in packets(one, 400.0).iter().zip(packets(other, 1000.0)) {
            say(&mut citizen, port, one, low);
            at_seat.push(seat.hear());
            say(&mut seat, seat_port, other, &high);
            at_citizen.push(citizen.hear());
            if one == other {
                assert_eq!((&at_seat.last().unwrap().payload, &at_citizen.last().unwrap().payload), (low, &high));
            }
        }
        for (codec, hz, heard) in [(other, 400.0, &at_seat), (one, 1000.0, &at_citizen)] {
            for pair in heard.windows(2) {
                let (before, after) = (pair[0].header, pair[1].header);
                assert_eq!(after.payload_type, codec.payload());
                let passed = after.timestamp.wrapping_sub(before.timestamp);
                assert_eq!(passed, 160 * codec.ticks(), "{one:?} {other:?}");
                assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            }
            let sound = decoded(codec, heard.iter().map(|got| got.payload.as_slice()));
            assert_tone(noise, hz, codec.rate(), &sound);
        }
        hotline.close(CITIZEN);
        hotline.close(SEAT);
        let (mut left, mut right, mut wide) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
        while let Ok(order) = hotline.orders.try_recv() {
            if let Order::Audio { voice, batch, .. } = order {
                assert_eq!(batch.bytes.len(), batch.heard.iter().map(|heard| usize::from(heard.len)).sum::<usize>());
                let is_left = voice.side() == Side::Left;
                if is_left { &mut wide.0 } else { &mut wide.1 }.extend_from_slice(&batch.wide);
                let side = if is_left { &mut left } else { &mut right };
                side.extend(batch.bytes.iter().map(|code| batch.heard[0].law.decode(*code)));
            }
        }
        assert_eq!((left.len(), right.len()), (8000, 8000));
        assert_tone(noise, 400.0, Rate::Narrow, &left);
        assert_tone(noise, 1000.0, Rate::Narrow, &right);
        for (codec, hz, wide) in [(one, 400.0, wide.0), (other, 1000.0, wide.1)] {
            match codec.rate() {
                Rate::Narrow => assert!(wide.is_empty()),
                Rate::Wide => assert_tone(noise, hz, Rate::Wide, &wide),
            }
        }
    }
}

#[test]
fn a_key_passes_between_codecs_without_a_hole() {
    let mut hotline = Hotline::start();
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Codec::PCMA, Some(101)));
    hotline.open(SEAT, V4, seat.media(Codec::G722, Some(96)));
    hotline.mix(&[SEAT], false);
    citizen.say(port, 8, &[0xD5; 160]);
    let before = seat.hear();
    let event = Event { code: 9, end: true, volume: 10, duration: 320 };
    citizen.send(port, 101, true, citizen.timestamp, &event.to_bytes());
    let key = seat.hear();
    citizen.timestamp = citizen.timestamp.wrapping_add(320);
    citizen.say(port, 8, &[0xD5; 160]);
    let after = seat.hear();
    assert_eq!((key.header.payload_type, key.payload.as_slice()), (96, &event.to_bytes()[..]));
    let since = |got: &super::peer::Got| got.header.timestamp.wrapping_sub(before.header.timestamp);
    assert_eq!((since(&key), since(&after)), (160, 480));
    assert_eq!(after.header.sequence, before.header.sequence.wrapping_add(2));
    assert_eq!(hotline.report(), Report::Digit { leg: CITIZEN, digit: '9' });
}

#[test]
fn a_wideband_phone_hears_prompts() {
    let mut hotline = Hotline::start();
    let citizen = Phone::new(V4, 1);
    hotline.open(CITIZEN, V4, citizen.media(Codec::G722, None));
    hotline.handle.send(Command::Play { leg: CITIZEN, prompts: vec![Prompt::Refused], repeat: false, token: 1 });
    let heard: Vec<_> = (0..15).map(|_| citizen.hear()).collect();
    assert!(heard.iter().all(|got| got.header.payload_type == 9 && got.payload.len() == 160));
    // Of the first of three pulses at 420 Hz, what lies between its edges.
    let sound = decoded(Codec::G722, heard.iter().map(|got| got.payload.as_slice()));
    let (level, rest) = levels(420.0, Rate::Wide, &sound[480..1920]);
    assert!((-4.0..0.0).contains(&level) && rest < -25.0, "{level} {rest}");
}

/// Two wideband phones and a line: the two hear each other in full, the line hears what it can.
#[test]
fn a_room_is_mixed_for_each_at_its_own_rate() {
    let rates = [(CITIZEN, Rate::Narrow, 400.0), (SEAT, Rate::Wide, 5500.0), (THIRD, Rate::Wide, 1000.0)];
    let mut room = Room::default();
    room.arrange(&Hearing::all(&rates.map(|(leg, ..)| leg)));
    rates.iter().for_each(|(leg, rate, _)| room.listen(*leg, *rate));
    let mut ears: std::collections::BTreeMap<LegId, Vec<i16>> = Default::default();
    for packet in 0..50_u32 {
        let now = Mono(u64::from(packet) * 20_000_000);
        for (leg, rate, hz) in rates {
            let size = rate.hertz() as usize / 50;
            let spoken = tone(hz, rate)[packet as usize * size..][..size].to_vec();
            let header = Header { payload_type: 8, marker: false, sequence: 0, timestamp: packet * 160, ssrc: 9 };
            room.hear(now, leg, rate, &header, spoken);
        }
        room.mix(now + std::time::Duration::from_millis(5), |leg, rate, samples| {
            assert_eq!(rates.iter().find(|(of, ..)| *of == leg).map(|(_, rate, _)| *rate), Some(rate));
            ears.entry(leg).or_default().extend_from_slice(samples);
        });
    }
    let loud = |leg, hz| {
        let rate = rates.iter().find(|(of, ..)| *of == leg).unwrap().1;
        levels(hz, rate, &ears[&leg][rate.hertz() as usize / 5..]).0
    };
    for (leg, hears, not) in [
        (CITIZEN, &[1000.0][..], &[400.0, 2500.0][..]),
        (SEAT, &[400.0, 1000.0], &[5500.0]),
        (THIRD, &[400.0, 5500.0], &[1000.0]),
    ] {
        hears.iter().for_each(|hz| assert!(loud(leg, *hz).abs() < 1.0, "{leg:?} {hz} Hz: {}", loud(leg, *hz)));
        not.iter().for_each(|hz| assert!(loud(leg, *hz) < -40.0, "{leg:?} {hz} Hz: {}", loud(leg, *hz)));
    }
}

/// Only where no telephone-event was agreed: else a phone that sends both ways would press each key twice.
#[test]
fn keys_are_heard_in_the_voice_of_a_phone_that_has_no_other_way() {
    let tones = |low: f64, high: f64| {
        let wave = |hz: f64, at: u32| (std::f64::consts::TAU * hz * f64::from(at) / 8000.0).sin() * 6000.0;
        (0..480).map(|at| (wave(low, at) + wave(high, at)) as i16).collect::<Vec<_>>()
    };
    for (events, told) in [(None, vec!['5', '#']), (Some(101), vec!['1'])] {
        for codec in [Codec::PCMA, Codec::G722, Codec::Opus] {
            let mut hotline = Hotline::start();
            let mut seat = Phone::new(V4, 1);
            let port = hotline.open(SEAT, V4, seat.media(codec, events));
            let mut sound = vec![0; 160];
            for (low, high) in [(770.0, 1336.0), (941.0, 1477.0)] {
                sound.extend(tones(low, high));
                sound.extend([0; 480]);
            }
            let mut speaker = Speaker::default();
            for frame in sound.chunks(160) {
                say(&mut seat, port, codec, speaker.encode(codec, Rate::Narrow, frame));
            }
            if let Some(number) = events {
                let event = Event { code: 1, end: true, volume: 10, duration: 160 };
                seat.send(port, number, true, seat.timestamp, &event.to_bytes());
            }
            let mut heard = Vec::new();
            while heard.len() < told.len() {
                match hotline.report() {
                    Report::Digit { leg: SEAT, digit } => heard.push(digit),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(heard, told, "{codec:?}");
            hotline.handle.send(Command::Close { leg: SEAT });
            assert!(matches!(hotline.report(), Report::Closed { .. }), "{codec:?}: a key too many");
        }
    }
}

/// Each on its own clock: telephone-event at 48 kHz beside Opus, at 8 kHz elsewhere.
#[test]
fn keys_last_as_long_on_either_clock() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, LegMedia { fast_events: true, ..citizen.media(Codec::Opus, Some(102)) });
    let seat_port = hotline.open(SEAT, V4, seat.media(Codec::PCMA, Some(101)));
    hotline.mix(&[SEAT], false);
    let event = |duration| Event { code: 9, end: true, volume: 10, duration }.to_bytes();
    citizen.send(port, 102, true, citizen.timestamp, &event(4800));
    assert_eq!(seat.hear().payload, event(800));
    seat.send(seat_port, 101, true, seat.timestamp, &event(800));
    assert_eq!(citizen.hear().payload, event(4800));
}
