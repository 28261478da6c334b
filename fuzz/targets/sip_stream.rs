//! A stream of any content, read in pieces whose size the first byte gives.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/it/wire/stability.rs"]
mod stability;

fuzz_target!(|bytes: &[u8]| {
    if let Some((&size, stream)) = bytes.split_first() {
        stability::assert_same_in_pieces(stream, || usize::from(size).max(1));
    }
});
