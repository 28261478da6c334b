//! Leader sessions: whose call it is within the window, who hears whom, and what becomes of the citizen when
//! the leader, or the seat beside him, is not there. R24–R26.

use hotline::call::directory::{AfterSeat, AnswerPolicy, Directory, Entry, Kind, LeaderSession, Level, Line};
use hotline::call::directory::{LineTo, Mode};
use hotline::call::*;
use hotline::privacy::Private;
use jiff::civil::{DateTime, date};

use crate::call::*;
use crate::call_guest::{CITIZEN, SEAT, THIRD, directory};

/// In leader_first nobody but the leader has been rung.
pub const LEADER: LegId = LegId(1 << 63 | 2);
const ASSISTANT: LegId = LegId(1 << 63 | 4);

/// Of the session: an hour from 09:00:00, which is `MORNING`.
fn nine() -> DateTime {
    date(2026, 11, 24).at(9, 0, 0, 0)
}

/// Leader 951 on a mobile of his own; he sits from nine to ten for calls to 12345.
pub fn with_leader(mode: Mode, answer: AnswerPolicy) -> Directory {
    let number = |number: &str| LineTo::Number { number: Private::new(number.into()), trunks: Vec::new(), shown: None };
    let leader = Entry {
        code: "951".into(),
        name: "李示例".into(),
        pinyin: None,
        kind: Kind::Leader { post: "示例市交通运输局局长".into(), level: Level::Department },
        lines: vec![Line { to: number("13800000951"), duty: true }],
        hours: None,
        answer,
        after_seat_leaves: AfterSeat::KeepTalking,
        competence: Vec::new(),
    };
    let session = LeaderSession {
        leader: "951".into(),
        level: Level::Department,
        topic: "公共交通".into(),
        codes: vec!["12345".into()],
        skills: Vec::new(),
        mode,
        ring: seconds(20),
        briefing: Some("topic-taxi".into()),
        start: nine(),
        end: date(2026, 11, 24).at(10, 0, 0, 0),
    };
    Directory::new(directory().entries().cloned().chain([leader]), vec![session])
}

fn hall(mode: Mode) -> Hall {
    Hall::open_with(Settings { directory: with_leader(mode, AnswerPolicy::Announced), ..settings() })
}

/// The session has gone on for so long.
fn hall_after(mode: Mode, since_nine: std::time::Duration) -> Hall {
    let mut hall = hall(mode);
    let spent = hall.now.wall.0 - MORNING.0;
    hall.pass(since_nine - std::time::Duration::from_millis(spent.unsigned_abs()));
    hall
}

fn leader_first() -> Hall {
    let mut hall = hall(Mode::LeaderFirst);
    hall.invite(1, "12345");
    hall
}

/// The leader has answered and is being briefed.
fn briefed() -> (Hall, u64) {
    let mut hall = leader_first();
    let out = hall.send(Input::Answered { leg: LEADER });
    let told = out.iter().find_map(|output| match output {
        Output::Play { leg: LEADER, token, .. } => Some(*token),
        _ => None,
    });
    hall.journalled();
    (hall, told.expect("a briefing"))
}

/// The leader talks with the citizen, and a seat is rung to assist him.
fn led() -> Hall {
    let (mut hall, token) = briefed();
    hall.send(Input::Played { leg: LEADER, token });
    hall
}

/// And the seat has joined.
fn assisted() -> Hall {
    let mut hall = led();
    hall.send(Input::Answered { leg: ASSISTANT });
    hall.pass(SECOND);
    hall
}

/// A seat talks with the citizen while the leader sits.
fn seat_first() -> Hall {
    let mut hall = hall(Mode::SeatFirst);
    hall.invite(1, "12345");
    hall.pass(SECOND);
    hall.seat_answers();
    hall.journalled();
    hall
}

impl Hall {
    fn leader_verb(&mut self, seat: &str, verb: Verb) -> Vec<String> {
        self.tell(Input::Ask { seat: no(seat), ask: SeatAsk::Talk(verb) })
    }

