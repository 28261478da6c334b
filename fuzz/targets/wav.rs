//! The repair of a recording that a crash left behind.
#![no_main]

use hotline::audio::wav::{Format, repair};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (length, head) = bytes.split_at(bytes.len().min(8));
    let length = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    for otherwise in [Format::Alaw.stereo(), Format::Pcm16.stereo(), Format::Alaw.mono()] {
        let repaired = repair(head, length, otherwise);
        assert!(repaired.file_len <= length.max(repaired.header.len() as u64));
    }
});
