//! Two people, real sockets: who hears what.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hotline::archive::{Order, Voice};
use hotline::audio::dtmf::Event;
use hotline::audio::g711::Law;
use hotline::audio::tone;
use hotline::call::Prompt;
use hotline::media::{Command, LegMedia, Limits, Report};

use super::peer::{CALL, CITIZEN, Got, Hotline, Phone, SEAT, SECOND_SEAT, V4, V6};

fn encoded(law: Law, frequency: f64) -> Vec<u8> {
    tone::sine(frequency, 20, 8000).iter().map(|sample| law.encode(*sample)).collect()
}

/// The payload of a packet from a phone with this law, as a phone with that law must hear it.
fn as_heard(codes: &[u8], said: Law, heard: Law) -> Vec<u8> {
    let mut codes = codes.to_vec();
    if said != heard {
        said.transcode(&mut codes);
    }
    codes
}

/// Sequence numbers without a hole, one SSRC.
fn assert_continuous(packets: &[Got]) {
    for pair in packets.windows(2) {
        let (one, two) = (pair[0].header, pair[1].header);
        assert_eq!(one.ssrc, two.ssrc);
        assert_eq!(two.sequence, one.sequence.wrapping_add(1), "{one:?} {two:?}");
    }
}

#[test]
fn two_people_hear_each_other_in_their_own_law_and_address_family() {
    for (citizen_law, seat_law, seat_address) in
        [(Law::A, Law::A, V4), (Law::A, Law::Mu, V4), (Law::Mu, Law::A, V6), (Law::Mu, Law::Mu, V6)]
    {
        let mut hotline = Hotline::start();
        let (mut citizen, mut seat) = (Phone::new(V4, 0xC1), Phone::new(seat_address, 0x5E));
        let citizen_port = hotline.open(CITIZEN, V4, citizen.media(citizen_law, None));
        let seat_port = hotline.open(SEAT, seat_address, seat.media(seat_law, None));
        hotline.mix(&[SEAT], false);
        let (low, high) = (encoded(citizen_law, 440.0), encoded(seat_law, 1000.0));
        let mut heard = (Vec::new(), Vec::new());
        for _ in 0..10 {
            citizen.say(citizen_port, citizen_law.payload(), &low);
            heard.0.push(seat.hear());
            seat.say(seat_port, seat_law.payload(), &high);
            heard.1.push(citizen.hear());
        }
        for (packets, law, payload) in [
            (&heard.0, seat_law, as_heard(&low, citizen_law, seat_law)),
            (&heard.1, citizen_law, as_heard(&high, seat_law, citizen_law)),
        ] {
            assert_continuous(packets);
            for (place, packet) in packets.iter().enumerate() {
                assert_eq!(packet.header.payload_type, law.payload());
                assert_eq!(packet.payload, payload);
                assert_eq!(packet.header.marker, place == 0, "a marker where somebody begins to speak");
                let advance = packet.header.timestamp.wrapping_sub(packets[0].header.timestamp);
                assert_eq!(advance, 160 * u32::try_from(place).unwrap());
            }
            assert!(![0xC1, 0x5E].contains(&packets[0].header.ssrc), "each leg hears one stream of ours");
        }
        let figures = hotline.close(SEAT);
        assert_eq!((figures.received, figures.sent, figures.lost, figures.refused), (10, 10, 0, 0));
    }
}

#[test]
fn nobody_hears_whom_they_are_not_mixed_with() {
    let mut hotline = Hotline::start();
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    hotline.open(SEAT, V4, seat.media(Law::A, None));
    citizen.say(port, 8, &[1; 160]);
    hotline.read_up(CITIZEN, &mut citizen, port);
    hotline.mix(&[SEAT], false);
    hotline.mix(&[], false);
    citizen.say(port, 8, &[2; 160]);
    hotline.read_up(CITIZEN, &mut citizen, port);
    assert_eq!(hotline.close(CITIZEN).received, 4);
    assert!(seat.hears_nothing());
}

