//! The prompts that are compiled in, made by `scripts/prompts`.

macro_rules! prompts {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../dialplan/prompts/", $name)).as_slice()),)*]
    };
}

/// `(file name, WAV)`.
pub const PROMPTS: &[(&str, &[u8])] = prompts!(
    "briefing-prefix.wav"
    "briefing-suffix.wav"
    "comfort.wav"
    "digit-0.wav"
    "digit-1.wav"
    "digit-2.wav"
    "digit-3.wav"
    "digit-4.wav"
    "digit-5.wav"
    "digit-6.wav"
    "digit-7.wav"
    "digit-8.wav"
    "digit-9.wav"
    "greeting-12315.wav"
    "greeting-12316.wav"
    "greeting-12317.wav"
    "greeting-12319.wav"
    "greeting-12320.wav"
    "greeting-12328.wav"
    "greeting-12329.wav"
    "greeting-12333.wav"
    "greeting-12345.wav"
    "greeting-12348.wav"
    "greeting-12350.wav"
    "greeting-12369.wav"
    "greeting.wav"
    "hundred.wav"
    "notice.wav"
    "position-prefix.wav"
    "position-suffix.wav"
    "press-1.wav"
    "returning.wav"
    "seat-prefix.wav"
    "seat-suffix.wav"
    "ten.wav"
    "third-busy.wav"
    "third-closed.wav"
    "third-no-answer.wav"
    "third-refused.wav"
    "third-unreachable.wav"
    "thousand.wav"
    "yao.wav"
);
