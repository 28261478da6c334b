//! Who is served next, and by whom. R8, R10, R11.

use std::time::Duration;

use hotline::call::settings::{Night, Overflow};
use hotline::call::*;
use hotline::time::Wall;
use jiff::civil::time;

use crate::call::*;

fn ask(hall: &mut Hall, seat: &str, ask: SeatAsk) -> Vec<String> {
    hall.tell(Input::Ask { seat: no(seat), ask })
}

#[test]
fn the_seat_that_has_been_idle_longest_is_rung() {
    let mut hall = Hall::open();
    ask(&mut hall, "1001", SeatAsk::Busy);
    hall.pass(SECOND);
    ask(&mut hall, "1001", SeatAsk::Free);
    hall.invite(1, "12345");
    assert_eq!(hall.call().seat, Some(no("1002")), "1001 came back later");
    hall.send(Input::HungUp { leg: LegId(1) });
    hall.invite(2, "12345");
    assert_eq!(hall.call().seat, Some(no("1002")), "a caller who left before the answer cost it no turn");
}

#[test]
fn a_seat_that_does_not_answer_turns_busy_and_the_caller_keeps_its_clock() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    assert_eq!(hall.wait(Duration::from_millis(11_999)), [""; 0]);
    assert_eq!(
        hall.wait(Duration::from_millis(1)),
        ["HangUp d1", "1001 Busy (no_answer)", "Dial d2 1002", "1002 Reserved"]
    );
    hall.pass(4 * SECOND);
    let answer = hall.seat_answers();
    let ticket = answer.iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some(ticket.clone()),
        _ => None,
    });
    let ticket = ticket.unwrap();
    assert_eq!((ticket.wait_ms, ticket.within_15s), (16_000, false));
    assert_eq!(ticket.t_ring.0 - ticket.t_arrive.0, 12_000, "when the seat that answered was rung");
}

#[test]
fn every_way_to_turn_a_call_down_makes_the_seat_busy() {
    let table = [
        (Failure::Busy, "1001 Busy (busy)"),
        (Failure::Declined, "1001 Busy (declined)"),
        (Failure::NoAnswer, "1001 Busy (no_answer)"),
        (Failure::Unreachable, "1001 Busy (unreachable)"),
        (Failure::Refused, "1001 Busy (refused)"),
    ];
    for (why, turned) in table {
        let mut hall = Hall::open();
        hall.invite(1, "12345");
        let leg = hall.seat_leg();
        assert_eq!(hall.tell(Input::Failed { leg, why }), [turned, "Dial d2 1002", "1002 Reserved"]);
    }
}

#[test]
fn a_phone_that_disappears_while_it_rings_is_not_waited_for() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    assert_eq!(
        hall.tell(Input::Reachable { seat: no("1001"), reachable: false }),
        ["HangUp d1", "1001 Busy (unreachable)", "Dial d2 1002", "1002 Reserved"]
    );
    assert_eq!(hall.tell(Input::Reachable { seat: no("1001"), reachable: true }), ["1001 Idle"]);
}

#[test]
fn three_seats_that_do_not_answer_raise_an_alarm() {
    let mut settings = settings();
    for seat in settings.seats.values_mut() {
        seat.skills.insert("general".into());
    }
    let mut hall = Hall::open_with(settings);
    hall.invite(1, "12345");
    let id = hall.call().call;
    let alarm = format!("Alarm seats_do_not_answer {id} on");
    assert!(!hall.wait(24 * SECOND).contains(&alarm));
    assert!(hall.wait(12 * SECOND).contains(&alarm));
    ask(&mut hall, "1001", SeatAsk::Free);
    let answer = hall.seat_answers();
    assert!(brief(&answer).contains(&format!("Alarm seats_do_not_answer {id} off")));
}