    fn may_bring_the_leader(&self) -> Result<(), AskRefused> {
        self.board.may(self.now, &no("1001"), &SeatAsk::Talk(Verb::Leader))
    }
}

/// R24: one second before the end a call is the leader's, one second after it is anybody's.
#[test]
fn a_call_is_the_leaders_within_his_window_only() {
    let hour = 3600;
    for (at, is_his) in [(5, true), (hour - 1, true), (hour, false), (hour + 1, false)] {
        let mut first = hall_after(Mode::LeaderFirst, seconds(at));
        let rung = brief(&first.invite(1, "12345"));
        let whom = if is_his { "Dial d2 13800000951" } else { "Dial d1 1001" };
        assert!(rung.contains(&whom.to_owned()), "{at}: {rung:?}");

        let mut screened = hall_after(Mode::SeatFirst, seconds(at - 2));
        screened.invite(1, "12345");
        screened.pass(SECOND);
        screened.seat_answers();
        screened.journalled();
        screened.pass(SECOND);
        let expected = if is_his { Ok(()) } else { Err(AskRefused::NoSession) };
        assert_eq!(screened.may_bring_the_leader(), expected, "{at}");
    }
    let other = brief(&hall(Mode::LeaderFirst).invite(1, "12315"));
    assert!(other.iter().any(|line| line.starts_with("Dial d1 10")), "not of this session: {other:?}");
}

#[test]
fn a_call_that_waits_when_the_session_starts_is_offered_then() {
    let mut settings = Settings { directory: with_leader(Mode::LeaderFirst, AnswerPolicy::Announced), ..settings() };
    settings.seats.clear();
    let mut hall = Hall::open_with(settings);
    hall.now.wall = hotline::time::Wall(MORNING.0 - 30_000);
    hall.invite(1, "12345");
    let before = hall.wait(std::time::Duration::from_millis(29_999));
    assert!(!before.iter().any(|line| line.starts_with("Dial")), "{before:?}");
    let start = hall.wait(std::time::Duration::from_millis(1));
    assert_eq!(start, ["Dial d2 13800000951"]);
}

#[test]
fn a_call_that_waits_when_the_session_ends_is_anybodys_and_a_running_one_goes_on() {
    // The leader is rung within the window and answers after it.
    let mut hall = hall_after(Mode::LeaderFirst, seconds(3599));
    hall.invite(1, "12345");
    hall.pass(seconds(5));
    let token = token(&hall.send(Input::Answered { leg: LEADER }));
    hall.journalled();
    assert!(hall.tell(Input::Played { leg: LEADER, token }).contains(&"Mix 1 + [d2]".to_owned()));
    let later = hall.wait(seconds(3 * 3600));
    assert!(!later.iter().any(|line| line.starts_with("HangUp 1") || line == "HangUp d2"), "{later:?}");
    // The next caller waited for him, who was busy; after the end no leader is rung.
    let mut hall = hall_after(Mode::LeaderFirst, seconds(3590));
    for seat in ["1001", "1002", "1003"] {
        hall.send(Input::Ask { seat: no(seat), ask: SeatAsk::SignOut });
    }
    hall.invite(1, "12345");
    hall.invite(2, "12345");
    hall.pass(seconds(20));
    let freed = hall.tell(Input::HungUp { leg: LegId(1) });
    assert_eq!(freed.iter().filter(|line| line.starts_with("Dial")).count(), 0, "{freed:?}");
    assert_eq!(hall.board.queued(), 1);
}

