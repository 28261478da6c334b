//! What the fuzzers found or should start from (`fuzz/corpus`), read again on every run. The SIP
//! corpora are read by `wire::mutations`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use hotline::audio::codec::Codec;
use hotline::audio::dtmf::Event;
use hotline::audio::wav::{Format, repair};
use hotline::media::{rtcp, rtp};
use hotline::sip::sdp::{Direction, Ours, accept, answer, offer_again, parse};

#[test]
fn session_descriptions_are_read_answered_and_offered_again() {
    let ours = Ours {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 20_000,
        codecs: &Codec::ALL,
        ordered: false,
        ptime: 20,
        session: 1,
        version: 1,
        user: "hotline",
        events: true,
        direction: Direction::SendRecv,
    };
    for (file, bytes) in corpus("sdp") {
        let Ok(theirs) = parse(&bytes) else { continue };
        let _ = accept(&ours, &theirs);
        if let Ok((body, _)) = answer(&theirs, &ours) {
            assert_eq!(parse(&body).unwrap().media_lines(), theirs.media_lines(), "{file:?}");
        }
        assert!(parse(&offer_again(&ours, &theirs)).is_ok(), "{file:?}");
    }
}

#[test]
fn packets_are_read_or_refused() {
    let mut audio = 0;
    for (file, bytes) in corpus("rtp") {
        if let Some((header, payload)) = rtp::read(&bytes) {
            let mut again = [0; 65_536];
            let written = rtp::write(&header, payload, &mut again).unwrap();
            assert_eq!(rtp::read(written), Some((header, payload)), "{file:?}");
            let _ = Event::parse(payload);
            audio += 1;
        }
        let _ = rtcp::read(&bytes, 1);
    }
    assert!(audio >= 2, "the whole packets of the corpus are read");
}

#[test]
fn a_repair_claims_no_more_than_there_is() {
    for (file, bytes) in corpus("wav") {
        let (length, head) = bytes.split_at(bytes.len().min(8));
        let length = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        for otherwise in [Format::Alaw.stereo(), Format::Pcm16.stereo(), Format::Alaw.mono()] {
            let repaired = repair(head, length, otherwise);
            assert!(repaired.file_len <= length.max(repaired.header.len() as u64), "{file:?}");
        }
    }
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}
