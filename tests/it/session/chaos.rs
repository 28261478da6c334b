//! Any order of messages, losses, lies, deeds and time: no panic, no spinning timer, and one end for each session.

use std::time::Duration;

use hotline::sip::flow::Transport;
use hotline::sip::message::{Message, Method, Name};
use hotline::sip::session::{Event, Reliable, Settings};

use super::pair::{CALLED, CALLER, Pair, Side};
use super::{sdp, talk};

/// Marsaglia's xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn below(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(u64::try_from(length).unwrap())).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn step(pair: &mut Pair, dice: &mut Dice, honest: bool) {
    let which = dice.below(2);
    match dice.roll(20) {
        // The wire reorders, repeats and loses.
        0..=8 if !pair.wire.is_empty() => {
            let place = dice.below(pair.wire.len());
            match dice.roll(8) {
                0 => drop(pair.wire.remove(place)),
                1 => {
                    let (to, message) = pair.wire[place].clone();
                    pair.deliver(to, message);
                }
                _ => {
                    if let Some((to, message)) = pair.wire.remove(place) {
                        pair.deliver(to, message);
                    }
                }
            }
        }
        9 => {
            let (status, media) = dice.pick(&[(180, false), (183, true), (183, false), (182, true)]);
            pair.act(which, |session, now, sip| session.progress(now, sip, status, media));
        }
        10 | 11 => pair.act(which, |session, now, sip| session.answer(now, sip)),
        12 if dice.roll(6) == 0 => pair.hang_up(which),
        12 => pair.act(which, |session, now, sip| session.probe(now, sip)),
        13 if dice.roll(8) == 0 => {
            pair.sides[which].hung_up |= which == CALLED && is_ringing(&pair.sides[which]);
            pair.act(which, |session, now, sip| session.reject(now, sip, 486, None));
        }
        13 => pair.act(which, |session, now, sip| {
            session.authorize(now, sip, (Name::Authorization, "Digest x".to_owned()));
        }),
        14 if !honest && dice.roll(6) == 0 => {
            let flow = pair.sides[which].flow;
            let now = pair.now;
            pair.sides[which].sip.transport_failed(now, flow);
            pair.act(which, |session, _, _| session.on_transport_failed(flow));
        }
        15 | 16 if !honest && !pair.sent.is_empty() => {
            let place = dice.below(pair.sent.len());
            let (to, mut message) = pair.sent[place].clone();
            for _ in 0..=dice.roll(2) {
                twist(dice, &mut message);
            }
            pair.deliver(to, message);
        }
        18 => answer_refer(pair, dice, which),
        17 => {
            // One late jump, as after a stall.
            pair.now = pair.now + Duration::from_millis(dice.roll(40_000));
            pair.tick();
        }
        _ => {
            let end = pair.now + Duration::from_millis(dice.roll(3000));
            while let Some(at) = pair.due().filter(|at| *at <= end) {
                pair.now = at;
                pair.tick();
            }
            pair.now = end;
        }
    }
}

/// The user of one side has a word on some REFER that it heard of, in any order and as often as it likes.
fn answer_refer(pair: &mut Pair, dice: &mut Dice, which: usize) {
    let heard = pair.sides[which].heard.iter().filter_map(|event| match event {
        Event::Referred { id, .. } => Some(*id),
        _ => None,
    });
    let ids: Vec<_> = heard.collect();
    if ids.is_empty() {
        return;
    }
    let (id, word) = (dice.pick(&ids), dice.roll(4));
    pair.act(which, |session, now, sip| match word {
        0 => session.refuse_refer(now, sip, id, 603, "no"),
        1 => session.finish_refer(now, sip, id, 200),
        _ => session.accept_refer(now, sip, id),
    });
}

fn is_ringing(side: &Side) -> bool {
    side.session.as_ref().is_some_and(|session| !session.is_ended() && !session.is_confirmed())
}

