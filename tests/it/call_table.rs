//! The call machine as a table: every state, every event of every leg, and what becomes of the call.

use hotline::call::*;

use crate::call::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ringing,
    /// A seat has answered, the journal has not spoken.
    Answering,
    Talking,
    Held,
    /// The seat was lost; back in the queue, with a ticket.
    Returned,
    /// Closed with a ticket.
    Closed,
    /// Ended without one.
    Missed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Citizen,
    Seat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Ringing,
    Answered,
    Failed,
    HungUp,
    Lost,
    Held,
    Resumed,
    Played,
}

const STATES: [State; 6] =
    [State::Waiting, State::Ringing, State::Answering, State::Talking, State::Held, State::Returned];
const EVENTS: [Event; 8] = [
    Event::Ringing,
    Event::Answered,
    Event::Failed,
    Event::HungUp,
    Event::Lost,
    Event::Held,
    Event::Resumed,
    Event::Played,
];

/// Only what changes the state; every other pair leaves it as it is.
const CHANGES: [(State, Who, Event, State); 29] = {
    use Event::{Answered, Failed, Held, HungUp, Lost, Resumed};
    use Who::{Citizen, Seat};
    [
        (State::Waiting, Citizen, Failed, State::Missed),
        (State::Waiting, Citizen, HungUp, State::Missed),
        (State::Waiting, Citizen, Lost, State::Missed),
        (State::Ringing, Citizen, Failed, State::Missed),
        (State::Ringing, Citizen, HungUp, State::Missed),
        (State::Ringing, Citizen, Lost, State::Missed),
        (State::Ringing, Seat, Answered, State::Answering),
        (State::Ringing, Seat, Failed, State::Waiting),
        (State::Ringing, Seat, HungUp, State::Waiting),
        (State::Ringing, Seat, Lost, State::Waiting),
        (State::Answering, Citizen, Failed, State::Closed),
        (State::Answering, Citizen, HungUp, State::Closed),
        (State::Answering, Citizen, Lost, State::Closed),
        (State::Answering, Seat, Failed, State::Returned),
        (State::Answering, Seat, HungUp, State::Returned),
        (State::Answering, Seat, Lost, State::Returned),
        (State::Answering, Seat, Held, State::Held),
        (State::Talking, Citizen, Failed, State::Closed),
        (State::Talking, Citizen, HungUp, State::Closed),
        (State::Talking, Citizen, Lost, State::Closed),
        (State::Talking, Seat, Failed, State::Returned),
        (State::Talking, Seat, HungUp, State::Closed),
        (State::Talking, Seat, Lost, State::Returned),
        (State::Talking, Seat, Held, State::Held),
        (State::Held, Seat, Resumed, State::Talking),
        (State::Held, Seat, HungUp, State::Closed),
        (State::Returned, Citizen, Failed, State::Closed),
        (State::Returned, Citizen, HungUp, State::Closed),
        (State::Returned, Citizen, Lost, State::Closed),
    ]
};

/// A held call ends and returns like a talking one.
fn expected(state: State, who: Who, event: Event) -> State {
    let find = |state| CHANGES.iter().find(|row| (row.0, row.1, row.2) == (state, who, event)).map(|row| row.3);
    let ends = matches!(event, Event::Failed | Event::HungUp | Event::Lost);
    let as_talking = if state == State::Held && ends { find(State::Talking) } else { None };
    find(state).or(as_talking).unwrap_or(state)
}

/// A hall with one seat and one call in this state, and the seat's present or last leg.
fn reach(state: State) -> (Hall, LegId) {
    let mut hall = Hall::open_with(one_seat());
    if state == State::Waiting {
        hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::Busy });
        hall.invite(1, "12345");
        return (hall, LegId(1 << 63 | 1));
    }
    hall.invite(1, "12345");
    hall.pass(SECOND);
    let seat = hall.seat_leg();
    if state != State::Ringing {
        hall.seat_answers();
    }
    if matches!(state, State::Talking | State::Held | State::Returned) {
        hall.journalled();
        hall.pass(SECOND);
    }
    if state == State::Held {
        hall.send(Input::Held { leg: seat });
    } else if state == State::Returned {
        hall.send(Input::Lost { leg: seat, why: Loss::Media });
    }
    (hall, seat)
}

