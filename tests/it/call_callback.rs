//! Calling back whoever got no seat. R18.

use hotline::call::*;
use hotline::privacy::Private;
use hotline::store::Store;
use hotline::store::entry::Entry;
use hotline::store::memory::Memory;
use hotline::time::Wall;

use crate::call::*;
use crate::store::tell;

const TASK: CallId = CallId(77);

fn task(seat: &str, task: CallId, number: &str) -> CallBack {
    CallBack { seat: no(seat), task, number: Private::new(number.into()), code: "12315".into() }
}

fn wish(seat: &str) -> Input {
    wish_for(seat, "13800000077")
}

fn wish_for(seat: &str, number: &str) -> Input {
    Input::CallBack(vec![task(seat, TASK, number)])
}

/// The leg that these outputs dial.
fn dialled(outputs: &[Output]) -> LegId {
    let dials = outputs.iter().find_map(|output| match output {
        Output::Dial { leg, .. } => Some(*leg),
        _ => None,
    });
    dials.expect("somebody is rung")
}

/// Seat 1001 has answered and the citizen is being rung: the legs of both.
fn ringing_the_citizen(hall: &mut Hall) -> (LegId, LegId) {
    let seat = dialled(&hall.send(wish("1001")));
    hall.send(Input::Ringing { leg: seat });
    let citizen = dialled(&hall.send(Input::Answered { leg: seat }));
    (seat, citizen)
}

#[test]
fn the_seat_is_rung_first_and_the_citizen_who_answers_has_a_ticket() {
    let mut hall = Hall::open();
    assert_eq!(hall.tell(wish("1001")), ["Dial d1 1001", "1001 Reserved"]);
    assert_eq!(hall.tell(Input::Ringing { leg: LegId(1 << 63 | 1) }), ["1001 Ringing"]);
    let answered = hall.tell(Input::Answered { leg: LegId(1 << 63 | 1) });
    assert_eq!(answered, ["Play d1 Music …", "Dial d2 +8613800000077"]);
    hall.pass(seconds(9));
    let out = hall.send(Input::Answered { leg: LegId(1 << 63 | 2) });
    let expected = [
        "CalledBack true",
        "StopPlay d1",
        "StopPlay d2",
        "OpenRecording",
        "OpenTicket 12315",
        "Mix d2 + [d1]",
        "Mark seat_joined 1001",
        "1001 Talking",
        "Play d2 SeatNumber(1001)",
    ];
    assert_eq!(brief(&out), expected);
    let ticket = out.iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some(ticket),
        _ => None,
    });
    let ticket = ticket.unwrap();
    assert_eq!((ticket.kind.as_str(), ticket.hotline_primary.as_str()), ("missed_out", "12315"));
    assert_eq!(ticket.caller.number, Some(Private::new("13800000077".into())));

    // It ends as every call does.
    hall.journalled();
    hall.pass(seconds(40));
    let out = hall.send(Input::HungUp { leg: LegId(1 << 63 | 2) });
    assert_eq!(closed(&out).ended.end_reason, EndReason::Normal);
    assert_eq!(hall.state("1001"), SeatState::WrapUp);
    assert_eq!(hall.board.legs(), 0);
}

