//! What a seat does by keys in a live call, on any plain phone (RFC 4733): `*` and a digit, and where
//! somebody is called the number and `#`.

use super::leg::Role;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{AskRefused, LegId, NotReached, Output, Prompt, SeatAsk, ThreewayResult, Verb};
use crate::time::Now;

/// Longer than any telephone number (E.164: 15 digits) with its code.
const LONGEST: usize = 24;

/// What stands for what; the README's table is held to it.
pub fn keys_in_call() -> [(&'static str, SeatAsk); 11] {
    let number = || "NUMBER".to_owned();
    [
        ("*1 NUMBER #", SeatAsk::Talk(Verb::Consult(number()))),
        ("*2 NUMBER #", SeatAsk::Talk(Verb::Direct(number()))),
        ("*3", SeatAsk::Talk(Verb::Join)),
        ("*4", SeatAsk::Talk(Verb::Swap)),
        ("*5", SeatAsk::Talk(Verb::Drop)),
        ("*6", SeatAsk::Talk(Verb::Leave)),
        ("*71", SeatAsk::Result(ThreewayResult::ResolvedOnSpot)),
        ("*72", SeatAsk::Result(ThreewayResult::UnitWillHandle)),
        ("*73", SeatAsk::Result(ThreewayResult::Unreachable)),
        ("*74", SeatAsk::Result(ThreewayResult::Refused)),
        ("*75", SeatAsk::Result(ThreewayResult::NotCompetent)),
    ]
}

enum Read {
    Unfinished,
    Ask(SeatAsk),
    Unknown,
}

impl Switchboard {
    /// What cannot be done is told to the seat by a prompt.
    pub(super) fn digit(&mut self, now: Now, leg: LegId, digit: char) {
        let id = match self.legs.get(&leg).copied() {
            Some(Role::Seat(id) | Role::SecondLine(id)) => id,
            Some(Role::Guest(id)) => return self.guest_digit(now, id, leg, digit),
            Some(
                Role::Citizen(_)
                | Role::Supervisor(_)
                | Role::CallbackSeat(_)
                | Role::CallbackCitizen(_)
                | Role::Feature,
            )
            | None => return,
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Talking(talk) = &mut call.stage else { return };
        match digit {
            '*' => talk.keys = "*".to_owned(),
            // Keys before the first star are not for us.
            _ if talk.keys.is_empty() => return,
            _ => talk.keys.push(digit),
        }
        let read = read(&talk.keys);
        if let Read::Unfinished = read {
            return;
        }
        talk.keys.clear();
        let no = talk.seat.clone();
        let told = match read {
            Read::Ask(ask) => match self.ask(now, &no, &ask) {
                // Nothing else tells that it was heard.
                Ok(()) if matches!(ask, SeatAsk::Result(_)) => Some(Prompt::Done),
                Ok(()) => None,
                Err(AskRefused::Closed) => Some(Prompt::NotReached(NotReached::Closed)),
                Err(_) => Some(Prompt::Refused),
            },
            Read::Unfinished | Read::Unknown => Some(Prompt::Refused),
        };
        if let Some(prompt) = told {
            let token = self.new_token();
            self.out.push(Output::Play { leg, prompts: vec![prompt], repeat: false, token });
        }
    }
}

fn read(keys: &str) -> Read {
    let mut rest = keys.chars().skip(1);
    let Some(code) = rest.next() else { return Read::Unfinished };
    let number: String = rest.collect();
    let called = |verb: fn(String) -> Verb| match number.strip_suffix('#') {
        Some("") => Read::Unknown,
        Some(number) => Read::Ask(SeatAsk::Talk(verb(number.to_owned()))),
        None if keys.len() > LONGEST => Read::Unknown,
        None => Read::Unfinished,
    };
    match code {
        '1' => called(Verb::Consult),
        '2' => called(Verb::Direct),
        '3' => Read::Ask(SeatAsk::Talk(Verb::Join)),
        '4' => Read::Ask(SeatAsk::Talk(Verb::Swap)),
        '5' => Read::Ask(SeatAsk::Talk(Verb::Drop)),
        '6' => Read::Ask(SeatAsk::Talk(Verb::Leave)),
        '7' => match number.chars().next() {
            None => Read::Unfinished,
            Some(digit) => {
                ThreewayResult::of_digit(digit).map_or(Read::Unknown, |result| Read::Ask(SeatAsk::Result(result)))
            }
        },
        _ => Read::Unknown,
    }
}
