//! A number that leads to a service of its own from a day on: the call is passed on to it at once, and the
//! citizen never pays for what becomes of the service. R6, R14.

use std::time::Duration;

use hotline::call::directory::{AfterSeat, AnswerPolicy, Directory, Entry, Hours, Kind, Line, LineTo, Opening};
use hotline::call::*;
use hotline::privacy::Private;
use hotline::rules::numbers::{AreaCode, Mode, NumberPlan, NumberRow};
use hotline::time::Wall;
use jiff::civil::{Date, Weekday, date};

use crate::call::*;
use crate::call_guest::{CITIZEN, T_THIRD};

/// The service's first and second number; the first seat that is rung after them.
const SERVICE: LegId = LegId(1 << 63 | 2);
const SECOND_NUMBER: LegId = LegId(1 << 63 | 3);
const SEAT: LegId = LegId(1 << 63 | 5);

/// 12356: 12320's until 2025-04-30, since then that of the service 652.
pub fn plan() -> NumberPlan {
    let row = |code: &str, mode, primary: Option<&str>, skill: Option<&str>| NumberRow {
        code: code.into(),
        mode,
        primary: primary.map(str::to_owned),
        label: format!("热线 {code}"),
        skill: skill.map(str::to_owned),
        greeting: None,
        target: None,
        valid_from: None,
        valid_to: None,
        allow_revive: false,
    };
    let until = date(2025, 4, 30);
    let rows = vec![
        row("12345", Mode::Own, None, Some("general")),
        row("12320", Mode::Dual, None, Some("general")),
        NumberRow { valid_to: Some(until), ..row("12356", Mode::Dual, Some("12320"), None) },
        NumberRow {
            valid_from: until.tomorrow().ok(),
            target: Some("652".into()),
            ..row("12356", Mode::Transfer, None, Some("general"))
        },
    ];
    NumberPlan::new(rows, AreaCode::parse("0798").unwrap()).unwrap()
}

pub fn number(text: &str) -> LineTo {
    LineTo::Number { number: Private::new(text.into()), trunks: Vec::new(), shown: None }
}

pub fn service(lines: Vec<LineTo>) -> Entry {
    Entry {
        code: "652".into(),
        name: "心理援助热线".into(),
        pinyin: None,
        kind: Kind::Branch,
        lines: lines.into_iter().map(|to| Line { to, duty: false }).collect(),
        hours: None,
        answer: AnswerPolicy::Announced,
        after_seat_leaves: AfterSeat::KeepTalking,
        competence: Vec::new(),
    }
}

fn hall_with(entry: Entry) -> Hall {
    let settings = Settings { directory: Directory::new([entry], Vec::new()), ..settings() };
    let mut hall = Hall::open_with(settings.clone());
    hall.board.reload(hall.now, settings, plan());
    hall
}

fn hall() -> Hall {
    hall_with(service(vec![number("13800000652"), number("13800000653")]))
}

/// The service's first number rings.
fn rings() -> Hall {
    let mut hall = hall();
    hall.invite(1, "12356");
    hall.pass(SECOND);
    hall
}

/// The service talks with the citizen.
fn answered() -> Hall {
    let mut hall = rings();
    hall.send(Input::Answered { leg: SERVICE });
    hall.journalled();
    hall.pass(SECOND);
    hall
}

/// Local midnight.
fn midnight(day: Date) -> Wall {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    Wall(zone.to_timestamp(day.at(0, 0, 0, 0)).unwrap().as_millisecond())
}

#[test]
fn the_number_leads_to_the_service_from_its_day_on() {
    let day = midnight(date(2025, 5, 1));
    for (at, dialled) in [(day.0 - 1, "Dial d1 1001"), (day.0, "Dial d2 13800000652")] {
        let mut hall = hall();
        hall.now.wall = Wall(at);
        let out = brief(&hall.invite(1, "12356"));
        assert!(out.contains(&dialled.to_owned()), "{at}: {out:?}");
    }
    let other = brief(&hall().invite(1, "12345"));
    assert!(other.contains(&"Dial d1 1001".to_owned()), "no other number does: {other:?}");
}

