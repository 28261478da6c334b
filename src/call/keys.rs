//! What a seat does by keys in a live call, on any plain phone (RFC 4733): `*` and a digit, and where
//! somebody is called the number and `#`.

use super::directory::Service;
use super::leg::Role;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{LegId, Output, Prompt, SeatAsk, Verb};
use crate::time::Now;

/// Longer than any telephone number (E.164: 15 digits) with its code.
const LONGEST: usize = 24;

/// What stands for what; the README's table is held to it.
pub fn keys_in_call() -> [(&'static str, Verb); 12] {
    let number = || "NUMBER".to_owned();
    let police = || Service::Police.as_str().to_owned();
    [
        ("*1 NUMBER #", Verb::Consult(number())),
        ("*2 NUMBER #", Verb::Direct(number())),
        ("*3", Verb::Join),
        ("*4", Verb::Swap),
        ("*5", Verb::Drop),
        ("*6", Verb::Leave),
        ("*08 NUMBER #", Verb::Transfer(number())),
        ("*01", Verb::Direct(police())),
        ("*001", Verb::Transfer(police())),
        ("*91", Verb::Leader),
        ("*92", Verb::Speak),
        ("*93", Verb::Silent),
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
            Some(Role::Seat(id)) => id,
            Some(Role::Guest(id)) => return self.guest_digit(now, id, leg, digit),
            Some(
                Role::Citizen(_)
                | Role::Supervisor(_)
                | Role::CallbackSeat(_)
                | Role::CallbackCitizen(_)
                | Role::DutySeat(_)
                | Role::DutyPhone(_)
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
    match code {
        '1' => called(&number, Verb::Consult),
        '2' => called(&number, Verb::Direct),
        '3' => Read::Verb(Verb::Join),
        '4' => Read::Verb(Verb::Swap),
        '5' => Read::Verb(Verb::Drop),
        '6' => Read::Verb(Verb::Leave),
        '0' => behind_zero(&number),
        '9' => leaders(&number),
        _ => Read::Unknown,
    }
}

/// Behind `*9`.
fn leaders(keys: &str) -> Read {
    match keys {
        "" => Read::Unfinished,
        "1" => Read::Verb(Verb::Leader),
        "2" => Read::Verb(Verb::Speak),
        "3" => Read::Verb(Verb::Silent),
        _ => Read::Unknown,
    }
}

/// Behind `*0`: a service comes in, with another `0` the citizen is handed to it, with `8` to anybody.
fn behind_zero(keys: &str) -> Read {
    match (keys.strip_prefix('0'), keys.strip_prefix('8')) {
        (Some(key), _) => emergency(key, Verb::Transfer),
        (None, Some(number)) => called(number, Verb::Transfer),
        (None, None) => emergency(keys, Verb::Direct),
    }
}

/// One key for each service, in the order of `Service::ALL`: 1 for 110, 2 for 119 … 7 for gas (R29, R31).
fn emergency(key: &str, verb: fn(String) -> Verb) -> Read {
    let Some(key) = key.chars().next() else { return Read::Unfinished };
    let place = key.to_digit(10).and_then(|key| usize::try_from(key).ok()?.checked_sub(1));
    match place.and_then(|place| Service::ALL.get(place)) {
        Some(service) => Read::Verb(verb(service.as_str().to_owned())),
        None => Read::Unknown,
    }
}

/// A number and `#`.
fn called(number: &str, verb: fn(String) -> Verb) -> Read {
    match number.strip_suffix('#') {
        Some("") => Read::Unknown,
        Some(number) => Read::Verb(verb(number.to_owned())),
        None if number.len() > LONGEST => Read::Unknown,
        None => Read::Unfinished,
    }
}