#[test]
fn keys_pass_on_under_the_other_sides_number_and_are_told_once() {
    let mut hotline = Hotline::start();
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    hotline.open(SEAT, V4, seat.media(Law::Mu, Some(96)));
    hotline.mix(&[SEAT], false);
    citizen.say(port, 8, &[0xD5; 160]);
    let before = seat.hear();
    let start = citizen.timestamp;
    let mut heard = Vec::new();
    for (packet, duration) in [160, 320, 480, 640, 640, 640].into_iter().enumerate() {
        let event = Event { code: 9, end: packet >= 3, volume: 10, duration };
        citizen.send(port, 101, packet == 0, start, &event.to_bytes());
        heard.push(seat.hear());
        assert_eq!(heard[packet].payload, event.to_bytes());
    }
    citizen.timestamp = start.wrapping_add(640);
    citizen.say(port, 8, &[0xD5; 160]);
    let after = seat.hear();
    for packet in &heard {
        assert_eq!(packet.header.payload_type, 96);
        assert_eq!(packet.header.timestamp, before.header.timestamp.wrapping_add(160));
    }
    assert!(heard[0].header.marker);
    assert_eq!(after.header.timestamp, before.header.timestamp.wrapping_add(160 + 640));
    assert_eq!(after.payload, as_heard(&[0xD5; 160], Law::A, Law::Mu));
    let mut all = vec![before];
    all.extend(heard);
    all.push(after);
    assert_continuous(&all);
    assert_eq!(hotline.report(), Report::Digit { leg: CITIZEN, digit: '9' });
    hotline.handle.send(Command::Close { leg: CITIZEN });
    assert!(matches!(hotline.report(), Report::Closed { .. }), "the key was told more than once");
}

#[test]
fn what_a_peer_cannot_take_leaves_no_hole() {
    let mut hotline = Hotline::start();
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    citizen.say(port, 8, &[1; 160]);
    citizen.send(
        port,
        101,
        true,
        citizen.timestamp,
        &Event { code: 1, end: true, volume: 10, duration: 160 }.to_bytes(),
    );
    citizen.say(port, 13, &[60]);
    citizen.say(port, 8, &[2; 160]);
    let packets = [seat.hear(), seat.hear()];
    assert_continuous(&packets);
    assert_eq!(packets[1].payload, [2; 160]);
    assert_eq!(packets[1].header.timestamp.wrapping_sub(packets[0].header.timestamp), 320);
    assert_eq!(hotline.close(CITIZEN).received, 4);
}

/// The stream to the citizen goes on over queue, seat, hold, and another seat.
#[test]
fn one_stream_over_prompt_seat_hold_and_another_seat() {
    let mut hotline = Hotline::start();
    let (citizen, mut seat, mut second) = (Phone::new(V4, 1), Phone::new(V4, 2), Phone::new(V4, 3));
    let media = citizen.media(Law::Mu, None);
    hotline.open(CITIZEN, V4, media.clone());
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, Some(101)));
    let second_port = hotline.open(SECOND_SEAT, V4, second.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    let mut heard = Vec::new();

    let music = |token| Command::Play { leg: CITIZEN, prompts: vec![Prompt::Music], repeat: true, token };
    hotline.handle.send(music(1));
    (0..5).for_each(|_| heard.push(citizen.hear()));
    hotline.handle.send(Command::StopPlay { leg: CITIZEN });
    hotline.settle();
    while !citizen.hears_nothing() {}
    let before_seat = heard.len();
    for _ in 0..3 {
        seat.say(seat_port, 8, &[0xD5; 160]);
        heard.push(citizen.hear());
    }
    let before_hold = heard.len();
    hotline
        .handle
        .send(Command::Agree { leg: CITIZEN, media: LegMedia { send: false, generation: 2, ..media.clone() } });
    hotline.settle();
    (0..5).for_each(|_| seat.say(seat_port, 8, &[0xD5; 160]));
    hotline.read_up(SEAT, &mut seat, seat_port);
    assert!(citizen.hears_nothing(), "a held citizen hears nothing");
    hotline.handle.send(Command::Agree { leg: CITIZEN, media: LegMedia { generation: 3, ..media } });
    hotline.settle();
    seat.say(seat_port, 8, &[0xD5; 160]);
    heard.push(citizen.hear());
    let before_second = heard.len();
    hotline.mix(&[SECOND_SEAT], false);
    hotline.settle();
    for _ in 0..3 {
        second.say(second_port, 8, &[0xD5; 160]);
        heard.push(citizen.hear());
    }

    let drained = heard[before_seat].header.sequence.wrapping_sub(heard[before_seat - 1].header.sequence);
    assert!((1..=3).contains(&drained), "the sequence goes on behind the music: {drained}");
    assert_continuous(&heard[..before_seat]);
    assert_continuous(&heard[before_seat..]);
    for place in [0, before_seat, before_hold, before_second] {
        assert!(heard[place].header.marker, "a marker at {place}");
    }
    for pair in heard.windows(2) {
        let advance = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        assert!((160..8000).contains(&advance), "{advance} samples in a moment");
        assert_eq!(pair[0].header.ssrc, pair[1].header.ssrc);
    }
}

