//! Keys that a phone sends as tones in its voice: a command reaches nobody else.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use hotline::archive::{Order, Side};
use hotline::audio::codec::{Codec, Decoder, Encoder};
use hotline::audio::g711::Law;
use hotline::call::LegId;

use super::peer::{CITIZEN, Hotline, Phone, SEAT, V4};

const THIRD: LegId = LegId(4);
/// Peak of each tone.
const LEVEL: f64 = 5000.0;
const ROW: f64 = 941.0;
const WORD: f64 = 600.0;
/// Frames of 20 ms that a key is held, and between two.
const PRESSED: usize = 25;
const BETWEEN: usize = 5;

/// What is said in 20 ms steps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sound {
    Key(char),
    Word,
    Nothing,
}

/// All keys here are in the row of 941 Hz, so that one frequency tells them all.
fn tones(sound: Sound) -> &'static [f64] {
    match sound {
        Sound::Key('*') => &[ROW, 1209.0],
        Sound::Key('0') => &[ROW, 1336.0],
        Sound::Key(_) => &[ROW, 1477.0],
        Sound::Word => &[WORD],
        Sound::Nothing => &[],
    }
}

fn samples(sound: Sound, frame: usize, rate: usize) -> Vec<i16> {
    let size = rate / 50;
    let at = |sample: usize| (frame * size + sample) as f64 / rate as f64;
    let wave = |sample| tones(sound).iter().map(|hz| (TAU * hz * at(sample)).sin() * LEVEL).sum::<f64>();
    (0..size).map(|sample| wave(sample) as i16).collect()
}

/// The frames of so many keys, with pauses, and a word behind them.
fn typed(keys: &str) -> Vec<Sound> {
    let mut all = vec![Sound::Nothing; BETWEEN];
    for key in keys.chars() {
        all.extend([Sound::Key(key); PRESSED]);
        all.extend([Sound::Nothing; BETWEEN]);
    }
    all.extend([Sound::Word; PRESSED]);
    all
}

/// Frames of 20 ms at 8 kHz in which this is heard.
fn frames_with(hz: f64, heard: &[i16]) -> usize {
    let loud = |frame: &&[i16]| {
        let angle = |at: usize| TAU * hz * at as f64 / 8000.0;
        let part = |of: fn(f64) -> f64| {
            frame.iter().enumerate().map(|(at, sample)| f64::from(*sample) * of(angle(at))).sum::<f64>()
        };
        part(f64::cos).hypot(part(f64::sin)) * 2.0 / frame.len() as f64 > LEVEL / 5.0
    };
    heard.chunks(160).filter(loud).count()
}

fn say(phone: &mut Phone, to: SocketAddr, codec: Codec, encoder: &mut Encoder, sound: Sound, frame: usize) {
    let mut payload = Vec::new();
    encoder.encode(&samples(sound, frame, codec.rate().hertz() as usize), &mut payload);
    phone.send(to, codec.payload(), false, phone.timestamp, &payload);
    phone.timestamp = phone.timestamp.wrapping_add(160 * codec.ticks());
}

/// What one says who may type, in this codec; what an A-law phone hears of it; and what is recorded.
fn through(who: LegId, codec: Codec, keys: &str) -> (Vec<i16>, Vec<i16>) {
    let mut hotline = Hotline::start();
    let (citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let codec_of = |leg| if leg == who { codec } else { Codec::PCMA };
    let ports = [(CITIZEN, &citizen), (SEAT, &seat)]
        .map(|(leg, phone)| hotline.open(leg, V4, phone.media(codec_of(leg), None)));
    hotline.mix(&[SEAT], true);
    let (mut speaks, port, hears) = if who == CITIZEN { (citizen, ports[0], seat) } else { (seat, ports[1], citizen) };
    let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(Codec::PCMA));
    let (mut heard, mut packet) = (Vec::new(), Vec::new());
    for (frame, sound) in typed(keys).into_iter().enumerate() {
        say(&mut speaks, port, codec, &mut encoder, sound, frame);
        decoder.decode(&hears.hear().payload, &mut packet);
        heard.extend_from_slice(&packet);
    }
    for _ in keys.chars() {
        hotline.report();
    }
    hotline.close(CITIZEN);
    hotline.close(SEAT);
    let side = if who == CITIZEN { Side::Left } else { Side::Right };
    let mut recorded = Vec::new();
    while let Ok(order) = hotline.orders.try_recv() {
        if let Order::Audio { voice, batch, .. } = order
            && voice.side() == side
        {
            let law = batch.heard[0].law;
            recorded.extend(batch.bytes.iter().map(|code| law.decode(*code)));
        }
    }
    (heard, recorded)
}

