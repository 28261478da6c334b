//! Latch, timeline, prompts and parsers in virtual time.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::audio::codec::Codec;
use hotline::audio::dtmf::Event;
use hotline::audio::g711::Law;
use hotline::call::{CallId, LegId, Prompt};
use hotline::media::latch::{Latch, Verdict};
use hotline::media::leg::Leg;
use hotline::media::prompt::{FILES, PromptShelf};
use hotline::media::reception::Reception;
use hotline::media::relay::{Outgoing, Source};
use hotline::media::rtp::{self, Header};
use hotline::media::{LegMedia, rtcp};
use hotline::time::Mono;

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// What happens to the lock: time in ms, then a packet from a port, or new SDP.
enum Step {
    From(u16, Verdict),
    Sdp { port: Option<u16>, generation: u32 },
    Target(u16),
}

#[test]
fn the_lock() {
    use Step::{From, Sdp, Target};
    use Verdict::{Accept, Moved, Refuse};
    let sdp = |port, generation| Sdp { port: Some(port), generation };
    let table = [
        (
            "the first good source, and nobody else while it speaks",
            vec![
                (0, sdp(1, 1)),
                (0, Target(1)),
                (1, From(5, Accept)),
                (2, Target(5)),
                (1900, From(6, Refuse)),
                (1950, From(5, Accept)),
                (3900, From(6, Refuse)),
            ],
        ),
        (
            "two seconds of silence open it",
            vec![
                (0, sdp(1, 1)),
                (0, From(5, Accept)),
                (1999, From(6, Refuse)),
                (2000, From(6, Moved)),
                (2001, From(5, Refuse)),
                (2002, Target(6)),
            ],
        ),
        (
            "the address of the SDP is preferred at any time",
            vec![(0, sdp(1, 1)), (0, From(5, Accept)), (20, From(1, Moved)), (40, From(5, Refuse)), (41, Target(1))],
        ),
        (
            "new SDP elsewhere: send there at once, hear whoever comes first from a new place",
            vec![
                (0, sdp(1, 1)),
                (0, From(1, Accept)),
                (100, sdp(2, 2)),
                (100, Target(2)),
                (110, From(1, Accept)),
                (110, Target(2)),
                (120, From(9, Moved)),
                (121, Target(9)),
                (130, From(1, Refuse)),
            ],
        ),
        (
            "new SDP with the old address behind a NAT: the way to it stays, and the old source settles it",
            vec![
                (0, sdp(1, 1)),
                (0, From(5, Accept)),
                (100, sdp(1, 2)),
                (100, Target(5)),
                (120, From(5, Accept)),
                (400, From(5, Accept)),
                (410, From(6, Refuse)),
            ],
        ),
        (
            "hold by 0.0.0.0 forgets nothing",
            vec![
                (0, sdp(1, 1)),
                (0, From(5, Accept)),
                (100, Sdp { port: None, generation: 2 }),
                (110, Target(5)),
                (9000, Sdp { port: Some(1), generation: 3 }),
                (9001, Target(5)),
                (9002, From(5, Accept)),
            ],
        ),
        (
            "the same agreement again opens nothing",
            vec![(0, sdp(1, 1)), (0, From(5, Accept)), (10, sdp(1, 1)), (20, From(6, Refuse))],
        ),
    ];
    for (story, steps) in table {
        let mut latch = Latch::default();
        let mut moves = 0;
        for (millis, step) in steps {
            let now = Mono::from_millis(millis);
            match step {
                From(port, verdict) => {
                    assert_eq!(latch.judge(now, at(port)), verdict, "{story}: {millis} ms from {port}");
                    moves += u32::from(verdict == Moved);
                }
                Sdp { port, generation } => latch.agree(now, port.map(at), generation),
                Target(port) => assert_eq!(latch.target(), Some(at(port)), "{story}: {millis} ms"),
            }
        }
        assert_eq!(latch.changes(), moves, "{story}");
    }
}

fn header(sequence: u16, timestamp: u32) -> Header {
    Header { payload_type: 8, marker: false, sequence, timestamp, ssrc: 1 }
}

const ANNA: Source = Source::Leg { leg: LegId(1), ssrc: 1 };
const BERT: Source = Source::Leg { leg: LegId(2), ssrc: 2 };