#[test]
fn the_citizen_hears_the_notice_and_the_ringing_tone_and_the_service_answers() {
    let mut hall = hall();
    let arrives = hall.invite(1, "12356");
    assert_eq!(brief(&arrives), ["Progress 1 with media", "Play 1 Notice", "Dial d2 13800000652"]);
    assert_eq!((hall.call().stage, hall.state("1001")), ("ringing_service", SeatState::Idle));
    assert_eq!(hall.tell(Input::Played { leg: CITIZEN, token: token(&arrives) }), ["Play 1 Ringback …"]);
    assert_eq!(hall.wait(seconds(5)), [""; 0], "no announcements of a queue in which it does not stand");
    let answer = hall.send(Input::Answered { leg: SERVICE });
    let expected = ["StopPlay 1", "OpenRecording", "OpenTicket 12356", "Mark joined 652", "Mix 1 + [d2]"];
    assert_eq!(brief(&answer), expected, "as at a seat, the ticket before the 200");
    assert_eq!(brief(&hall.journalled()), ["Answer 1"]);
    assert_eq!(hall.call().stage, "handed_over");
    hall.pass(seconds(60));
    let end = hall.send(Input::HungUp { leg: CITIZEN });
    assert_eq!(brief(&end), ["HangUp d2", "SealRecording", "CloseCall normal"]);
    let record = closed(&end);
    let roles: Vec<Role> = record.ended.participants.iter().map(|who| who.party.role).collect();
    assert_eq!(roles, [Role::Citizen, Role::Branch]);
    let opened = &record.opened;
    assert_eq!((opened.original_code.as_str(), opened.mode, opened.wait_ms), ("12356", Mode::Transfer, 5_000));
    assert_eq!(
        (record.ended.talk_ms, opened.within_15s, record.ended.notice_played),
        (60_000, true, NoticePlayed::Full)
    );
    assert_eq!((hall.board.legs(), hall.board.next_timeout()), (0, None));
}

#[test]
fn each_number_is_tried_in_its_order_and_then_the_seats_answer() {
    for why in [Failure::Busy, Failure::Declined, Failure::Unreachable, Failure::Refused, Failure::NoWay] {
        let mut hall = rings();
        assert_eq!(hall.tell(Input::Failed { leg: SERVICE, why }), ["Dial d3 13800000653"], "{why:?}");
        let last = hall.tell(Input::Failed { leg: SECOND_NUMBER, why });
        assert_eq!(last, ["Play 1 Greeting(12356)", "Dial d5 1001", "1001 Reserved"], "{why:?}: nobody is hung up");
        hall.send(Input::Answered { leg: SEAT });
        hall.journalled();
        let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
        assert_eq!((record.opened.original_code.as_str(), record.opened.seat), ("12356", no("1001")));
    }
    let mut hall = rings();
    assert_eq!(hall.wait(T_THIRD - SECOND), ["HangUp d2", "Dial d3 13800000653"]);
    let rung_out = hall.wait(T_THIRD);
    let at_last = ["HangUp d3", "Play 1 Greeting(12356)", "Dial d5 1001", "1001 Reserved"];
    assert_eq!(rung_out[rung_out.len() - at_last.len()..], at_last, "{rung_out:?}");
    assert_eq!(hall.call().stage, "ringing");
}

#[test]
fn a_citizen_whom_no_service_has_answered_waits_as_any_other() {
    let mut hall = rings();
    hall.send(Input::Failed { leg: SERVICE, why: Failure::Busy });
    hall.pass(seconds(20));
    for seat in ["1001", "1002", "1003"] {
        hall.send(Input::Reachable { seat: no(seat), reachable: false });
    }
    let greeting = hall.send(Input::Failed { leg: SECOND_NUMBER, why: Failure::Busy });
    assert_eq!(hall.board.queued(), 1);
    let greeted = greeting.iter().find_map(|output| match output {
        Output::Play { token, .. } => Some(*token),
        _ => None,
    });
    let notice = hall.send(Input::Played { leg: CITIZEN, token: greeted.expect("a greeting") });
    assert_eq!(hall.tell(Input::Played { leg: CITIZEN, token: token(&notice) }), ["Play 1 Music …"]);
    let later = hall.wait(seconds(24));
    assert!(later.contains(&"Answer 1".to_owned()), "45 s after its call as any other: {later:?}");
    assert!(later.contains(&"Play 1 Position(1)".to_owned()), "{later:?}");
}

#[test]
fn a_service_that_cannot_be_rung_at_all_leaves_the_call_to_the_seats() {
    let closed_now = Entry {
        hours: Some(Hours(vec![Opening { day: Weekday::Tuesday, from: 600, to: 660 }])),
        ..service(vec![number("13800000652")])
    };
    let absent = service(vec![LineTo::Seat(no("1009"))]);
    for (what, entry) in [("closed", closed_now), ("no such seat", absent)] {
        let out = brief(&hall_with(entry).invite(1, "12356"));
        let as_any = ["Progress 1 with media", "Play 1 Greeting(12356)", "Dial d1 1001", "1001 Reserved"];
        assert_eq!(out, as_any, "{what}");
    }
}