#[test]
fn a_command_typed_as_tones_is_silence_for_whoever_listens_and_in_the_recording() {
    for codec in [Codec::PCMA, Codec::PCMU, Codec::G722, Codec::Opus] {
        for (who, keys, passes) in [
            (SEAT, "*0#", 0),
            (SEAT, "*", 0),
            // `*00#` is whole with its last key, and what follows is no command: it is for a menu at the other end.
            (SEAT, "*00#0#", 2),
            (SEAT, "0#0", 3),
            (CITIZEN, "*0#", 3),
        ] {
            let (heard, recorded) = through(who, codec, keys);
            for (where_, sound) in [("heard", &heard), ("recorded", &recorded)] {
                let what = format!("{keys} of {who:?} in {codec:?}, {where_}");
                assert_eq!(sound.len() / 160, typed(keys).len(), "{what}: nothing is cut out");
                let key_frames = frames_with(ROW, sound);
                // Of each key that is no one's business, what had passed before it was known.
                let most = passes * (PRESSED + 1) + (keys.len() - passes) * 3;
                assert!((passes * PRESSED..=most).contains(&key_frames), "{what}: {key_frames} frames");
                assert!(frames_with(WORD, sound) >= PRESSED - 1, "{what}: and then it may speak");
            }
        }
    }
}

/// The same where the others are mixed.
#[test]
fn a_command_typed_as_tones_is_heard_by_nobody_in_a_room() {
    let mut hotline = Hotline::start();
    let mut phones: Vec<Phone> = (1..=3).map(|ssrc| Phone::new(V4, ssrc)).collect();
    let ports: Vec<_> = [CITIZEN, SEAT, THIRD]
        .into_iter()
        .zip(&phones)
        .map(|(leg, phone)| hotline.open(leg, V4, phone.media(Law::A, None)))
        .collect();
    hotline.mix(&[SEAT, THIRD], false);
    let mut encoders = [Codec::PCMA; 3].map(Encoder::new);
    let mut heard = [Vec::new(), Vec::new(), Vec::new()];
    let begin = Instant::now();
    for (frame, sound) in typed("*0").into_iter().enumerate() {
        for (who, (phone, encoder)) in phones.iter_mut().zip(&mut encoders).enumerate() {
            let sound = if who == 1 { sound } else { Sound::Nothing };
            say(phone, ports[who], Codec::PCMA, encoder, sound, frame);
        }
        let next = begin + Duration::from_millis(20) * (frame as u32 + 1);
        thread::sleep(next.saturating_duration_since(Instant::now()));
        for (phone, heard) in phones.iter().zip(&mut heard) {
            phone.rtp.set_nonblocking(true).unwrap();
            let mut bytes = [0; 1500];
            while let Ok((size, _)) = phone.rtp.recv_from(&mut bytes) {
                let (_, codes) = hotline::media::rtp::read(&bytes[..size]).unwrap();
                heard.extend(codes.iter().map(|code| Law::A.decode(*code)));
            }
        }
    }
    for who in [0, 2] {
        let frames = frames_with(ROW, &heard[who]);
        assert!(frames <= 2 * 4, "{who} hears the keys in {frames} frames of {}", 2 * PRESSED);
        assert!(frames_with(WORD, &heard[who]) > PRESSED / 2, "{who} hears the word behind them");
    }
}
