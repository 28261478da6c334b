//! A seat calls a duty phone on behalf of an emergency ticket: the seat first, recorded, no ticket of its own (R28).

use hotline::call::directory::{Directory, Kind};
use hotline::call::*;

use crate::call::*;
use crate::exchange::lines::{entry, number};

const SEAT: LegId = LegId(1 << 63 | 1);
const PHONE: LegId = LegId(1 << 63 | 2);
const NEXT: LegId = LegId(1 << 63 | 3);
const TICKET: &str = "JDZ-20261124-000007";

fn wish() -> DutyWish {
    DutyWish { seat: no("1001"), ticket: TICKET.into(), code: "12345".into(), to: "681".into() }
}

/// 681 has two numbers.
fn hall() -> Hall {
    let lines = vec![number("07980000681", &[], None), number("13800000681", &[], None)];
    let directory = Directory::new([entry("681", Kind::DutyPhone, lines)], Vec::new());
    Hall::open_with(Settings { directory, ..settings() })
}

/// The seat has answered, and the duty phone's first number rings.
fn ringing() -> Hall {
    let mut hall = hall();
    hall.send(Input::Duty(wish()));
    hall.send(Input::Ringing { leg: SEAT });
    hall.send(Input::Answered { leg: SEAT });
    hall
}

fn talking() -> Hall {
    let mut hall = ringing();
    hall.send(Input::Answered { leg: PHONE });
    hall
}

/// The record of the call, from the last of these outputs that has it.
fn record(outputs: &[Output]) -> DutyCall {
    let records = outputs.iter().rev().filter_map(|output| match output {
        Output::DutyCall(record) => Some((**record).clone()),
        _ => None,
    });
    records.into_iter().next().expect("a record")
}

#[test]
fn the_seat_is_rung_first_and_the_talk_is_recorded_for_the_ticket() {
    let mut hall = hall();
    let out = hall.send(Input::Duty(wish()));
    assert_eq!(brief(&out), ["Dial d1 1001", "1001 Reserved"]);
    let shown = out.iter().find_map(|output| match output {
        Output::Dial { label, .. } => Some(label.clone()),
        _ => None,
    });
    assert_eq!(shown.as_deref(), Some("突发 JDZ-20261124-000007 单位 681"), "the seat's display says what for");
    assert_eq!(hall.tell(Input::Ringing { leg: SEAT }), ["1001 Ringing"]);
    assert_eq!(hall.tell(Input::Answered { leg: SEAT }), ["Play d1 Music …", "Dial d2 07980000681"]);
    hall.pass(seconds(9));
    let out = hall.send(Input::Answered { leg: PHONE });
    assert_eq!(
        brief(&out),
        [
            "StopPlay d1",
            "OpenRecording",
            "DutyCall JDZ-20261124-000007 answered",
            "Mix d2 + [d1]",
            "Mark joined 681",
            "Mark seat_joined 1001",
            "1001 Talking"
        ]
    );
    let answered = hall.now.wall;
    assert!(hall.board.calls().is_empty(), "no citizen is on the line");
    hall.pass(seconds(60));
    let out = hall.send(Input::HungUp { leg: SEAT });
    assert_eq!(brief(&out), ["HangUp d2", "SealRecording", "1001 WrapUp", "DutyCall JDZ-20261124-000007 answered"]);
    let record = record(&out);
    assert_eq!((record.ticket.as_str(), record.to.as_str(), record.seat), (TICKET, "681", no("1001")));
    assert_eq!((record.answered, record.ended), (Some(answered), Some(hall.now.wall)));
    assert_eq!(hall.board.legs(), 0);
}

#[test]
fn its_next_number_is_called_and_the_seat_is_free_again_where_none_answers() {
    let mut hall = ringing();
    assert_eq!(hall.tell(Input::Failed { leg: PHONE, why: Failure::Busy }), ["Dial d3 13800000681"]);
    let out = hall.pass(seconds(30));
    assert_eq!(brief(&out), ["HangUp d3", "HangUp d1", "1001 Idle", "DutyCall JDZ-20261124-000007 not answered"]);
    assert_eq!(record(&out).failures, [Failure::Busy, Failure::NoAnswer]);
    assert_eq!(hall.board.legs(), 0);

    let mut hall = ringing();
    hall.send(Input::HungUp { leg: PHONE });
    hall.send(Input::Answered { leg: NEXT });
    assert_eq!(hall.state("1001"), SeatState::Talking);
}

#[test]
fn whoever_fails_the_other_is_released_and_the_recording_sealed() {
    type End = fn() -> Input;
    let ends: [(End, &[&str]); 5] = [
        (|| Input::HungUp { leg: PHONE }, &["HangUp d1"]),
        (|| Input::Lost { leg: PHONE, why: Loss::Media }, &["HangUp d1", "HangUp d2"]),
        (|| Input::Lost { leg: SEAT, why: Loss::Media }, &["HangUp d1", "HangUp d2"]),
        (|| Input::Failed { leg: SEAT, why: Failure::Unreachable }, &["HangUp d2"]),
        (|| Input::EndAll, &["HangUp d1", "HangUp d2"]),
    ];
    for (end, released) in ends {
        let mut hall = talking();
        let out = hall.tell(end());
        let gone: Vec<&String> = out.iter().filter(|line| line.starts_with("HangUp")).collect();
        assert_eq!(gone, released, "{:?}", end());
        assert!(out.contains(&"SealRecording".to_owned()) && out.contains(&"1001 WrapUp".to_owned()), "{out:?}");
        assert_eq!(hall.board.legs(), 0);
        assert!(hall.board.next_timeout().is_none_or(|at| at > hall.now.mono));
    }
}

#[test]
fn a_seat_that_does_not_answer_is_what_it_was() {
    let before = |hall: &mut Hall| hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::Break("lunch".into()) });
    for rings_out in [true, false] {
        let mut hall = hall();
        before(&mut hall);
        hall.send(Input::Duty(wish()));
        let out =
            if rings_out { hall.pass(seconds(12)) } else { hall.send(Input::Failed { leg: SEAT, why: Failure::Busy }) };
        assert_eq!(record(&out).answered, None);
        assert_eq!(hall.state("1001"), SeatState::Break);
        assert_eq!(hall.board.legs(), 0);
    }
}

#[test]
fn a_seat_is_told_why_it_may_not() {
    let hall = talking();
    let may = |wish: &DutyWish| hall.board.may_call_duty(hall.now, wish);
    assert_eq!(may(&wish()), Err(AskRefused::InCall));
    for (seat, to, why) in [
        ("9999", "681", AskRefused::UnknownSeat),
        ("1002", "999", AskRefused::UnknownParty),
        ("1002", "13800000009", AskRefused::UnknownParty),
    ] {
        let wish = DutyWish { seat: no(seat), to: to.into(), ..wish() };
        assert_eq!(may(&wish), Err(why), "{seat} {to}");
    }
    assert_eq!(may(&DutyWish { seat: no("1002"), ..wish() }), Ok(()));
    let mut hall = self::hall();
    hall.send(Input::Drain);
    assert_eq!(hall.board.may_call_duty(hall.now, &wish()), Err(AskRefused::NotFree));
    assert_eq!(hall.tell(Input::Duty(wish())), [""; 0]);
}