/// Packets in, at ms: (source, sequence, timestamp); out: (sequence, timestamp, marker), both
/// counted from the stream's random beginning.
#[test]
fn one_timeline() {
    type Packet = (u64, Source, u16, u32, Option<(u16, u32, bool)>);
    let table: [(&str, &[Packet]); 10] = [
        (
            "loss and reordering stay visible",
            &[
                (0, ANNA, 10, 1000, Some((1, 0, true))),
                (40, ANNA, 12, 1320, Some((3, 320, false))),
                (41, ANNA, 11, 1160, Some((2, 160, false))),
                (60, ANNA, 13, 1480, Some((4, 480, false))),
            ],
        ),
        (
            "another source goes on after the time that passed",
            &[
                (0, ANNA, 10, 1000, Some((1, 0, true))),
                (500, BERT, 60_000, 7, Some((2, 4000, true))),
                (520, BERT, 60_001, 167, Some((3, 4160, false))),
                (1020, ANNA, 35, 5000, Some((4, 8160, true))),
            ],
        ),
        (
            "never back, however fast the change",
            &[(0, ANNA, 10, 1000, Some((1, 0, true))), (1, BERT, 5, 5, Some((2, 160, true)))],
        ),
        (
            "no hole where the next one begins a little late",
            &[
                (0, ANNA, 10, 1000, Some((1, 0, true))),
                (29, BERT, 5, 5, Some((2, 160, true))),
                (49, BERT, 6, 165, Some((3, 320, false))),
                (79, ANNA, 11, 1160, Some((4, 560, true))),
            ],
        ),
        (
            "a late packet from before the change is dropped",
            &[
                (0, ANNA, 10, 1000, Some((1, 0, true))),
                (20, BERT, 50, 9000, Some((2, 160, true))),
                (21, BERT, 49, 8840, None),
                (40, BERT, 51, 9160, Some((3, 320, false))),
            ],
        ),
        (
            "a pause of the speaker is a pause of the timeline",
            &[(0, ANNA, 10, 1000, Some((1, 0, true))), (60_000, ANNA, 11, 481_000, Some((2, 480_000, false)))],
        ),
        (
            "a restarted timestamp or sequence is no jump",
            &[
                (0, ANNA, 10, 1000, Some((1, 0, true))),
                (20, ANNA, 11, 3_000_000_000, Some((2, 160, true))),
                (40, ANNA, 40_000, 3_000_000_160, Some((3, 320, true))),
            ],
        ),
        (
            "nor is a sequence that steps back while the speech goes on",
            &[
                (0, ANNA, 400, 1000, Some((1, 0, true))),
                (20, ANNA, 100, 1160, Some((2, 160, true))),
                (40, ANNA, 101, 1320, Some((3, 320, false))),
                (60, ANNA, 51, 1480, Some((4, 480, true))),
                (80, ANNA, 52, 1640, Some((5, 640, false))),
            ],
        ),
        (
            "a copy takes nobody's place",
            &[
                (0, ANNA, 10, 1000, Some((1, 0, true))),
                (20, ANNA, 11, 1160, Some((2, 160, false))),
                (21, ANNA, 11, 1160, Some((2, 160, false))),
                (40, ANNA, 12, 1320, Some((3, 320, false))),
            ],
        ),
        (
            "numbers wrap",
            &[
                (0, ANNA, 65_535, u32::MAX - 79, Some((1, 0, true))),
                (20, ANNA, 0, 80, Some((2, 160, false))),
                (40, ANNA, 1, 240, Some((3, 320, false))),
            ],
        ),
    ];
    for (story, packets) in table {
        for (first, base) in [(0, 0), (65_534, u32::MAX - 100)] {
            let mut stream = Outgoing::new(77, first, base);
            for (millis, source, sequence, timestamp, expected) in packets {
                let placed = stream.place(Mono::from_millis(*millis), *source, &header(*sequence, *timestamp), 160);
                let placed = placed.map(|it| {
                    assert_eq!(it.ssrc, 77);
                    (it.sequence.wrapping_sub(first), it.timestamp.wrapping_sub(base), it.marker)
                });
                assert_eq!(placed, *expected, "{story}: {millis} ms");
            }
        }
    }
}

