//! WAV headers: as other programs read them, and made anew from a file's length.

use std::io::Cursor;

use hotline::audio::wav::{Format, Layout, WIDE_RATE, claimed_frames, header, layout_of, repair};

const LAYOUTS: [Layout; 6] = [
    Format::Alaw.stereo(),
    Format::Pcm16.stereo(),
    Format::Alaw.mono(),
    Format::Pcm16.mono(),
    Format::Mulaw.mono(),
    Format::Pcm16.mono().at(WIDE_RATE),
];

fn file(layout: Layout, frames: u64) -> Vec<u8> {
    let (mut bytes, format) = (header(layout, frames), layout.format);
    bytes.resize(format.header_len() + frames as usize * layout.frame_bytes(), format.silence());
    bytes
}

#[test]
fn a_pcm_header_is_read_by_hound() {
    let reader = hound::WavReader::new(Cursor::new(file(Format::Pcm16.stereo(), 4000))).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8000, 16));
    assert_eq!(reader.duration(), 4000);
}

#[test]
fn an_alaw_header_has_the_fields_of_the_standard() {
    let bytes = file(Format::Alaw.stereo(), 4000);
    let number =
        |at: usize, len: usize| bytes[at..at + len].iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    // offset, length, value, field
    let fields = [
        (4, 4, bytes.len() as u64 - 8, "RIFF size"),
        (16, 4, 18, "fmt size"),
        (20, 2, 6, "A-law"),
        (22, 2, 2, "channels"),
        (24, 4, 8000, "frames a second"),
        (28, 4, 16000, "bytes a second"),
        (32, 2, 2, "bytes a frame"),
        (34, 2, 8, "bits a sample"),
        (36, 2, 0, "extension"),
        (42, 4, 4, "fact size"),
        (46, 4, 4000, "fact: frames"),
        (54, 4, 8000, "data size"),
    ];
    for (at, len, value, field) in fields {
        assert_eq!(number(at, len), value, "{field}");
    }
    assert_eq!(
        (&bytes[0..4], &bytes[8..16], &bytes[38..42], &bytes[50..54]),
        (&b"RIFF"[..], &b"WAVEfmt "[..], &b"fact"[..], &b"data"[..])
    );
}

#[test]
fn a_file_that_was_cut_off_gets_the_header_of_its_length() {
    for layout in LAYOUTS {
        let frame = layout.frame_bytes() as u64;
        let head_len = layout.format.header_len() as u64;
        // Header says, bytes after it, frames expected.
        for (claimed, tail, frames) in
            [(0, 800 * frame, 800), (800, 900 * frame, 900), (900, 801 * frame - 1, 800), (5, 0, 0)]
        {
            let repaired = repair(&header(layout, claimed), head_len + tail, Format::Alaw.stereo());
            assert_eq!((repaired.layout, repaired.frames), (layout, frames));
            assert_eq!(repaired.header, header(layout, frames));
            assert_eq!(repaired.file_len, head_len + frames * frame);
        }
        // Shorter than a header, or nothing but zeros: the side-car says which format it was.
        for head in [&[][..], &[0; 58][..], b"RIFF\x00\x00"] {
            let repaired = repair(head, head.len() as u64, layout);
            assert_eq!((repaired.layout, repaired.header.len()), (layout, layout.format.header_len()));
        }
    }
}

#[test]
fn a_header_tells_its_format_and_length() {
    for layout in LAYOUTS {
        for frames in [0, 1, 8000, 500_000_000] {
            assert_eq!(layout_of(&header(layout, frames)), Some(layout));
            assert_eq!(claimed_frames(&header(layout, frames)), Some(frames));
        }
    }
    let mut three = header(Format::Alaw.stereo(), 1);
    three[22] = 3;
    for other in [&b"OggS"[..], &[0xff; 58], &three] {
        assert_eq!(layout_of(other), None);
    }
}

#[test]
fn sizes_never_wrap() {
    for layout in LAYOUTS {
        let most = layout.frames_within(u64::MAX);
        assert_eq!(claimed_frames(&header(layout, most)), Some(most));
        assert!(header(layout, u64::MAX).ends_with(&[0xff; 4]));
        assert_eq!(layout.frames_within(0), 1);
    }
}