#[test]
fn a_prompt_is_paced_heard_whole_and_reported() {
    let mut hotline = Hotline::start();
    let citizen = Phone::new(V4, 1);
    hotline.open(CITIZEN, V4, LegMedia { ptime: 30, ..citizen.media(Law::A, None) });
    hotline.handle.send(Command::Play { leg: CITIZEN, prompts: vec![Prompt::Done], repeat: false, token: 77 });
    let samples: Vec<u8> = tone::confirm().iter().map(|sample| Law::A.encode(*sample)).collect();
    let packets: Vec<Got> = (0..samples.len().div_ceil(240)).map(|_| citizen.hear()).collect();
    assert_continuous(&packets);
    let heard: Vec<u8> = packets.iter().flat_map(|packet| packet.payload.clone()).collect();
    assert_eq!(heard[..samples.len()], samples);
    assert!(heard[samples.len()..].iter().all(|code| *code == Law::A.silence()));
    assert_eq!(hotline.report(), Report::Played { leg: CITIZEN, token: 77 });
}

#[test]
fn an_injected_packet_is_refused_and_a_moved_peer_is_followed() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    citizen.say(port, 8, &[1; 160]);
    seat.hear();
    let mut stranger = Phone::new(V4, 66);
    stranger.say(port, 8, &[66; 160]);
    citizen.say(port, 8, &[2; 160]);
    assert_eq!(seat.hear().payload, [2; 160], "the stranger was heard");

    let mut moved = Phone::new(V4, 1);
    let media = LegMedia { generation: 2, ..moved.media(Law::A, None) };
    hotline.handle.send(Command::Agree { leg: CITIZEN, media });
    hotline.settle();
    moved.say(port, 8, &[3; 160]);
    assert_eq!(seat.hear().payload, [3; 160]);
    assert_eq!(hotline.report(), Report::SourceMoved { leg: CITIZEN, generation: 2 });
    seat.say(seat_port, 8, &[4; 160]);
    assert_eq!(moved.hear().payload, [4; 160]);
    let figures = hotline.close(CITIZEN);
    assert_eq!((figures.refused, figures.source_changes), (1, 1));
}

