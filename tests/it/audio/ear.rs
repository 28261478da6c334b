//! What an ear in a mix hears of a stream that comes with jitter, loss and a clock of its own.

use std::f64::consts::TAU;

use hotline::audio::ear::{Ear, Figures};
use hotline::time::Mono;

use crate::wire::mutations::Dice;

const LEVEL: f64 = 8000.0;
/// -40 dB below full scale: what is left of a steady tone once the tone is taken out.
const CLICK: f64 = 328.0;

/// A tone on its way: one packet every 20 ms of the sender's clock.
struct Road {
    hz: f64,
    jitter_ms: f64,
    loss: f64,
    /// How much slower than ours the sender's clock is, in millionths.
    ppm: f64,
}

struct Heard {
    figures: Figures,
    delay_ms: u128,
    /// Windows of 20 ms in which something other than the tone is above `CLICK`, after the first second.
    disturbed: usize,
}

impl Road {
    fn listen(&self, seconds: u32) -> Heard {
        let mut dice = Dice(0x1234_5678_9abc_def1);
        let mut chance = || f64::from((dice.roll() & 0xFFFF) as u32) / 65_536.0;
        let mut packets = Vec::new();
        for n in 0..seconds * 50 {
            let sent = f64::from(n) * 20.0 * (1.0 + self.ppm * 1e-6);
            let arrival = ((sent + 8.0 + chance() * self.jitter_ms) * 1e6) as u64;
            if chance() >= self.loss {
                packets.push((arrival, n * 160));
            }
        }
        packets.sort_unstable();
        let mut coming = packets.into_iter().peekable();
        let mut ear = Ear::new(8000);
        let mut heard = Vec::new();
        for frame in 0..seconds * 50 {
            let now = Mono(u64::from(frame) * 20_000_000 + 1_000_000);
            while let Some((arrival, timestamp)) = coming.next_if(|(arrival, _)| *arrival <= now.0) {
                ear.hear(Mono(arrival), 7, timestamp.wrapping_sub(80_000), tone(self.hz, timestamp));
            }
            let mut samples = [0; 160];
            ear.play(now, &mut samples);
            heard.push(samples);
        }
        let disturbed = heard.iter().skip(50).filter(|window| residual(self.hz, *window) > CLICK).count();
        Heard { figures: ear.figures, delay_ms: ear.delay().as_millis(), disturbed }
    }
}

fn tone(hz: f64, first: u32) -> Vec<i16> {
    (first..first + 160).map(|at| ((TAU * hz * f64::from(at) / 8000.0).sin() * LEVEL) as i16).collect()
}

/// The greatest sample that remains of a window when the tone that fits it best is taken out.
fn residual(hz: f64, window: &[i16]) -> f64 {
    let angle = |at: usize| TAU * hz * at as f64 / 8000.0;
    let sum = |part: fn(f64) -> f64| {
        window.iter().enumerate().map(|(at, sample)| f64::from(*sample) * part(angle(at))).sum::<f64>() / 80.0
    };
    let (cosine, sine) = (sum(f64::cos), sum(f64::sin));
    let left =
        |(at, sample): (usize, &i16)| (f64::from(*sample) - cosine * angle(at).cos() - sine * angle(at).sin()).abs();
    window.iter().enumerate().map(left).fold(0.0, f64::max)
}

#[test]
fn a_clean_stream_is_heard_whole_and_soon() {
    for hz in [400.0, 1000.0] {
        let heard = Road { hz, jitter_ms: 1.0, loss: 0.0, ppm: 0.0 }.listen(60);
        assert!(heard.figures.concealed <= 1, "{:?}", heard.figures);
        assert_eq!((heard.figures.late, heard.disturbed), (0, 0));
        assert!(heard.delay_ms <= 25, "{} ms", heard.delay_ms);
    }
}

#[test]
fn thirty_milliseconds_of_jitter_cost_delay_and_no_sound() {
    for hz in [400.0, 1000.0] {
        let heard = Road { hz, jitter_ms: 30.0, loss: 0.0, ppm: 0.0 }.listen(60);
        assert!(heard.figures.concealed <= 15 && heard.figures.late <= 3, "{:?}", heard.figures);
        assert!(heard.disturbed <= 15, "{}", heard.disturbed);
        assert!(heard.delay_ms <= 60, "{} ms", heard.delay_ms);
    }
}