#[test]
fn a_citizen_who_is_not_reached_leaves_no_ticket_and_frees_the_seat() {
    for event in ["busy", "no answer"] {
        let mut hall = Hall::open();
        let (seat, citizen) = ringing_the_citizen(&mut hall);
        let out = match event {
            "busy" => hall.send(Input::Failed { leg: citizen, why: Failure::Busy }),
            _ => hall.pass(seconds(30)),
        };
        let lines = brief(&out);
        assert!(lines.contains(&"CalledBack false".to_owned()), "{event}: {lines:?}");
        assert!(out.contains(&Output::HangUp { leg: seat }), "{event}: {lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("Open")), "{event}: {lines:?}");
        assert_eq!((hall.state("1001"), hall.board.legs()), (SeatState::Idle, 0), "{event}");
    }
}

#[test]
fn a_seat_that_leaves_before_the_citizen_answers_ends_it_without_an_attempt() {
    let mut hall = Hall::open();
    let (seat, citizen) = ringing_the_citizen(&mut hall);
    let out = hall.send(Input::HungUp { leg: seat });
    assert_eq!(brief(&out), [format!("HangUp {}", leg(citizen)), "1001 Idle".to_owned()]);
}

#[test]
fn a_seat_that_calls_back_is_offered_no_other_call() {
    let mut hall = Hall::open_with(one_seat());
    ringing_the_citizen(&mut hall);
    hall.invite(1, "12345");
    assert_eq!(hall.call().stage, "waiting");
    assert_eq!(hall.board.may(hall.now, &no("1001"), &SeatAsk::CallBack), Err(AskRefused::InCall));
}

#[test]
fn a_feature_code_asks_for_the_task_and_the_phone_is_rung_after_it_hung_up() {
    let mut hall = Hall::open();
    let out = hall.send(Input::FeatureCode { leg: LegId(5), seat: no("1001"), ask: SeatAsk::CallBack });
    assert_eq!(brief(&out), ["WantCallback 1001", "Answer 5"], "nobody knows yet whether one is due");
    assert_eq!(hall.tell(wish("1001")), ["Play 5 Done"], "its phone is still in use");
    let out = hall.send(Input::HungUp { leg: LegId(5) });
    assert_eq!(brief(&out), ["Dial d1 1001", "1001 Reserved"]);
}

#[test]
fn a_seat_in_a_call_or_away_is_left_alone() {
    let mut hall = Hall::talking();
    let busy = hall.call().seat.unwrap();
    assert_eq!(hall.tell(wish(&busy.0)), [""; 0]);
    hall.send(Input::Ask { seat: no("1003"), ask: SeatAsk::SignOut });
    assert_eq!(hall.tell(wish("1003")), [""; 0]);
}

#[test]
fn the_second_sigterm_ends_callbacks_too() {
    let mut hall = Hall::open();
    let (seat, citizen) = ringing_the_citizen(&mut hall);
    let out = hall.send(Input::EndAll);
    assert!(out.contains(&Output::HangUp { leg: seat }) && out.contains(&Output::HangUp { leg: citizen }));
    assert_eq!(hall.board.legs(), 0);
}

#[test]
fn no_two_seats_call_the_same_citizen_back() {
    let other = CallId(78);
    let due = |seat: &str| {
        let tasks = [(TASK, "13800000077"), (CallId(79), "13800000077"), (TASK, "13800000079"), (other, "13800000078")];
        Input::CallBack(tasks.map(|(id, number)| task(seat, id, number)).to_vec())
    };
    let mut hall = Hall::open();
    assert!(hall.tell(due("1001")).contains(&"1001 Reserved".to_owned()));
    let seat = dialled(&hall.send(due("1002")));
    let out = hall.send(Input::Answered { leg: seat });
    assert!(brief(&out).iter().any(|line| line.ends_with("13800000078")), "the next task: {:?}", brief(&out));
    assert_eq!(hall.tell(due("1003")), [""; 0], "all of them are taken");

    // While their phones still hold the feature code.
    let mut hall = Hall::open();
    for (leg, seat) in [(5, "1001"), (6, "1002")] {
        hall.send(Input::FeatureCode { leg: LegId(leg), seat: no(seat), ask: SeatAsk::CallBack });
        assert_eq!(hall.tell(due(seat)), [format!("Play {leg} Done")]);
    }
    for (leg, number) in [(5, "13800000077"), (6, "13800000078")] {
        let seat = dialled(&hall.send(Input::HungUp { leg: LegId(leg) }));
        let out = hall.send(Input::Answered { leg: seat });
        assert!(brief(&out).iter().any(|line| line.ends_with(number)), "{:?}", brief(&out));
    }
}

#[test]
fn a_citizen_who_is_in_a_call_is_not_called_back() {
    let mut hall = Hall::talking();
    let free = ["1001", "1002"].into_iter().find(|seat| hall.state(seat) == SeatState::Idle).unwrap();
    assert_eq!(hall.tell(Input::CallBack(vec![task(free, TASK, "13800000001")])), [""; 0]);
    assert!(!hall.tell(wish(free)).is_empty());
}

#[test]
fn our_own_lack_of_a_trunk_is_no_attempt() {
    let mut hall = Hall::open();
    let (seat, citizen) = ringing_the_citizen(&mut hall);
    let out = hall.tell(Input::Failed { leg: citizen, why: Failure::NoWay });
    assert_eq!(out, [format!("HangUp {}", leg(seat)), "1001 Idle".to_owned()]);
}

#[test]
fn a_seat_is_after_a_vain_callback_what_it_was_before() {
    for (ask, after) in [
        (SeatAsk::Free, "1001 Idle"),
        (SeatAsk::Busy, "1001 Busy"),
        (SeatAsk::Break("lunch".into()), "1001 Break (lunch)"),
    ] {
        let mut hall = Hall::open();
        hall.send(Input::Ask { seat: no("1001"), ask });
        let (_, citizen) = ringing_the_citizen(&mut hall);
        let out = hall.tell(Input::Failed { leg: citizen, why: Failure::Busy });
        assert_eq!(out.last().map(String::as_str), Some(after));
    }
}

/// A caller whose number the trunk writes so.
fn calls_as(leg: u64, number: &str) -> Input {
    let caller = Caller { number: Some(Private::new(number.to_owned())), ..Caller::default() };
    Input::Invited(Box::new(Invited { caller, ..invited(leg, "12345") }))
}

#[tokio::test]
async fn one_citizen_in_many_spellings_is_one_task_and_one_answer_closes_it() {
    let mut hall = Hall::new(settings());
    let store = Memory::default();
    let due = async || store.callbacks(Wall(i64::MAX)).await.unwrap();
    for (leg, number) in [(1, "+8613800001111"), (2, "13800001111"), (3, "013800001111"), (4, "8613800001111")] {
        hall.send(calls_as(leg, number));
        hall.pass(9 * SECOND);
        let record = missed(&hall.send(Input::HungUp { leg: LegId(leg) }));
        assert_eq!(record.caller.number.as_ref().unwrap().reveal(), number, "as it came");
        tell(&store, vec![Entry::Missed(Box::new(record))]).await;
    }
    let tasks = due().await;
    assert_eq!(tasks.iter().map(|task| task.state.misses).collect::<Vec<_>>(), [4]);
    assert_eq!(tasks[0].caller.reveal(), "+8613800001111");

    for seat in ["1001", "1002"] {
        hall.send(Input::Reachable { seat: no(seat), reachable: true });
    }
    hall.send(calls_as(5, "008613800001111"));
    assert_eq!(hall.tell(wish_for("1002", "13800001111")), [""; 0], "the citizen is in a call with us");
    let answered = hall.seat_answers().into_iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some(Entry::Answered(ticket)),
        _ => None,
    });
    tell(&store, answered.into_iter().collect()).await;
    assert_eq!(due().await, []);
}