/// A carrier may move its media without a word in the signalling.
#[test]
fn a_source_that_moves_without_telling_is_followed_once_the_old_one_is_silent() {
    let limits = Limits { patience: Duration::from_millis(200), ..Limits::default() };
    let mut hotline = Hotline::start_with(limits, 1000, &[]);
    let (mut citizen, mut seat) = (Phone::new(V4, 7), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], true);
    let first = citizen.sequence;
    citizen.say(port, 8, &[1; 160]);
    seat.hear();

    // The same stream from another port, until it is taken.
    let mut moved = Phone { sequence: citizen.sequence, timestamp: citizen.timestamp, ..Phone::new(V4, 7) };
    let begun = Instant::now();
    let mut refused = 0;
    loop {
        moved.say(port, 8, &[2; 160]);
        hotline.settle();
        if !seat.hears_nothing() {
            break;
        }
        refused += 1;
        assert!(begun.elapsed() < Duration::from_secs(10), "never followed");
    }
    assert!(refused > 0, "whoever speaks from elsewhere takes nothing over at once");
    seat.say(seat_port, 8, &[3; 160]);
    assert_eq!(moved.hear().payload, [3; 160], "answered where it is now");
    Phone::new(V4, 66).say(port, 8, &[4; 160]);
    moved.say(port, 8, &[5; 160]);
    assert_eq!(seat.hear().payload, [5; 160], "a stranger is one as before");

    let figures = hotline.close(CITIZEN);
    assert_eq!((figures.source_changes, figures.refused), (1, refused + 1));
    hotline.close(SEAT);
    let orders: Vec<Order> = std::iter::from_fn(|| hotline.orders.try_recv().ok()).collect();
    let left = orders.iter().filter_map(|order| match order {
        Order::Audio { voice: Voice::Citizen, batch, .. } => Some(&batch.heard),
        _ => None,
    });
    let offsets: Vec<u64> = left.flatten().map(|heard| u64::from(heard.sequence.wrapping_sub(first))).collect();
    assert_eq!(offsets, [0, refused + 1, refused + 2], "one stream on one side of one recording");
}

#[test]
fn a_peer_behind_a_nat_is_answered_where_it_speaks_from() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let nowhere = UdpSocket::bind((V4, 0)).unwrap().local_addr().unwrap();
    let port = hotline.open(CITIZEN, V4, LegMedia { remote: Some(nowhere), ..citizen.media(Law::A, None) });
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    citizen.say(port, 8, &[1; 160]);
    seat.hear();
    seat.say(seat_port, 8, &[2; 160]);
    assert_eq!(citizen.hear().payload, [2; 160]);
    assert_eq!(hotline.close(CITIZEN).source_changes, 0);
}

#[test]
fn a_leg_on_all_addresses_serves_an_ipv4_phone() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, IpAddr::V6(Ipv6Addr::UNSPECIFIED), citizen.media(Law::A, None));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    seat.say(seat_port, 8, &[1; 160]);
    assert_eq!(citizen.hear().payload, [1; 160], "sent to the address of the SDP");
    citizen.say(SocketAddr::new(V4, port.port()), 8, &[2; 160]);
    assert_eq!(seat.hear().payload, [2; 160]);
    seat.say(seat_port, 8, &[3; 160]);
    assert_eq!(citizen.hear().payload, [3; 160]);
}

#[test]
fn other_threads_can_be_put_below_media() {
    let stat = std::thread::spawn(|| {
        hotline::media::lower_priority_of_this_thread();
        std::fs::read_to_string("/proc/thread-self/stat").unwrap()
    });
    let nice = |stat: &str| stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().to_owned();
    assert_eq!(nice(&stat.join().unwrap()), "10");
    assert_ne!(nice(&std::fs::read_to_string("/proc/thread-self/stat").unwrap()), "10");
}

#[test]
fn silence_is_reported_once_and_so_is_its_end() {
    let limits = Limits { silence: Duration::from_millis(300), ..Limits::default() };
    let mut hotline = Hotline::start_with(limits, 10, &[]);
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    hotline.open(SEAT, V4, LegMedia { receive: false, ..seat.media(Law::A, None) });
    assert!(matches!(hotline.report(), Report::Silent { leg: CITIZEN, .. }));
    assert!(matches!(hotline.report(), Report::Silent { leg: SEAT, .. }), "on hold, or dead");
    citizen.say(port, 8, &[1; 160]);
    assert_eq!(hotline.report(), Report::Back { leg: CITIZEN });
    assert!(matches!(hotline.report(), Report::Silent { leg: CITIZEN, .. }));
}