#[test]
fn the_leader_picks_up_hears_his_briefing_and_a_seat_joins_silently() {
    let mut hall = hall(Mode::LeaderFirst);
    let rung = brief(&hall.invite(1, "12345"));
    assert_eq!(rung, ["Progress 1 with media", "Play 1 Greeting(12345)", "Dial d2 13800000951"]);
    assert_eq!((hall.call().stage, hall.state("1001")), ("ringing_leader", SeatState::Idle));
    let answer = hall.send(Input::Answered { leg: LEADER });
    assert_eq!(
        brief(&answer),
        [
            "StopPlay 1",
            "OpenRecording",
            "OpenTicket 12345",
            "Mark briefed 951",
            "Mix 1 + []",
            "Play 1 Music …",
            "Play d2 Briefing { code: 12345, topic: Some(topic-taxi) }",
            "Dial d4 1001",
            "1001 Reserved",
            "Mix 1 + []",
        ],
        "recorder and ticket from his answer, and a seat is rung beside him"
    );
    let seat = answer.iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some(ticket.seat.clone()),
        _ => None,
    });
    assert_eq!(seat, Some(no("1001")), "who is to write it is on the ticket from the beginning");
    assert_eq!(hall.call().stage, "with_leader");
    assert_eq!(brief(&hall.journalled()), ["Answer 1", "Play 1 Music …"]);
    hall.pass(seconds(6));
    let joins = hall.tell(Input::Played { leg: LEADER, token: token_of(&answer, LEADER) });
    assert_eq!(joins, ["StopPlay d2", "Mark joined 951", "Mix 1 + [d2]", "StopPlay 1"]);
    let assists = hall.tell(Input::Answered { leg: ASSISTANT });
    assert_eq!(
        assists,
        ["Mark seat_joined 1001", "1001 Talking", "Mix 1 hears d2, d2 hears 1, d4 hears 1 d2", "1001 ThreeWay"]
    );
    assert_eq!(hall.leader_verb("1001", Verb::Speak), ["Mix 1 + [d4 d2]"]);
    assert_eq!(hall.leader_verb("1001", Verb::Silent), ["Mix 1 hears d2, d2 hears 1, d4 hears 1 d2"]);
    hall.pass(seconds(60));
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    let roles: Vec<Role> = record.ended.participants.iter().map(|who| who.party.role).collect();
    assert_eq!(roles, [Role::Citizen, Role::Leader, Role::Seat]);
    assert_eq!((record.ended.talk_ms, record.ended.hold_ms), (60_000, 6_000), "the briefing is no talk");
    let [leader] = &record.ended.leaders[..] else { panic!("{:?}", record.ended.leaders) };
    assert_eq!((leader.session.as_str(), leader.result.as_str()), ("951@2026-11-24T09:00:00", "taken"));
    assert_eq!((record.opened.seat, hall.board.legs()), (no("1001"), 0));
}

fn is_dial(line: &str, seat: &str) -> bool {
    line.starts_with("Dial ") && line.ends_with(&format!(" {seat}"))
}

fn token_of(outputs: &[Output], whom: LegId) -> u64 {
    let played = outputs.iter().find_map(|output| match output {
        Output::Play { leg, token, .. } if *leg == whom => Some(*token),
        _ => None,
    });
    played.expect("something is played")
}

#[test]
fn a_seat_screens_sees_that_the_leader_sits_and_brings_him_in_by_one_verb() {
    let mut hall = hall(Mode::SeatFirst);
    let out = hall.invite(1, "12345");
    let label = out.iter().find_map(|output| match output {
        Output::Dial { label, .. } => Some(label.as_str()),
        _ => None,
    });
    assert_eq!(label, Some("热线 12345 领导接听 李示例"));
    assert_eq!(hall.call().leader.map(|leader| (leader.name, leader.result)), Some(("李示例".into(), "sits".into())));
    hall.seat_answers();
    hall.journalled();
    let keys: Vec<String> = "*91".chars().flat_map(|digit| hall.tell(Input::Digit { leg: SEAT, digit })).collect();
    assert_eq!(keys, ["Dial d3 13800000951", "Mix 1 + [d1]"]);
    let answers = hall.send(Input::Answered { leg: THIRD });
    assert_eq!(
        brief(&answers),
        ["Mark briefed 951", "Mix 1 + [d1]", "Play d3 Briefing { code: 12345, topic: Some(topic-taxi) }"],
        "the citizen and the seat talk on, and hear nothing of it"
    );
    let joins = hall.tell(Input::Played { leg: THIRD, token: token(&answers) });
    assert_eq!(joins, ["StopPlay d3", "Mark joined 951", "Mix 1 + [d1 d3]", "1001 ThreeWay"]);
    // A unit as fourth party (R25).
    hall.leader_verb("1001", Verb::Direct("601".into()));
    let fourth = hall.tell(Input::Answered { leg: LegId(1 << 63 | 5) });
    assert!(fourth.contains(&"Mix 1 + [d1 d3 d5]".to_owned()), "{fourth:?}");
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    assert_eq!(record.ended.leaders.len(), 1);
    assert_eq!(record.opened.seat, no("1001"));
}