/// A message becomes another one that its sender might have sent, or that only a fool would.
fn twist(dice: &mut Dice, message: &mut Message) {
    let description = dice.pick(&["", "nonsense", "talk", "hold"]);
    let description = match description {
        "talk" => talk(),
        "hold" => sdp(2, "inactive"),
        other => other.to_owned(),
    };
    let lies: [(Name, &str); 14] = [
        (Name::RSeq, "1"),
        (Name::RSeq, "2"),
        (Name::RAck, "1 1 INVITE"),
        (Name::RAck, "2 1 INVITE"),
        (Name::Require, "100rel"),
        (Name::Supported, "timer, 100rel"),
        (Name::SessionExpires, "90;refresher=uas"),
        (Name::SessionExpires, "99999999999999999999;refresher=uac"),
        (Name::SessionExpires, "1"),
        (Name::MinSe, "3600"),
        (Name::Allow, "INVITE"),
        (Name::Contact, "<sip:x@203.0.113.9>"),
        (Name::RecordRoute, "<sip:203.0.113.8;lr>"),
        (Name::ContentType, "multipart/mixed;boundary=x"),
    ];
    let (lie, value) = lies[dice.below(lies.len())].clone();
    match (dice.roll(8), &mut *message) {
        (0, message) => message.headers_mut().set(lie, value),
        (1, message) => message.headers_mut().remove(&lie),
        (2, Message::Request(request)) => request.body = description.into_bytes(),
        (2, Message::Response(response)) => response.body = description.into_bytes(),
        (3, Message::Response(response)) => {
            response.status = dice.pick(&[180, 183, 200, 202, 302, 401, 407, 408, 422, 481, 487, 491, 500, 503, 603]);
        }
        (4, Message::Response(response)) => {
            let mut to = response.headers.to().unwrap();
            to.set_tag(dice.pick(&["called", "fork", "caller"]));
            response.headers.set(Name::To, to.to_bytes());
        }
        (3 | 4, Message::Request(request)) => {
            let known = ["INVITE", "UPDATE", "BYE", "PRACK", "INFO", "OPTIONS", "REFER", "ACK", "CANCEL"];
            request.method = Method::parse(dice.pick(&known));
            let number = request.headers.cseq().map_or(1, |cseq| cseq.number);
            request.headers.set(Name::CSeq, format!("{number} {}", request.method.as_str()));
            request.headers.set(Name::ReferTo, "<sip:2@192.0.2.1?Replaces=call%3Bto-tag%3Da%3Bfrom-tag%3Db>");
        }
        (5 | 6, Message::Request(request)) => {
            // A new request of the same kind.
            let via = format!("SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{};rport", dice.roll(1000));
            request.headers.set(Name::Via, via);
            let number = u32::try_from(dice.roll(12)).unwrap();
            request.headers.set(Name::CSeq, format!("{number} {}", request.method.as_str()));
        }
        (5 | 6, Message::Response(response)) => response.body = talk().into_bytes(),
        (_, message) => message.headers_mut().set(Name::To, "<sip:1@192.0.2.1>;tag=called"),
    }
}

fn ends(side: &Side) -> Vec<&Event> {
    let is_end = |event: &&Event| matches!(event, Event::HungUp | Event::Failed { .. } | Event::Lost(_));
    side.heard.iter().filter(is_end).collect()
}

/// Challenges that nobody met any more are given up, and so is whatever still stands; then all is quiet.
fn finish(pair: &mut Pair, seed: u64) {
    pair.pass(Duration::from_secs(5));
    for which in [CALLER, CALLED] {
        pair.hang_up(which);
    }
    pair.pass(Duration::from_secs(800));
    assert_eq!(pair.due(), None, "seed {seed}: something still ticks");
    for (which, side) in pair.sides.iter().enumerate() {
        let Some(session) = &side.session else { continue };
        assert!(session.is_ended(), "seed {seed}: side {which} has no end: {:?}", side.heard);
        assert!(side.sip.is_empty(), "seed {seed}: side {which} keeps transactions");
        let ends = ends(side);
        assert!(ends.len() <= 1, "seed {seed}: side {which} ended twice: {ends:?}");
        assert!(side.hung_up || ends.len() == 1, "seed {seed}: side {which} never heard of its end: {:?}", side.heard);
        let answers = side.heard.iter().filter(|event| matches!(event, Event::Answered)).count();
        assert!(answers <= 1, "seed {seed}: answered twice");
        if let Some(last) = ends.first() {
            assert_eq!(side.heard.last(), Some(*last), "seed {seed}: side {which} speaks after its end");
        }
    }
}

fn any_settings(dice: &mut Dice) -> (Transport, [Settings; 2]) {
    let one = |dice: &mut Dice| Settings {
        reliable: dice.pick(&[Reliable::Off, Reliable::Supported, Reliable::Required]),
        session_expires: dice.pick(&[None, Some(Duration::from_secs(90)), Some(Duration::from_secs(300))]),
        follow_contact: dice.roll(2) == 0,
        ..super::settings()
    };
    let transport = if dice.roll(2) == 0 { Transport::Udp } else { Transport::Tcp };
    (transport, [one(dice), one(dice)])
}

fn run(seed: u64, honest: bool) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (transport, chosen) = any_settings(&mut dice);
    let mut pair = Pair::new(transport, |which, own| Settings {
        reliable: chosen[which].reliable,
        session_expires: chosen[which].session_expires,
        follow_contact: chosen[which].follow_contact,
        ..own
    });
    if dice.roll(4) > 0 {
        pair.flush();
    }
    for _ in 0..dice.roll(120) {
        step(&mut pair, &mut dice, honest);
    }
    finish(&mut pair, seed);
}

#[test]
fn any_order_over_a_bad_wire_ends_well() {
    for seed in 1..=1500 {
        run(seed, true);
    }
}

#[test]
fn any_order_with_a_lying_peer_ends_well() {
    for seed in 1..=3000 {
        run(seed, false);
    }
}