#[test]
fn a_citizen_who_hangs_up_while_the_service_rings_is_missed() {
    let mut hall = rings();
    let gone = hall.send(Input::HungUp { leg: CITIZEN });
    assert_eq!(brief(&gone), ["HangUp d2", "Missed ringing caller_gone"]);
    let record = missed(&gone);
    assert_eq!((record.original_code.as_deref(), record.mode), (Some("12356"), Some(Mode::Transfer)));
    assert_eq!(record.t_ring, Some(record.t_arrive));
    assert_eq!((hall.board.legs(), hall.board.next_timeout()), (0, None));
}

#[test]
fn a_service_that_hangs_up_has_ended_the_call_and_one_that_is_lost_has_not() {
    let mut hall = answered();
    let end = hall.send(Input::HungUp { leg: SERVICE });
    assert_eq!(brief(&end), ["Mark left 652 hung_up", "HangUp 1", "SealRecording", "CloseCall normal"]);
    assert_eq!(closed(&end).ended.released_by, By::Third);

    for why in [Loss::Media, Loss::Session, Loss::NoAck, Loss::Transport] {
        let mut hall = answered();
        let lost = hall.tell(Input::Lost { leg: SERVICE, why });
        assert_eq!(lost[..1], ["HangUp d2"], "{why:?}");
        assert_eq!(lost[2..], ["Mix 1 + []", "Play 1 Returning", "Dial d3 1001", "1001 Reserved"], "{why:?}");
        let answer = hall.tell(Input::Answered { leg: SECOND_NUMBER });
        assert!(!answer.iter().any(|line| line.starts_with("Open")), "one ticket, one recording: {answer:?}");
        hall.pass(SECOND);
        let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
        let roles: Vec<Role> = record.ended.participants.iter().map(|who| who.party.role).collect();
        assert_eq!(roles, [Role::Citizen, Role::Branch, Role::Seat], "{why:?}");
        assert_eq!(record.opened.seat, no("1001"), "who can write it is on the ticket");
    }
}

#[test]
fn a_service_that_hangs_up_before_the_citizen_is_connected_has_ended_nothing() {
    let mut hall = rings();
    hall.send(Input::Answered { leg: SERVICE });
    let gone = hall.tell(Input::HungUp { leg: SERVICE });
    assert!(gone.contains(&"Dial d3 1001".to_owned()) && !gone.contains(&"HangUp 1".to_owned()), "{gone:?}");
}

#[test]
fn a_voicemail_of_the_service_takes_no_call() {
    let mut hall = hall_with(Entry { answer: AnswerPolicy::Press1, ..service(vec![number("13800000652")]) });
    hall.invite(1, "12356");
    assert_eq!(hall.tell(Input::Answered { leg: SERVICE }), ["Play d2 Press1 …"]);
    assert_eq!(hall.call().stage, "ringing_service");
    let silent = hall.wait(Duration::from_secs(15));
    assert_eq!(silent, ["HangUp d2", "Play 1 Greeting(12356)", "Dial d4 1001", "1001 Reserved"]);

    let mut hall = hall_with(Entry { answer: AnswerPolicy::Press1, ..service(vec![number("13800000652")]) });
    hall.invite(1, "12356");
    hall.send(Input::Answered { leg: SERVICE });
    let pressed = hall.tell(Input::Digit { leg: SERVICE, digit: '1' });
    assert!(pressed.contains(&"OpenTicket 12356".to_owned()), "{pressed:?}");
}

/// An expert seat (R14): it can bring in others like any seat of a call.
#[test]
fn a_seat_that_is_the_service_has_the_call() {
    let mut hall = hall_with(service(vec![LineTo::Seat(no("1002")), number("13800000652")]));
    assert!(brief(&hall.invite(1, "12356")).contains(&"Dial d2 1002".to_owned()));
    let answer = hall.send(Input::Answered { leg: SERVICE });
    let ticket = answer.iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some(ticket.seat.clone()),
        _ => None,
    });
    assert_eq!((ticket, hall.state("1002")), (Some(no("1002")), SeatState::Talking));
    hall.journalled();
    assert_eq!((hall.call().stage, hall.call().seat), ("talking", Some(no("1002"))));
    let verb = SeatAsk::Talk(Verb::Consult("13800000999".into()));
    assert_eq!(hall.board.may(hall.now, &no("1002"), &verb), Ok(()));
    let end = hall.tell(Input::HungUp { leg: SERVICE });
    assert_eq!(end, ["HangUp 1", "SealRecording", "1002 WrapUp", "CloseCall normal"]);
}

#[test]
fn a_server_that_ends_leaves_one_record_of_each_call() {
    let mut hall = rings();
    let out = hall.tell(Input::EndAll);
    assert_eq!(out, ["HangUp d2", "HangUp 1", "Missed ringing shutdown"]);
    let mut hall = answered();
    assert_eq!(hall.tell(Input::EndAll).last().map(String::as_str), Some("CloseCall shutdown"));
}