#[test]
fn a_leader_presses_1_before_he_is_briefed_and_skips_the_briefing_by_a_key() {
    let directory = with_leader(Mode::LeaderFirst, AnswerPolicy::Press1);
    let mut hall = Hall::open_with(Settings { directory, ..settings() });
    hall.invite(1, "12345");
    let key = |digit| Input::Digit { leg: LEADER, digit };
    assert_eq!(hall.tell(Input::Answered { leg: LEADER }), ["Play d2 Press1 …"], "nobody has answered the citizen");
    let pressed = hall.tell(key('1'));
    assert_eq!((pressed[0].as_str(), pressed[2].as_str()), ("StopPlay d2", "OpenRecording"), "{pressed:?}");
    hall.journalled();
    assert_eq!(hall.tell(key('1')), [""; 0]);
    assert!(hall.tell(key('#')).contains(&"Mix 1 + [d2]".to_owned()));
    assert_eq!(hall.tell(key('#')), [""; 0]);

    // Nobody tells that the briefing was played: he is joined all the same.
    let (mut hall, _) = briefed();
    hall.tell(Input::Failed { leg: ASSISTANT, why: Failure::Busy });
    assert!(hall.wait(seconds(30)).contains(&"Mark joined 951".to_owned()));
}

/// R25: what becomes of the leader costs the citizen nothing.
#[test]
fn a_leader_who_is_not_reached_leaves_an_ordinary_call() {
    type Event = fn(&mut Hall) -> Vec<Output>;
    let table: [(&str, Event); 6] = [
        ("busy", |hall| hall.send(Input::Failed { leg: LEADER, why: Failure::Busy })),
        ("declined", |hall| hall.send(Input::Failed { leg: LEADER, why: Failure::Declined })),
        ("unreachable", |hall| hall.send(Input::Failed { leg: LEADER, why: Failure::NoWay })),
        ("declined", |hall| hall.send(Input::HungUp { leg: LEADER })),
        ("unreachable", |hall| hall.send(Input::Lost { leg: LEADER, why: Loss::Media })),
        ("no_answer", |hall| hall.pass(seconds(20))),
    ];
    for (result, event) in table {
        let mut hall = leader_first();
        let out = brief(&event(&mut hall));
        assert!(out.iter().any(|line| is_dial(line, "1001")), "{result}: {out:?}");
        assert!(!out.iter().any(|line| line == "HangUp 1" || line == "OpenTicket 12345"), "{result}: {out:?}");
        hall.seat_answers();
        hall.journalled();
        hall.pass(SECOND);
        let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
        assert_eq!(record.ended.leaders.first().map(|leader| leader.result.as_str()), Some(result));
        assert_eq!(record.threeway_result, None, "{result}: no seat asked for him");
        assert!(record.ended.participants.iter().all(|who| who.party.role != Role::Leader), "{result}: never there");
        assert_eq!(hall.board.legs(), 0, "{result}");
    }
    // He rings for his time, and not a moment less.
    assert_eq!(leader_first().wait(std::time::Duration::from_millis(19_999)), [""; 0]);
}

