//! What the recorder gets, and RTCP both ways.

use std::time::Duration;

use hotline::archive::{Order, Side, Voice};
use hotline::audio::g711::Law;
use hotline::call::mix_plan::Command;
use hotline::call::{Hearing, LegId, Prompt};
use hotline::media::rtcp::{self, Block, Ours, Sent};
use hotline::media::{Limits, Report};

use super::peer::{CALL, CITIZEN, Hotline, Phone, SEAT, SECOND_SEAT, V4};

#[test]
fn the_recorder_gets_each_side_as_it_was_said() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 0xC1), Phone::new(V4, 0x5E));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::Mu, None));
    hotline.mix(&[SEAT], true);
    let first = (citizen.sequence, citizen.timestamp);
    citizen.say(port, 8, &[1; 160]);
    seat.hear();
    citizen.send(port, 101, true, citizen.timestamp, &[5, 0x8A, 0, 160]);
    seat.say(seat_port, 0, &[2; 80]);
    citizen.hear();
    hotline.close(CITIZEN);
    hotline.close(SEAT);
    let mut sides = Vec::new();
    while let Ok(Order::Audio { call, voice, batch }) = hotline.orders.try_recv() {
        assert_eq!(call, CALL);
        assert_eq!(voice, if voice.side() == Side::Left { Voice::Citizen } else { Voice::Heard(SEAT) });
        sides.push((voice.side(), batch));
    }
    let left: Vec<_> = sides.iter().filter(|(side, _)| *side == Side::Left).flat_map(|(_, it)| &it.heard).collect();
    let right: Vec<_> = sides.iter().filter(|(side, _)| *side == Side::Right).flat_map(|(_, it)| &it.heard).collect();
    assert_eq!((left[0].sequence, left[0].timestamp, left[0].ssrc), (first.0, first.1, 0xC1));
    assert_eq!((left[0].law, left[0].len), (Law::A, 160));
    assert_eq!(left[1].len, 0, "a key carries no audio, but shows that the line lives");
    assert_eq!((right[0].law, right[0].len, right[0].ssrc), (Law::Mu, 80, 0x5E));
    for (side, batch) in &sides {
        let code = if *side == Side::Left { 1 } else { 2 };
        assert_eq!(batch.bytes.len(), batch.heard.iter().map(|heard| usize::from(heard.len)).sum::<usize>());
        assert!(batch.bytes.iter().all(|byte| *byte == code));
    }
}

#[test]
fn another_party_is_another_voice_and_one_whom_the_citizen_does_not_hear_is_private() {
    let mut hotline = Hotline::start();
    let (citizen, mut seat, mut second) = (Phone::new(V4, 1), Phone::new(V4, 2), Phone::new(V4, 3));
    hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    let second_port = hotline.open(SECOND_SEAT, V4, second.media(Law::A, None));
    hotline.mix(&[SEAT], true);
    seat.say(seat_port, 8, &[1; 160]);
    citizen.hear();
    hotline.mix(&[SECOND_SEAT], true);
    second.say(second_port, 8, &[2; 160]);
    citizen.hear();
    // The two seats consult; the packet after the word is private already.
    hotline.arrange(Hearing::all(&[SEAT, SECOND_SEAT]), true);
    second.say(second_port, 8, &[3; 160]);
    seat.hear();
    hotline.arrange(Hearing::all(&[CITIZEN, SECOND_SEAT]), true);
    second.say(second_port, 8, &[4; 160]);
    citizen.hear();
    for leg in [SECOND_SEAT, SEAT, CITIZEN] {
        hotline.close(leg);
    }
    let mut story = Vec::new();
    for order in std::iter::from_fn(|| hotline.orders.try_recv().ok()) {
        if let Order::Audio { voice, batch, .. } = order {
            story.push((voice, batch.heard[0].ssrc, batch.bytes[0]));
        }
    }
    // Each voice in its own order; between voices there is none.
    story.sort_by_key(|(_, _, code)| *code);
    let second = Voice::Heard(SECOND_SEAT);
    let expected = [(Voice::Heard(SEAT), 2, 1), (second, 3, 2), (Voice::Private(SECOND_SEAT), 3, 3), (second, 3, 4)];
    assert_eq!(story, expected);
}

