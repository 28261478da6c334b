//! A leader's own telephone is rung before any seat, through a trunk; bytes in and bytes out. R25, R26.

use hotline::call::directory::{AnswerPolicy, Mode};
use hotline::call::mix_plan::{Command, Report};
use hotline::call::{LegId, Prompt, SeatState};
use hotline::exchange::Input;
use hotline::exchange::settings::Settings;
use hotline::sip::message::Method;

use super::city::{City, settings};
use super::peers::{Caller, Phone, Rung, reply, sdp};
use crate::call::seconds;
use crate::call_leader::with_leader;

/// Where the leader's mobile is reached.
const MOBILE: &str = "198.51.100.10:5060";

fn in_session() -> Settings {
    let mut settings = settings();
    settings.trunks[0].addresses = vec![MOBILE.parse().unwrap()];
    settings.board.directory = with_leader(Mode::LeaderFirst, AnswerPolicy::Announced);
    settings
}

/// The citizen has called, and the leader's mobile rings.
fn rings(city: &mut City) -> (Caller, Phone, Rung) {
    let mut phone = Phone::registered(city, "1001");
    let mut caller = Caller::new(city, "12345");
    caller.invite(city);
    assert!(phone.is_rung(city).is_none(), "no seat before the leader has answered");
    let (flow, invite) = city.request_to(MOBILE.parse().unwrap(), &Method::Invite).expect("the leader is rung");
    assert!(invite.uri.starts_with("sip:13800000951@"), "{}", invite.uri);
    let rung = Rung { flow, invite, tag: "leader".into(), body: sdp("198.51.100.20", 4000, "sendrecv"), cseq: 0 };
    (caller, phone, rung)
}

/// The briefing that is played to the leader, and that it is over.
fn briefed(city: &mut City) {
    let played = city.media.iter().rev().find_map(|command| match command {
        Command::Play { leg, prompts, token, .. } if matches!(prompts[..], [Prompt::Briefing { .. }]) => {
            Some((*leg, *token))
        }
        _ => None,
    });
    let (leg, token) = played.expect("a briefing");
    city.input(Input::Media(Report::Played { leg, token }));
}

/// Whom each leg hears, by the last word to the media threads.
fn hearings(city: &City) -> Vec<(LegId, Vec<LegId>)> {
    let mixed = city.media.iter().rev().find_map(|command| match command {
        Command::Mix { hearings, .. } => Some(hearings.clone()),
        _ => None,
    });
    mixed.unwrap_or_default().into_iter().map(|hearing| (hearing.leg, hearing.hears)).collect()
}

#[test]
fn the_leader_answers_the_citizen_and_the_seats_phone_is_rung_to_listen() {
    let mut city = City::new(in_session());
    let (mut caller, mut phone, leader) = rings(&mut city);
    leader.reply(&mut city, 180);
    assert!(!caller.hears(&mut city).contains(&200), "nobody has answered");
    leader.answer(&mut city);
    assert!(caller.hears(&mut city).contains(&200), "the leader has");
    caller.ack(&mut city);
    let seat = phone.rung(&mut city);
    let shows = seat.invite.headers.from().unwrap().display_text().unwrap().into_owned();
    assert!(shows.contains("协助领导 李示例"), "{shows}");
    briefed(&mut city);
    seat.answer(&mut city);
    let [(citizen, by_citizen), (led, by_leader), (assistant, by_seat)] = &hearings(&city)[..] else {
        panic!("{:?}", hearings(&city))
    };
    assert_eq!((by_citizen, by_leader), (&vec![*led], &vec![*citizen]), "the seat is not heard");
    assert_eq!((by_seat, *assistant != *led), (&vec![*citizen, *led], true));
    assert_eq!(city.state("1001"), SeatState::ThreeWay);

    // The leader hangs up: the seat is with the citizen at once.
    let mut leader = leader;
    assert_eq!(leader.bye(&mut city), Some(200));
    assert_eq!(hearings(&city), [(*citizen, vec![*assistant]), (*assistant, vec![*citizen])]);
    assert_eq!(caller.bye(&mut city), Some(200));
    assert!(city.standing.is_empty(), "{:?}", city.standing);
}

#[test]
fn a_leader_who_declines_or_does_not_answer_leaves_the_call_to_a_seat() {
    for declines in [true, false] {
        let mut city = City::new(in_session());
        let (mut caller, mut phone, leader) = rings(&mut city);
        if declines {
            city.send(leader.flow, reply(&leader.invite, 603, "leader", &[], ""));
        } else {
            leader.reply(&mut city, 180);
            city.pass(seconds(20));
            assert!(city.request_to(leader.flow.remote, &Method::Cancel).is_some(), "he is rung no more");
        }
        let seat = phone.rung(&mut city);
        seat.answer(&mut city);
        assert!(caller.hears(&mut city).contains(&200), "declines: {declines}");
        caller.ack(&mut city);
        assert_eq!(city.state("1001"), SeatState::Talking);
        assert_eq!(caller.bye(&mut city), Some(200));
    }
}

#[test]
fn a_citizen_who_hangs_up_releases_the_leaders_telephone() {
    let mut city = City::new(in_session());
    let (mut caller, mut phone, leader) = rings(&mut city);
    leader.reply(&mut city, 180);
    caller.cancel(&mut city);
    assert!(city.request_to(leader.flow.remote, &Method::Cancel).is_some());
    assert!(phone.is_rung(&mut city).is_none());
    assert_eq!(city.missed().reason, "caller_gone");
}