fn state_of(hall: &Hall, outputs: &[Output]) -> State {
    let Some(call) = hall.board.calls().pop() else {
        let closed = outputs.iter().any(|output| matches!(output, Output::CloseCall(_)));
        return if closed { State::Closed } else { State::Missed };
    };
    match (call.stage, call.answered, call.connected) {
        ("waiting", None, _) => State::Waiting,
        ("waiting", Some(_), _) => State::Returned,
        ("ringing", ..) => State::Ringing,
        ("talking", _, false) => State::Answering,
        ("talking", _, true) => State::Talking,
        ("held", ..) => State::Held,
        other => panic!("{other:?}"),
    }
}

fn input(leg: LegId, event: Event) -> Input {
    match event {
        Event::Ringing => Input::Ringing { leg },
        Event::Answered => Input::Answered { leg },
        Event::Failed => Input::Failed { leg, why: Failure::Declined },
        Event::HungUp => Input::HungUp { leg },
        Event::Lost => Input::Lost { leg, why: Loss::Session },
        Event::Held => Input::Held { leg },
        Event::Resumed => Input::Resumed { leg },
        Event::Played => Input::Played { leg, token: 999 },
    }
}

#[test]
fn every_state_and_every_event_of_every_leg() {
    for state in STATES {
        for who in [Who::Citizen, Who::Seat] {
            for event in EVENTS {
                let (mut hall, seat) = reach(state);
                assert_eq!(state_of(&hall, &[]), state);
                let leg = if who == Who::Citizen { LegId(1) } else { seat };
                let out = hall.send(input(leg, event));
                let case = format!("{state:?} × {who:?} {event:?}: {:?}", brief(&out));
                let next = state_of(&hall, &out);
                assert_eq!(next, expected(state, who, event), "{case}");
                let lines = brief(&out);
                let released = lines.contains(&"HangUp 1".to_owned());
                let seat_ended_it = who == Who::Seat && event == Event::HungUp && next == State::Closed;
                let lost = who == Who::Citizen && event == Event::Lost;
                assert_eq!(released, seat_ended_it || lost, "who releases the citizen (I3)? {case}");
                assert_eq!(lines.iter().filter(|line| *line == "SealRecording").count() == 1, next == State::Closed);
            }
        }
    }
}

#[test]
fn every_state_and_what_does_not_come_from_a_leg() {
    for state in STATES {
        let (mut hall, _) = reach(state);
        let call = hall.call().call;
        hall.send(Input::TicketOpened { call, number: Some("JDZ-20261124-000001".into()) });
        let expected = if state == State::Answering { State::Talking } else { state };
        assert_eq!(state_of(&hall, &[]), expected, "ticket opened in {state:?}");

        let (mut hall, _) = reach(state);
        hall.send(Input::Reachable { seat: no("1001"), reachable: false });
        let expected = if state == State::Ringing { State::Waiting } else { state };
        assert_eq!(state_of(&hall, &[]), expected, "seat unreachable in {state:?}");

        let (mut hall, _) = reach(state);
        hall.pass(seconds(12));
        let expected = match state {
            State::Ringing => State::Waiting,
            State::Answering => State::Talking,
            other => other,
        };
        assert_eq!(state_of(&hall, &[]), expected, "12 s in {state:?}");

        let (mut hall, _) = reach(state);
        let out = hall.send(Input::EndAll);
        let answered = !matches!(state, State::Waiting | State::Ringing);
        let expected = if answered { State::Closed } else { State::Missed };
        assert_eq!(state_of(&hall, &out), expected, "end of all in {state:?}");
    }
}