/// A seat beside a leader is silent for a while: what nobody hears is no gap in its record.
#[test]
fn a_voice_that_nobody_heard_for_a_while_begins_anew() {
    let mut hotline = Hotline::start();
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, Some(101)));
    hotline.mix(&[SEAT], true);
    let mut say = |hotline: &mut Hotline, code| {
        citizen.say(port, 8, &[code; 160]);
        seat.say(seat_port, 8, &[code; 160]);
        hotline.read_up(CITIZEN, &mut citizen, port);
        hotline.read_up(SEAT, &mut seat, seat_port);
    };
    say(&mut hotline, 1);
    hotline.arrange(Hearing::all(&[CITIZEN]), true);
    say(&mut hotline, 2);
    hotline.mix(&[SEAT], true);
    say(&mut hotline, 3);
    hotline.close(SEAT);
    hotline.close(CITIZEN);
    let mut told = Vec::new();
    for order in std::iter::from_fn(|| hotline.orders.try_recv().ok()) {
        match order {
            Order::Audio { voice: Voice::Heard(SEAT), batch, .. } => told.push(batch.bytes[0].to_string()),
            Order::NewSource { voice, why, .. } => told.push(format!("{voice:?} {why}")),
            _ => {}
        }
    }
    assert_eq!(told, ["1", "Heard(LegId(2)) heard again", "3"], "not what it said to nobody");
}

/// What a leader is told before he joins is private to him; what he hears otherwise is nobody's record.
#[test]
fn a_briefing_is_recorded_apart_and_other_prompts_are_not() {
    let mut hotline = Hotline::start();
    let (citizen, leader) = (Phone::new(V4, 1), Phone::new(V4, 2));
    hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    hotline.open(SEAT, V4, leader.media(Law::A, None));
    hotline.arrange(Hearing::all(&[CITIZEN]), true);
    let mut play = |prompt, token| {
        hotline.handle.send(Command::Play { leg: SEAT, prompts: vec![prompt], repeat: false, token });
        while hotline.report() != (Report::Played { leg: SEAT, token }) {}
    };
    play(Prompt::Done, 1);
    play(Prompt::Briefing { code: "12".into(), topic: Some("none".into()) }, 2);
    let heard: usize = {
        hotline.close(SEAT);
        hotline.close(CITIZEN);
        let orders = std::iter::from_fn(|| hotline.orders.try_recv().ok());
        let audio = orders.filter_map(|order| match order {
            Order::Audio { voice, batch, .. } => Some((voice, batch)),
            _ => None,
        });
        audio
            .map(|(voice, batch)| {
                assert_eq!(voice, Voice::Private(SEAT));
                batch.bytes.len()
            })
            .sum()
    };
    // Prefix, two digits and suffix are missing here: 200 ms of silence each; the topic is left out.
    assert_eq!(heard, 4 * 1600);
    assert!(citizen.hears_nothing());
}

#[test]
fn a_full_recorder_is_not_waited_for_and_told_what_it_missed() {
    let mut hotline = Hotline::start_with(Limits::default(), 1, &[]);
    let mut citizen = Phone::new(V4, 1);
    let seat = Phone::new(V4, 2);
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], true);
    // 24 packets fill a batch: the first one takes the queue's only place.
    for _ in 0..72 {
        citizen.say(port, 8, &[1; 160]);
        seat.hear();
    }
    let (mut got, mut missed) = (0, 0);
    let mut count = |order: Order| match order {
        Order::Audio { batch, .. } => got += u64::try_from(batch.heard.len()).unwrap(),
        Order::Dropped { packets, voice: Voice::Citizen, .. } => missed += u64::from(packets),
        other => panic!("{other:?}"),
    };
    count(hotline.order());
    for _ in 0..72 {
        citizen.say(port, 8, &[1; 160]);
        seat.hear();
        while let Ok(order) = hotline.orders.try_recv() {
            count(order);
        }
    }
    let figures = hotline.close(CITIZEN);
    while let Ok(order) = hotline.orders.try_recv() {
        count(order);
    }
    assert!(missed >= 24, "{missed}");
    assert!(got + missed <= 144 && figures.unrecorded >= missed, "{got} {missed} {}", figures.unrecorded);
    assert_eq!(figures.unrecorded, 144 - got);
}