/// R23: a leader whom a seat asks for is a third party like any other.
#[test]
fn what_came_of_a_leader_is_told_to_the_seat_and_by_it() {
    let mut hall = seat_first();
    hall.leader_verb("1001", Verb::Leader);
    let told = hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    assert!(told.contains(&"Play d1 NotReached(Busy)".to_owned()), "{told:?}");
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    assert_eq!(record.threeway_result, Some(ThreewayResult::Unreachable));

    let mut hall = assisted();
    let keys = |digit| Input::Digit { leg: ASSISTANT, digit };
    let told: Vec<String> = "*71".chars().flat_map(|digit| hall.tell(keys(digit))).collect();
    assert_eq!(told, ["Play d4 Done"]);
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    assert_eq!(record.threeway_result, Some(ThreewayResult::ResolvedOnSpot));
}

#[test]
fn a_leader_takes_one_call_at_a_time_and_the_next_is_a_seats() {
    for busy in [leader_first, led, assisted] {
        let mut hall = busy();
        let second = brief(&hall.invite(2, "12345"));
        let rung = second.iter().filter(|line| line.starts_with("Dial")).collect::<Vec<_>>();
        assert!(rung.iter().all(|line| line.ends_with(" 1001") || line.ends_with(" 1002")), "{rung:?}");
    }
    let mut hall = assisted();
    hall.invite(2, "12345");
    let second = hall.board.calls().into_iter().find(|call| call.citizen == LegId(2)).unwrap();
    hall.send(Input::Answered { leg: second.seat_leg.unwrap() });
    hall.send(Input::TicketOpened { call: second.call, number: Some("JDZ-20261124-000002".into()) });
    let ask = |verb| SeatAsk::Talk(verb);
    for verb in [Verb::Leader, Verb::Consult("951".into()), Verb::Direct("951".into())] {
        assert_eq!(hall.board.may(hall.now, &no("1002"), &ask(verb)), Err(AskRefused::LeaderBusy));
    }
    hall.send(Input::HungUp { leg: LEADER });
    assert_eq!(hall.board.may(hall.now, &no("1002"), &ask(Verb::Leader)), Ok(()));
}

/// Nobody is free: the leader answers all the same, and a seat joins as soon as there is one.
#[test]
fn a_seat_joins_the_leader_as_soon_as_one_is_free() {
    let mut hall = hall(Mode::LeaderFirst);
    for seat in ["1001", "1002", "1003"] {
        hall.send(Input::Ask { seat: no(seat), ask: SeatAsk::Busy });
    }
    hall.invite(1, "12345");
    let answer = hall.send(Input::Answered { leg: LEADER });
    hall.journalled();
    hall.send(Input::Played { leg: LEADER, token: token_of(&answer, LEADER) });
    assert!(!brief(&answer).iter().any(|line| line.starts_with("Dial")));
    hall.pass(seconds(30));
    let free = hall.tell(Input::Ask { seat: no("1002"), ask: SeatAsk::Free });
    assert_eq!(free[..3], ["1002 Idle", "Dial d4 1002", "1002 Reserved"], "{free:?}");
    // It does not answer: the next that is free is rung.
    hall.tell(Input::Ask { seat: no("1001"), ask: SeatAsk::Free });
    let next = hall.wait(settings().ring_time);
    assert!(
        next.contains(&"1002 Busy (no_answer)".to_owned()) && next.contains(&"Dial d7 1001".to_owned()),
        "{next:?}"
    );
    hall.send(Input::Answered { leg: LegId(1 << 63 | 7) });
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    assert_eq!(record.opened.seat, no("1001"), "the ticket is of who joined");
}