#[test]
fn zero_seats_still_queue_and_raise_an_alarm_per_skill() {
    let mut hall = Hall::new(settings());
    hall.now.wall = Wall(1_771_268_400_000); // 2026-02-17 03:00, the first day of the Spring Festival
    let arrives = hall.invite(1, "12345");
    assert_eq!(brief(&arrives).last().unwrap(), "Alarm no_seat general on");
    assert_eq!(brief(&hall.invite(2, "12345")).len(), 2, "raised once");
    assert_eq!(brief(&hall.invite(3, "12328")).last().unwrap(), "Alarm no_seat transport on");
    hall.pass(seconds(3600));
    assert_eq!(hall.board.waiting().len(), 3, "never refused, never dropped");
    assert_eq!(
        hall.tell(Input::Reachable { seat: no("1001"), reachable: true }),
        ["1001 Idle", "Dial d1 1001", "1001 Reserved", "Alarm no_seat general off", "Alarm no_seat transport off"],
        "1001 serves transport by overflow"
    );
    let again = hall.tell(Input::Reachable { seat: no("1001"), reachable: false });
    assert!(again.contains(&"Alarm no_seat general on".to_owned()), "{again:?}");
}

#[test]
fn a_skill_overflows_to_its_group_after_eight_seconds() {
    let mut hall = Hall::open();
    ask(&mut hall, "1003", SeatAsk::Break("lunch".into()));
    assert!(!brief(&hall.invite(1, "12315")).iter().any(|line| line.starts_with("Dial")));
    assert_eq!(hall.wait(Duration::from_millis(7_999)), [""; 0], "two general seats are idle");
    assert_eq!(hall.wait(Duration::from_millis(1)), ["Dial d1 1001", "1001 Reserved"]);
}

#[test]
fn at_night_other_groups_are_asked_and_the_first_with_a_seat_is_taken() {
    let by_night = |at: Wall, night_overflow: Option<Vec<Overflow>>| {
        let mut settings = settings();
        settings.night = Some(Night { from: time(20, 0, 0, 0), to: time(8, 0, 0, 0) });
        settings.skills.get_mut("transport").unwrap().night_overflow = night_overflow;
        let mut hall = Hall::open_with(settings);
        hall.now.wall = at;
        hall.invite(1, "12328");
        hall.pass(8 * SECOND);
        hall.call().seat.map(|seat| seat.0)
    };
    let group = |to: &str| Overflow { to: to.into(), after: SECOND };
    let market_first = || Some(vec![group("market"), group("general")]);
    let at = |hours: i64| Wall(MORNING.0 + hours * 3_600_000);
    assert_eq!(by_night(MORNING, market_first()).as_deref(), Some("1001"));
    assert_eq!(by_night(at(12), market_first()).as_deref(), Some("1003"), "21:00, though 1001 is idle longer");
    assert_eq!(by_night(at(-2), market_first()).as_deref(), Some("1003"), "07:00");
    assert_eq!(by_night(at(12), None).as_deref(), Some("1001"), "as by day");
    assert_eq!(by_night(at(12), Some(vec![])), None, "nobody else by night");
}

#[test]
fn a_leader_is_not_offered_calls_of_the_queue() {
    let mut settings = one_seat();
    settings.seats.get_mut(&no("1001")).unwrap().kind = SeatKind::Leader;
    let mut hall = Hall::open_with(settings);
    assert!(brief(&hall.invite(1, "12345")).contains(&"Alarm no_seat general on".to_owned()));
}

