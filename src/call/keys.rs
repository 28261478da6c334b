//! What a seat does by keys in a live call, on any plain phone (RFC 4733): `*` and a digit, and where
//! somebody is called the number and `#`.

use super::leg::Role;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{LegId, Output, Prompt, SeatAsk, Verb};
use crate::time::Now;

/// Longer than any telephone number (E.164: 15 digits) with its code.
const LONGEST: usize = 24;

/// What stands for what; the README's table is held to it.
pub fn keys_in_call() -> [(&'static str, Verb); 6] {
    let number = || "NUMBER".to_owned();
    [
        ("*1 NUMBER #", Verb::Consult(number())),
        ("*2 NUMBER #", Verb::Direct(number())),
        ("*3", Verb::Join),
        ("*4", Verb::Swap),
        ("*5", Verb::Drop),
        ("*6", Verb::Leave),
    ]
}

enum Read {
    Unfinished,
    Verb(Verb),
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
        let done = match read {
            Read::Verb(verb) => self.ask(now, &no, &SeatAsk::Talk(verb)).is_ok(),
            Read::Unfinished | Read::Unknown => false,
        };
        if !done {
            let token = self.new_token();
            self.out.push(Output::Play { leg, prompts: vec![Prompt::Refused], repeat: false, token });
        }
    }
}

fn read(keys: &str) -> Read {
    let mut rest = keys.chars().skip(1);
    let Some(code) = rest.next() else { return Read::Unfinished };
    let number: String = rest.collect();
    let called = |verb: fn(String) -> Verb| match number.strip_suffix('#') {
        Some("") => Read::Unknown,
        Some(number) => Read::Verb(verb(number.to_owned())),
        None if keys.len() > LONGEST => Read::Unknown,
        None => Read::Unfinished,
    };
    match code {
        '1' => called(Verb::Consult),
        '2' => called(Verb::Direct),
        '3' => Read::Verb(Verb::Join),
        '4' => Read::Verb(Verb::Swap),
        '5' => Read::Verb(Verb::Drop),
        '6' => Read::Verb(Verb::Leave),
        _ => Read::Unknown,
    }
}