#[test]
fn a_taken_port_is_reported() {
    let mut hotline = Hotline::start();
    let phone = Phone::new(V4, 1);
    let local = phone.address();
    hotline.handle.send(Command::Open { leg: CITIZEN, call: CALL, local });
    assert!(matches!(hotline.report(), Report::NotOpened { leg: CITIZEN, local: it, .. } if it == local));
}

#[test]
fn garbage_on_the_port_is_counted_and_harms_nobody() {
    let mut hotline = Hotline::start();
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    for garbage in [&b""[..], b"x", &[0x80; 11], &[0xBF; 40], &[0; 1400]] {
        citizen.rtp.send_to(garbage, port).unwrap();
    }
    citizen.say(port, 111, &[9; 160]);
    citizen.say(port, 8, &[1; 160]);
    assert_eq!(seat.hear().payload, [1; 160]);
    let figures = hotline.close(CITIZEN);
    assert_eq!((figures.received, figures.malformed, figures.unknown), (1, 5, 1));
}

#[test]
fn a_peer_that_told_no_address_is_spoken_to_where_it_is_heard_from() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let nowhere = LegMedia { remote: None, remote_rtcp: None, ..citizen.media(Law::A, None) };
    let citizen_port = hotline.open(CITIZEN, V4, nowhere);
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], false);
    citizen.say(citizen_port, 8, &[1; 160]);
    assert_eq!(seat.hear().payload, [1; 160]);
    seat.say(seat_port, 8, &[2; 160]);
    assert_eq!(citizen.hear().payload, [2; 160]);
}

/// What a seat types to command the hotline is heard by nobody; other keys are for a menu at the other end.
#[test]
fn the_keys_of_a_command_reach_nobody_else() {
    let mut hotline = Hotline::start();
    let (citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    let port = hotline.open(SEAT, V4, seat.media(Law::A, Some(101)));
    hotline.mix(&[SEAT], false);
    let press = |seat: &mut Phone, hotline: &mut Hotline, key: char| {
        let code = Event::of_key(key).unwrap();
        for duration in [160, 320] {
            let event = Event { code, end: duration == 320, volume: 10, duration };
            seat.send(port, 101, duration == 160, seat.timestamp, &event.to_bytes());
        }
        seat.timestamp = seat.timestamp.wrapping_add(320);
        assert_eq!(hotline.report(), Report::Digit { leg: SEAT, digit: key });
    };
    seat.say(port, 8, &[1; 160]);
    for key in "5*3*1601#*7290".chars() {
        press(&mut seat, &mut hotline, key);
    }
    seat.say(port, 8, &[2; 160]);
    let heard: Vec<Got> = (0..8).map(|_| citizen.hear()).collect();
    assert_continuous(&heard);
    let keys: Vec<char> = heard.iter().filter(|got| got.header.payload_type == 101).map(key_of).collect();
    assert_eq!(keys, ['5', '5', '9', '9', '0', '0'], "and not *3, *1601#, *72");
    assert_eq!((&heard[0].payload[..], &heard[7].payload[..]), (&[1; 160][..], &[2; 160][..]));
    assert!(citizen.hears_nothing());
}

fn key_of(got: &Got) -> char {
    Event::parse(&got.payload).and_then(Event::key).unwrap()
}

/// A citizen has nothing to command: its star is the other side's.
#[test]
fn a_citizens_star_is_passed_on() {
    let mut hotline = Hotline::start();
    let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    hotline.open(SEAT, V4, seat.media(Law::A, Some(101)));
    hotline.mix(&[SEAT], false);
    let star = Event { code: 10, end: true, volume: 10, duration: 160 };
    citizen.send(port, 101, true, citizen.timestamp, &star.to_bytes());
    assert_eq!(key_of(&seat.hear()), '*');
}