#[test]
fn only_what_can_be_a_citizens_telephone_is_called_back() {
    let mut hall = Hall::open();
    for number in ["110", "12345", "*21*900900#", "-----", "", "079812315"] {
        assert_eq!(hall.tell(wish_for("1001", number)), [""; 0], "{number}");
    }
    let due = ["110", "13800000077"].map(|number| task("1001", TASK, number)).to_vec();
    assert_eq!(hall.tell(Input::CallBack(due)), ["Dial d1 1001", "1001 Reserved"], "the next one");
}

#[test]
fn a_phone_is_told_no_where_nobody_is_due_or_all_are_taken() {
    let mut hall = Hall::open();
    let dial = |hall: &mut Hall, leg: u64, seat: &str| {
        hall.send(Input::FeatureCode { leg: LegId(leg), seat: no(seat), ask: SeatAsk::CallBack });
    };
    dial(&mut hall, 5, "1001");
    assert_eq!(hall.tell(Input::NobodyDue { seat: no("1002") }), [""; 0], "another seat's word");
    assert_eq!(hall.tell(Input::NobodyDue { seat: no("1001") }), ["Play 5 Refused"]);
    hall.send(Input::HungUp { leg: LegId(5) });
    ringing_the_citizen(&mut hall);
    assert!(!hall.board.is_to_be_called(hall.now, &task("1002", TASK, "13800000077")));
    dial(&mut hall, 6, "1002");
    assert_eq!(hall.tell(wish("1002")), ["Play 6 Refused"], "another seat is on it");
    // A look-up that never ends leaves no leg behind.
    hall.send(Input::HungUp { leg: LegId(6) });
    dial(&mut hall, 7, "1003");
    assert_eq!(hall.wait(seconds(10)), ["HangUp 7"]);
    assert_eq!(hall.tell(Input::NobodyDue { seat: no("1003") }), [""; 0]);
}