/// Who goes, in which state: whom the citizen hears then, and what else must have come of it.
#[test]
fn every_end_of_a_leg_beside_a_leader() {
    let hung_up = |leg| Input::HungUp { leg };
    let lost = |leg| Input::Lost { leg, why: Loss::Media };
    let briefed_only = || briefed().0;
    type State = fn() -> Hall;
    let table: [(&str, State, Input, &str, &str); 14] = [
        ("briefed", briefed_only, hung_up(CITIZEN), "ended by Caller", ""),
        ("briefed", briefed_only, hung_up(LEADER), "Mix 1 + []", "Mark left 951 hung_up"),
        ("briefed", briefed_only, lost(LEADER), "Mix 1 + []", "Mark left 951 media_lost"),
        ("led", led, hung_up(CITIZEN), "ended by Caller", ""),
        ("led", led, hung_up(LEADER), "Play 1 Music …", ""),
        ("led", led, lost(LEADER), "Play 1 Music …", ""),
        ("led", led, Input::Failed { leg: ASSISTANT, why: Failure::Busy }, "1002 Reserved", "1001 Busy (busy)"),
        ("assisted", assisted, hung_up(CITIZEN), "ended by Caller", ""),
        ("assisted", assisted, lost(CITIZEN), "ended by Trunk", ""),
        ("assisted", assisted, hung_up(LEADER), "Mix 1 + [d4]", "1001 Talking"),
        ("assisted", assisted, lost(LEADER), "Mix 1 + [d4]", "1001 Talking"),
        ("assisted", assisted, hung_up(ASSISTANT), "Mix 1 + [d2]", "1001 WrapUp"),
        ("assisted", assisted, lost(ASSISTANT), "Mix 1 + [d2]", "1002 Reserved"),
        ("assisted", assisted, Input::EndAll, "ended by System", ""),
    ];
    for (name, state, event, expected, also) in table {
        let mut hall = state();
        let case = format!("{event:?} while {name}");
        let out = hall.send(event);
        let told = brief(&out);
        match expected.strip_prefix("ended by ") {
            Some(by) => {
                assert_eq!(format!("{:?}", closed(&out).ended.released_by), by, "{case}: {told:?}");
                assert_eq!(hall.board.legs(), 0, "{case}: {told:?}");
            }
            None => {
                assert!(told.contains(&expected.to_owned()), "{case}: {told:?}");
                assert!(!told.contains(&"HangUp 1".to_owned()), "{case}: {told:?}");
            }
        }
        assert!(also.is_empty() || told.contains(&also.to_owned()), "{case}: {told:?}");
    }
}

/// The leader is gone before a seat has come: the citizen waits for one, and its ticket is written.
#[test]
fn a_citizen_whom_the_leader_left_alone_gets_a_seat() {
    // One is being rung.
    let mut hall = led();
    hall.send(Input::HungUp { leg: LEADER });
    let joined = hall.tell(Input::Answered { leg: ASSISTANT });
    assert!(joined.contains(&"Mix 1 + [d4]".to_owned()) && joined.contains(&"StopPlay 1".to_owned()), "{joined:?}");
    // And whom it brings in later does not make it silent again.
    hall.leader_verb("1001", Verb::Direct("601".into()));
    let unit = hall.tell(Input::Answered { leg: LegId(1 << 63 | 6) });
    assert!(unit.contains(&"Mix 1 + [d4 d6]".to_owned()), "{unit:?}");

    // It fails after the leader has gone.
    let mut hall = led();
    hall.send(Input::HungUp { leg: LEADER });
    let failed = hall.tell(Input::Failed { leg: ASSISTANT, why: Failure::Busy });
    assert!(failed.iter().any(|line| is_dial(line, "1002")), "first in the queue: {failed:?}");

    // None was free.
    for gone in [Input::HungUp { leg: LEADER }, Input::Lost { leg: LEADER, why: Loss::Session }] {
        let mut hall = led();
        for seat in ["1001", "1002", "1003"] {
            hall.send(Input::Ask { seat: no(seat), ask: SeatAsk::SignOut });
        }
        hall.send(Input::Failed { leg: ASSISTANT, why: Failure::Busy });
        let out = hall.tell(gone.clone());
        assert!(out.contains(&"Play 1 Returning".to_owned()), "{gone:?}: {out:?}");
        assert_eq!(hall.board.queued(), 1, "{gone:?}");
        let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
        assert_eq!(record.ended.leaders.len(), 1);
    }
}