#[test]
fn a_sender_report_stands_on_the_streams_timeline() {
    let mut stream = Outgoing::new(77, 0, 0);
    assert_eq!(stream.report(Mono::from_millis(0), 9), None);
    stream.place(Mono::from_millis(100), ANNA, &header(1, 1), 160).unwrap();
    stream.place(Mono::from_millis(120), ANNA, &header(2, 161), 160).unwrap();
    let report = stream.report(Mono::from_millis(620), 9).unwrap();
    assert_eq!((report.timestamp, report.packets, report.octets), (160 + 4000, 2, 320));
    assert_eq!(stream.report(Mono::from_millis(5000), 9), None, "nothing was sent since");
}

#[test]
fn loss_and_jitter() {
    let mut reception = Reception::default();
    // Every tenth packet is lost; every second one is 8 ms late. The sequence wraps.
    for packet in 0_u32..200 {
        if packet % 10 != 9 {
            let late = u64::from(packet % 2) * 8;
            let sequence = 65_500_u16.wrapping_add(u16::try_from(packet).unwrap());
            let now = Mono::from_millis(u64::from(packet) * 20 + late);
            reception.receive(now, &header(sequence, packet * 160), true);
        }
    }
    let block = reception.block(Mono::from_millis(4000)).unwrap();
    assert_eq!(reception.lost(), 19, "the last one is not known to be lost");
    assert_eq!((block.lost, block.fraction_lost), (19, u8::try_from(19 * 256 / 199).unwrap()));
    assert_eq!(block.highest_sequence & 0xFFFF, u32::from(65_500_u16.wrapping_add(198)));
    assert!((5.0..9.0).contains(&reception.jitter_ms()), "{} ms", reception.jitter_ms());
    // A new stream begins anew; what was lost before is not forgotten.
    reception.receive(Mono::from_millis(5000), &Header { ssrc: 2, ..header(5, 5) }, true);
    let block = reception.block(Mono::from_millis(5000)).unwrap();
    assert_eq!((block.ssrc, block.lost, block.fraction_lost, reception.lost()), (2, 0, 0, 19));
}

pub fn wav(samples: &[i16], rate: u32) -> Vec<u8> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// Each file is one sample whose level is its place in the list.
fn shelf(leave_out: &[&str]) -> PromptShelf {
    let names: Vec<(String, Vec<u8>)> = (FILES.iter().enumerate())
        .filter(|(_, name)| !leave_out.contains(name))
        .map(|(place, name)| (format!("{name}.wav"), wav(&[level(place)], 8000)))
        .collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let (own, wrong, broken) = (wav(&[level(30)], 8000), wav(&[1; 9], 16_000), b"RIFF".to_vec());
    files.extend([
        ("greeting-12331.wav", own.as_slice()),
        ("greeting-12315.wav", &wrong),
        ("greeting-12318.wav", &broken),
    ]);
    PromptShelf::load(&files, None)
}

fn level(place: usize) -> i16 {
    Law::A.decode(u8::try_from(place).unwrap())
}

fn names(shelf: &PromptShelf, prompt: Prompt) -> Vec<String> {
    let clips = shelf.clips(&[prompt]);
    let name = |codes: &[u8]| match codes {
        [code] => {
            let value = Law::A.decode(*code);
            (0..FILES.len()).find(|place| level(*place) == value).map_or("own".into(), |place| FILES[place].into())
        }
        codes => format!("{} samples", codes.len()),
    };
    clips.iter().map(|clip| name(clip.codes(Law::A))).collect()
}