#[test]
fn our_reports_tell_what_we_sent_and_what_we_missed() {
    let limits = Limits { report_every: Duration::from_millis(100), ..Limits::default() };
    let mut hotline = Hotline::start_with(limits, 1000, &[]);
    let (mut citizen, mut seat) = (Phone::new(V4, 0xC1), Phone::new(V4, 0x5E));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], true);

    // The citizen's own report: it misses a quarter of what we send, and its clock stands so.
    let mut packet = [0; 200];
    let sent = Sent { ntp: 0x1234_5678_9ABC_DEF0, timestamp: 777, packets: 1, octets: 160 };
    citizen.say(port, 8, &[1; 160]);
    let heard_by_seat = seat.hear();
    seat.say(seat_port, 8, &[2; 160]);
    let ours = citizen.hear().header.ssrc;
    let block =
        Block { ssrc: ours, fraction_lost: 64, lost: 1, highest_sequence: 1, jitter: 0, last_report: 0, delay: 0 };
    let report = Ours { ssrc: 0xC1, cname: "phone", sent: Some(sent), block: Some(block), bye: false };
    let report = rtcp::write(&report, &mut packet).unwrap();
    let rtcp_port = std::net::SocketAddr::new(port.ip(), port.port() + 1);
    citizen.rtcp.send_to(report, rtcp_port).unwrap();
    // Broken, and from an address nobody agreed on: counted, not believed.
    citizen.rtcp.send_to(&[0x80, 200, 0, 99], rtcp_port).unwrap();
    // Multiplexed on the RTP port it counts as well.
    citizen.rtp.send_to(report, port).unwrap();
    // One of four packets never comes.
    citizen.sequence = citizen.sequence.wrapping_add(1);
    citizen.timestamp = citizen.timestamp.wrapping_add(160);
    citizen.say(port, 8, &[1; 160]);
    citizen.say(port, 8, &[1; 160]);

    let (mut sender_report, mut loss) = (None, None);
    while sender_report.is_none() || loss.is_none() {
        let length = citizen.rtcp.recv(&mut packet).expect("a report");
        let theirs = rtcp::read(&packet[..length], 0xC1).expect("a well-formed compound packet");
        sender_report = theirs.sender.or(sender_report);
        loss = theirs.fraction_lost.filter(|fraction| *fraction > 0).or(loss);
        assert!(String::from_utf8_lossy(&packet[..length]).contains('\u{1}'), "a CNAME item");
    }
    let (ssrc, ntp, _) = sender_report.unwrap();
    assert_eq!(ssrc, ours);
    assert!(ntp >> 32 > 3_900_000_000, "seconds since 1900");
    // One of four, or of fewer where a report came in between.
    assert!(loss >= Some(64), "{loss:?}");
    assert_ne!(heard_by_seat.header.ssrc, ours);

    let figures = hotline.close(CITIZEN);
    assert_eq!((figures.remote_fraction_lost, figures.malformed, figures.lost), (64, 1, 1));
    hotline.close(SEAT);
    let orders = std::iter::from_fn(|| hotline.orders.try_recv().ok());
    let reports = orders.filter(|order| {
        matches!(
            order,
            Order::SenderReport { voice: Voice::Citizen, ssrc: 0xC1, ntp: 0x1234_5678_9ABC_DEF0, timestamp: 777, .. }
        )
    });
    assert_eq!(reports.count(), 2);
}

#[test]
fn each_round_of_reports_tells_the_figures_of_a_live_leg() {
    let limits = Limits { report_every: Duration::from_millis(50), ..Limits::default() };
    let mut hotline = Hotline::start_with(limits, 1000, &[]);
    let (mut citizen, seat) = (Phone::new(V4, 0xC1), Phone::new(V4, 0x5E));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], true);
    citizen.say(port, 8, &[1; 160]);
    citizen.sequence = citizen.sequence.wrapping_add(1);
    citizen.say(port, 8, &[1; 160]);
    loop {
        match hotline.report() {
            Report::Figures { leg: CITIZEN, figures } if figures.received == 2 => {
                assert_eq!(figures.lost, 1);
                break;
            }
            Report::Figures { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // And what became of its voice, once they are three.
    let (third, third_phone) = (LegId(4), Phone::new(V4, 0x7D));
    hotline.open(third, V4, third_phone.media(Law::A, None));
    hotline.mix(&[SEAT, third], true);
    citizen.say(port, 8, &[1; 160]);
    while !matches!(hotline.report(), Report::Figures { leg: CITIZEN, figures } if figures.in_room.frames > 0) {}
    let last = hotline.close(CITIZEN);
    assert_eq!((last.received, last.lost), (3, 1));
    let told = std::iter::from_fn(|| hotline.orders.try_recv().ok()).find_map(|order| match order {
        Order::Figures { leg: CITIZEN, figures, .. } => Some((figures.received, figures.lost)),
        _ => None,
    });
    assert_eq!(told, Some((3, 1)), "the recorder knows them too");
}