#[test]
fn a_seat_with_several_skills_serves_priority_then_age_then_returned_callers_first() {
    let mut settings = one_seat();
    settings.skills.get_mut("transport").unwrap().priority = 5;
    let mut hall = Hall::new(settings);
    for (leg, code) in [(1, "12345"), (2, "12315"), (3, "12328"), (4, "12345"), (5, "12328")] {
        hall.invite(leg, code);
        hall.pass(SECOND);
    }
    let order: Vec<u64> = hall.board.waiting().iter().map(|call| call.citizen.0).collect();
    assert_eq!(order, [3, 5, 1, 2, 4]);
    let places: Vec<_> = hall.board.waiting().iter().map(|call| call.position.unwrap()).collect();
    assert_eq!(places, [1, 2, 1, 1, 2], "a place is one's place among the callers of one's own skill");

    // 3 is answered and its seat is lost: it is the first again.
    hall.send(Input::Reachable { seat: no("1001"), reachable: true });
    let call = hall.board.calls().into_iter().find(|call| call.citizen == LegId(3)).unwrap();
    let leg = call.seat_leg.unwrap();
    hall.send(Input::Answered { leg });
    hall.send(Input::TicketOpened { call: call.call, number: None });
    hall.invite(6, "12328");
    hall.send(Input::Lost { leg, why: Loss::Transport });
    let order: Vec<u64> = hall.board.waiting().iter().map(|call| call.citizen.0).collect();
    assert_eq!(order, [3, 5, 6, 1, 2, 4]);
}

#[test]
fn a_returned_caller_goes_before_older_callers_of_its_priority() {
    let mut settings = settings();
    settings.seats.get_mut(&no("1003")).unwrap().skills.insert("general".into());
    let mut hall = Hall::new(settings);
    hall.invite(1, "12328");
    hall.pass(SECOND);
    hall.invite(2, "12315");
    hall.send(Input::Reachable { seat: no("1003"), reachable: true });
    let leg = hall.board.calls()[1].seat_leg.unwrap();
    hall.send(Input::Failed { leg, why: Failure::Declined });
    let order: Vec<u64> = hall.board.waiting().iter().map(|call| call.citizen.0).collect();
    assert_eq!(order, [2, 1]);
}

#[test]
fn a_reload_keeps_live_calls_and_lets_removed_seats_finish() {
    let mut hall = Hall::talking();
    let mut settings = settings();
    settings.seats.remove(&no("1001"));
    settings.seats.remove(&no("1002"));
    settings.skills.remove("general");
    let out = hall.board.reload(hall.now, settings, plan());
    assert_eq!(brief(&out), ["1002 SignedOut (removed)"]);
    assert_eq!(hall.call().stage, "talking");
    hall.invite(2, "12345");
    assert_eq!(hall.board.calls()[1].seat, Some(no("1003")), "a skill that is gone is everybody's");
    hall.pass(SECOND);
    let end = hall.tell(Input::HungUp { leg: LegId(1) });
    assert_eq!(end, ["HangUp d1", "SealRecording", "1001 WrapUp", "1001 SignedOut (removed)", "CloseCall normal"]);
    assert_eq!(hall.board.seats().len(), 1);

    let out = hall.board.reload(hall.now, crate::call::settings(), plan());
    assert_eq!(brief(&out), [""; 0]);
    hall.pass(seconds(120));
    assert_eq!(hall.state("1001"), SeatState::SignedOut, "no timer of its earlier life signs it in");
}

#[test]
fn a_seat_whose_phone_could_not_be_rung_is_tried_again_after_a_while() {
    for why in [Failure::Unreachable, Failure::Refused] {
        let mut hall = Hall::open_with(one_seat());
        hall.invite(1, "12345");
        let leg = hall.seat_leg();
        hall.send(Input::Failed { leg, why });
        assert_eq!(hall.state("1001"), SeatState::Busy, "{why:?}");
        hall.pass(seconds(29));
        assert_eq!(hall.state("1001"), SeatState::Busy, "{why:?}");
        hall.pass(seconds(1));
        assert_eq!(hall.state("1001"), SeatState::Reserved, "{why:?}: the waiting caller is offered again");
    }
    // A person's own refusal stays what it is.
    let mut hall = Hall::open_with(one_seat());
    hall.invite(1, "12345");
    let leg = hall.seat_leg();
    hall.send(Input::Failed { leg, why: Failure::Declined });
    hall.pass(seconds(300));
    assert_eq!(hall.state("1001"), SeatState::Busy);
}