#[test]
fn prompts_are_spoken_from_their_files() {
    let shelf = shelf(&["comfort"]);
    let position = |number| {
        let spoken = names(&shelf, Prompt::Position(number));
        let number = spoken[1..spoken.len() - 1].join(" ");
        assert_eq!((spoken[0].as_str(), spoken[spoken.len() - 1].as_str()), ("position-prefix", "position-suffix"));
        number.replace("digit-", "")
    };
    for (number, spoken) in [
        (0, "0"),
        (2, "2"),
        (10, "ten"),
        (12, "ten 2"),
        (20, "2 ten"),
        (31, "3 ten 1"),
        (100, "1 hundred"),
        (105, "1 hundred 0 5"),
        (110, "1 hundred 1 ten"),
        (1005, "1 thousand 0 5"),
        (2040, "2 thousand 0 4 ten"),
        (9999, "9 thousand 9 hundred 9 ten 9"),
        (u32::MAX, "9 thousand 9 hundred 9 ten 9"),
    ] {
        assert_eq!(position(number), spoken, "{number}");
    }
    let seat = names(&shelf, Prompt::SeatNumber("1001-x".into()));
    assert_eq!(seat, ["seat-prefix", "yao", "digit-0", "digit-0", "yao", "seat-suffix"]);
    let briefing = |topic: Option<&str>| {
        names(&shelf, Prompt::Briefing { code: "12".into(), topic: topic.map(str::to_owned) }).join(" ")
    };
    assert_eq!(briefing(None), "briefing-prefix yao digit-2 briefing-suffix");
    assert_eq!(briefing(Some("notice")), "briefing-prefix yao digit-2 notice briefing-suffix", "the owner's recording");
    assert_eq!(briefing(Some("nowhere")), "briefing-prefix yao digit-2 briefing-suffix", "said without it");
    assert_eq!(names(&shelf, Prompt::Greeting("12331".into())), ["own"]);
    assert_eq!(names(&shelf, Prompt::Greeting("12345".into())), ["greeting"]);
    assert_eq!(names(&shelf, Prompt::Greeting("12315".into())), ["greeting"], "16 kHz is not used");
    assert_eq!(names(&shelf, Prompt::Comfort), ["1600 samples"], "a missing file is 200 ms of silence");
}

/// One million mutated packets, by way of everything that a datagram meets.
#[test]
fn no_packet_panics() {
    let mut audio = [0; 200];
    let audio = rtp::write(&header(1, 160), &[0xD5; 160], &mut audio).unwrap().to_vec();
    let mut key = [0; 40];
    let key_header = Header { payload_type: 101, marker: true, ..header(2, 320) };
    let event = Event { code: 5, end: false, volume: 10, duration: 160 };
    let key = rtp::write(&key_header, &event.to_bytes(), &mut key).unwrap().to_vec();
    let extended =
        [&[0xB2, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[7; 8], &[0xBE, 0xDE, 0, 1, 1, 2, 3, 4], &[9; 20], &[4; 4]]
            .concat();
    let sent = rtcp::Sent { ntp: 1, timestamp: 1, packets: 1, octets: 1 };
    let block =
        rtcp::Block { ssrc: 7, fraction_lost: 1, lost: 1, highest_sequence: 1, jitter: 1, last_report: 1, delay: 1 };
    let report = rtcp::Ours { ssrc: 1, cname: "x", sent: Some(sent), block: Some(block), bye: true };
    let mut report_bytes = [0; 200];
    let report = rtcp::write(&report, &mut report_bytes).unwrap().to_vec();
    let seeds = [audio, key, extended, report];

    let mut state = 88_172_645_463_325_252_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize
    };
    let mut leg = Leg::new(LegId(1), CallId(1), Mono::default(), Duration::from_secs(2), || 7);
    let media = LegMedia {
        remote: Some(at(1)),
        remote_rtcp: Some(at(2)),
        codec: Codec::PCMA,
        payload: 8,
        events_out: Some(101),
        events_in: Some(101),
        fast_events: false,
        ptime: 20,
        send: true,
        receive: true,
        generation: 1,
    };
    leg.agree(Mono::default(), media, Duration::from_secs(5));
    let mut listener = Outgoing::new(1, u16::MAX, u32::MAX);
    let mut packet = Vec::new();
    for round in 0..1_000_000_u64 {
        packet.clear();
        packet.extend_from_slice(&seeds[next() % seeds.len()]);
        for _ in 0..next() % 5 {
            let place = next() % packet.len();
            match next() % 8 {
                0 if place > 0 => packet.truncate(place),
                1 => packet.push(next() as u8),
                _ => packet[place] = next() as u8,
            }
        }
        let now = Mono(round * 3_000_000);
        let from = at(1 + (next() % 3) as u16);
        if rtp::is_rtcp(&packet) {
            leg.hear_rtcp(now, from, round % 2 == 0, &packet);
        } else if let Some(spoken) = leg.hear(now, from, &packet) {
            let source = leg.source(spoken.header.ssrc);
            listener.place(now, source, &spoken.header, spoken.payload.len());
            listener.skip(source, &spoken.header);
        }
        if round % 1000 == 0 {
            let mut out = [0; 200];
            leg.report(now, round, Duration::from_secs(5), false, &mut out);
            leg.fell_silent(now, Duration::from_secs(1));
            listener.report(now, round);
        }
    }
    let figures = leg.totals();
    assert!(figures.received > 100_000 && figures.malformed > 10_000, "{figures:?}");
}