#[test]
fn a_sender_with_another_clock_is_followed_without_a_click() {
    for ppm in [-200.0, 200.0] {
        let heard = Road { hz: 1000.0, jitter_ms: 2.0, loss: 0.0, ppm }.listen(240);
        assert!(heard.figures.concealed <= 2, "{ppm} ppm: {:?}", heard.figures);
        assert!(heard.figures.stretched + heard.figures.shortened > 0, "{ppm} ppm: {:?}", heard.figures);
        assert!(heard.disturbed <= 2, "{ppm} ppm: {}", heard.disturbed);
    }
}

#[test]
fn of_a_stream_with_loss_only_the_loss_is_invented() {
    let heard = Road { hz: 1000.0, jitter_ms: 30.0, loss: 0.05, ppm: 0.0 }.listen(60);
    // A lost packet touches two frames.
    let touched = 3000 * 5 / 100 * 2;
    assert!(heard.figures.concealed < touched + touched / 5, "{:?}", heard.figures);
    assert!(heard.figures.late <= 5, "{:?}", heard.figures);
}

#[test]
fn a_pause_and_another_stream_are_taken_up_at_once() {
    let mut ear = Ear::new(8000);
    let mut play = |ear: &mut Ear, millis: u64| {
        let mut samples = [0; 160];
        let speaks = ear.play(Mono(millis * 1_000_000), &mut samples);
        (speaks, residual(1000.0, &samples) < CLICK && samples.iter().any(|sample| *sample > 7000))
    };
    let talk = |ear: &mut Ear, from: u64, ssrc, timestamp: u32, play: &mut dyn FnMut(&mut Ear, u64) -> (bool, bool)| {
        (0..20)
            .map(|n| {
                ear.hear(
                    Mono((from + 20 * n) * 1_000_000),
                    ssrc,
                    timestamp + 160 * n as u32,
                    tone(1000.0, 160 * n as u32),
                );
                play(ear, from + 20 * n + 10)
            })
            .filter(|(_, whole)| *whole)
            .count()
    };
    assert!(talk(&mut ear, 0, 1, 0, &mut play) >= 17);
    // Nothing for two seconds: silence, and not a word about it.
    let silent = (0..100).map(|n| play(&mut ear, 400 + 20 * n)).filter(|(speaks, _)| !speaks).count();
    assert!(silent >= 94, "{silent}");
    // The same stream goes on where its clock is now; then somebody else.
    assert!(talk(&mut ear, 2400, 1, 19_200, &mut play) >= 17);
    assert!(talk(&mut ear, 2800, 2, 5, &mut play) >= 17);
}

/// How a phone that held may go on: whatever its clock did meanwhile, it is heard at once, and nothing from
/// before the hold is.
#[test]
fn a_phone_that_comes_back_from_a_hold_is_heard_at_once() {
    let (before, after) = (400.0, 1000.0);
    for held_ms in [100, 300, 500, 900, 1100, 5000, 60_000] {
        let passed = held_ms as u32 * 8;
        // Its clock went on, stood still, went half as fast, was set back, began anew.
        for (how, ssrc, clock) in [
            ("went on", 7, passed),
            ("stood still", 7, 0),
            ("went at half speed", 7, passed / 2),
            ("was set back", 7, 0u32.wrapping_sub(4000)),
            ("went on far away", 7, 0x7000_0000),
            ("began anew", 8, 0x1234_5678),
        ] {
            let mut ear = Ear::new(8000);
            let mut samples = [0; 160];
            for packet in 0..100 {
                ear.hear(Mono::from_millis(packet * 20), 7, packet as u32 * 160, tone(before, packet as u32 * 160));
                ear.play(Mono::from_millis(packet * 20 + 10), &mut samples);
            }
            for silent in 0..held_ms / 20 {
                ear.play(Mono::from_millis(2010 + silent * 20), &mut samples);
            }
            let back = 2000 + held_ms.next_multiple_of(20);
            let heard: Vec<bool> = (0..50)
                .map(|packet: u32| {
                    let now = back + u64::from(packet) * 20;
                    let timestamp = (100 * 160u32).wrapping_add(clock).wrapping_add(packet * 160);
                    ear.hear(Mono::from_millis(now), ssrc, timestamp, tone(after, packet * 160));
                    ear.play(Mono::from_millis(now + 10), &mut samples);
                    residual(after, &samples) < CLICK && samples.iter().any(|sample| *sample > 7000)
                })
                .collect();
            let first = heard.iter().position(|whole| *whole);
            assert!(first.is_some_and(|first| first <= 3), "{held_ms} ms, its clock {how}: from frame {first:?}");
            let missing = heard.iter().skip(4).filter(|whole| !**whole).count();
            assert_eq!(missing, 0, "{held_ms} ms, its clock {how}");
        }
    }
}
