//! Voices that are added stay in range, and come and go without a step.

use hotline::audio::mixing::{Limiter, fade};

#[test]
fn voices_below_full_scale_are_added_exactly() {
    let sum: Vec<i32> = (0..160).map(|at| at * 100 - 8000).collect();
    let mut out = [0; 160];
    Limiter::default().limit(&sum, &mut out);
    assert!(out.iter().zip(&sum).all(|(out, sum)| i32::from(*out) == *sum));
}

#[test]
fn eight_voices_at_full_scale_neither_wrap_nor_clip_and_the_next_word_is_loud_again() {
    let wave = |level: f64| -> Vec<i32> { (0..160).map(|at| ((f64::from(at) * 0.3).sin() * level) as i32).collect() };
    let mut limiter = Limiter::default();
    let mut out = [0; 160];
    for frame in 0..10 {
        limiter.limit(&wave(8.0 * 32_000.0), &mut out);
        let clipped = out.iter().filter(|sample| sample.unsigned_abs() > 31_400).count();
        assert!(if frame == 0 { clipped <= 16 } else { clipped == 0 }, "frame {frame}: {clipped}");
        let wrong = out.iter().zip(&wave(8.0)).filter(|(out, sum)| i32::from(**out).signum() * **sum < 0).count();
        assert_eq!(wrong, 0, "frame {frame} wraps");
    }
    for _ in 0..25 {
        limiter.limit(&wave(3000.0), &mut out);
    }
    assert!(out.iter().zip(&wave(3000.0)).all(|(out, sum)| i32::from(*out) == *sum));
}

#[test]
fn a_fade_has_no_step_at_either_end() {
    let mut frame = [10_000; 160];
    fade(&mut frame, 0.0, 1.0);
    assert!(frame[0] < 20 && frame[159] > 9_980, "{} {}", frame[0], frame[159]);
    assert!(frame.windows(2).all(|pair| (0..200).contains(&(pair[1] - pair[0]))));
    let mut frame = [10_000; 160];
    fade(&mut frame, 1.0, 0.0);
    assert!(frame[0] > 9_980 && frame[159] < 20);
}