#[test]
fn a_citizen_who_leaves_while_the_leader_rings_is_missed_and_one_who_was_answered_has_a_ticket() {
    let mut hall = leader_first();
    hall.pass(seconds(4));
    let out = hall.send(Input::HungUp { leg: CITIZEN });
    assert_eq!(brief(&out), ["HangUp d2", "Missed ringing caller_gone"]);
    assert_eq!((hall.board.legs(), hall.board.live()), (0, 0));
    // Asked to press 1, he has not answered either.
    let directory = with_leader(Mode::LeaderFirst, AnswerPolicy::Press1);
    let mut hall = Hall::open_with(Settings { directory, ..settings() });
    hall.invite(1, "12345");
    hall.send(Input::Answered { leg: LEADER });
    assert_eq!(brief(&hall.send(Input::HungUp { leg: CITIZEN })), ["HangUp d2", "Missed ringing caller_gone"]);
    assert!(hall.tell(Input::Ask { seat: no("1001"), ask: SeatAsk::Busy }).len() == 1);

    let (mut hall, _) = briefed();
    hall.pass(SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    assert_eq!((record.invalid, record.ended.hold_ms), (None, 1_000));
    // In seat_first the leader rings or is briefed beside the talk.
    for answers in [false, true] {
        let mut hall = seat_first();
        hall.leader_verb("1001", Verb::Leader);
        if answers {
            hall.tell(Input::Answered { leg: THIRD });
        }
        let out = hall.send(Input::HungUp { leg: CITIZEN });
        assert!(brief(&out).contains(&"HangUp d3".to_owned()));
        let leaders = closed(&out).ended.leaders;
        assert_eq!(leaders.len(), 1, "{leaders:?}");
        assert_eq!(hall.board.legs(), 0);
    }
}

#[test]
fn a_seat_speaks_and_is_silent_only_where_that_means_something() {
    let mut hall = seat_first();
    let may = |hall: &Hall, verb: Verb| hall.board.may(hall.now, &no("1001"), &SeatAsk::Talk(verb));
    assert_eq!(may(&hall, Verb::Silent), Err(AskRefused::NoThird), "the citizen would hear nobody");
    assert_eq!(may(&hall, Verb::Leader), Ok(()));
    hall.leader_verb("1001", Verb::Leader);
    assert_eq!(may(&hall, Verb::Leader), Err(AskRefused::Consulting));
    hall.leader_verb("1001", Verb::Drop);
    assert_eq!(may(&hall, Verb::Leader), Ok(()), "he can be asked again");

    // A silent seat consults a unit, and comes back silent.
    let mut hall = assisted();
    let consult = hall.leader_verb("1001", Verb::Consult("601".into()));
    assert!(consult.contains(&"Mix 1 hears d2, d2 hears 1, d4 hears nobody".to_owned()), "{consult:?}");
    let back = hall.leader_verb("1001", Verb::Drop);
    assert!(back.contains(&"Mix 1 hears d2, d2 hears 1, d4 hears 1 d2".to_owned()), "{back:?}");
}

#[test]
fn a_silent_seat_consults_on_its_second_line_hears_on_and_joins_silently() {
    let (line, unit) = (LegId(7), LegId(1 << 63 | 6));
    let mut hall = assisted();
    hall.tell(Input::Held { leg: ASSISTANT });
    let number = Private::new("601".to_owned());
    let dials = hall.tell(Input::Dialled { leg: line, seat: no("1001"), number, sip_call_id: "second@phone".into() });
    let expected = "Mix 1 hears d2, d2 hears 1, d4 hears 1 d2, 7 hears nobody";
    assert!(dials.contains(&expected.to_owned()), "{dials:?}");
    let answers = hall.tell(Input::Answered { leg: unit });
    let expected = "Mix 1 hears d2, d2 hears 1, d4 hears 1 d2, 7 hears d6, d6 hears 7";
    assert!(answers.contains(&expected.to_owned()), "{answers:?}");
    let joins = hall.leader_verb("1001", Verb::Join);
    let expected = "Mix 1 hears d2 d6, d2 hears 1 d6, d6 hears 1 d2, 7 hears 1 d2 d6";
    assert!(joins.contains(&expected.to_owned()), "{joins:?}");
    assert!(hall.leader_verb("1001", Verb::Speak).contains(&"Mix 1 + [7 d2 d6]".to_owned()));
}
