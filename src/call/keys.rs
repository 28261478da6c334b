//! What is done by keys in a live call, on any plain phone (RFC 4733): `*` and a digit or two, and where
//! somebody is called the number and `#`. Media reads them too, so that they reach nobody else.

use super::directory::Service;
use super::leg::Role;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{AskRefused, LegId, NotReached, Output, Prompt, SeatAsk, Supervision, ThreewayResult, Verb};
use crate::time::Now;

/// Longer than any telephone number (E.164: 15 digits) with its code.
const LONGEST: usize = 24;

/// What stands for what in a seat's call; the README's table is held to it.
pub fn keys_in_call() -> [(&'static str, SeatAsk); 17] {
    let number = || "NUMBER".to_owned();
    let police = || Service::Police.as_str().to_owned();
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
        ("*08 NUMBER #", SeatAsk::Talk(Verb::Transfer(number()))),
        ("*01", SeatAsk::Talk(Verb::Direct(police()))),
        ("*001", SeatAsk::Talk(Verb::Transfer(police()))),
        ("*91", SeatAsk::Talk(Verb::Leader)),
        ("*92", SeatAsk::Talk(Verb::Speak)),
        ("*93", SeatAsk::Talk(Verb::Silent)),
    ]
}

/// A command that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Of the seat whose call it is.
    Ask(SeatAsk),
    /// Of a shift leader on it.
    Supervise(Supervision),
    Unknown,
}

/// What a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Nothing of ours: whoever is at the other end may hear it.
    Alien,
    /// The beginning or the middle of a command.
    Unfinished,
    Whole(Command),
}

/// The keys of one phone since the last `*`.
#[derive(Clone, Debug, Default)]
pub struct Typing {
    keys: String,
}

impl Typing {
    pub fn press(&mut self, digit: char) -> Typed {
        match digit {
            '*' => self.keys = "*".to_owned(),
            _ if self.keys.is_empty() => return Typed::Alien,
            _ => self.keys.push(digit),
        }
        match read(&self.keys) {
            None => Typed::Unfinished,
            Some(command) => {
                self.keys.clear();
                Typed::Whole(command)
            }
        }
    }
}

impl Switchboard {
    /// What cannot be done is told by a prompt.
    pub(super) fn digit(&mut self, now: Now, leg: LegId, digit: char) {
        let id = match self.legs.get(&leg).copied() {
            Some(Role::Seat(id) | Role::SecondLine(id)) => id,
            Some(Role::Guest(id)) => return self.guest_digit(now, id, leg, digit),
            Some(Role::Supervisor(id)) => return self.supervisor_digit(now, id, digit),
            Some(
                Role::Citizen(_)
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
        let Typed::Whole(command) = talk.keys.press(digit) else { return };
        let no = talk.seat.clone();
        let told = match command {
            Command::Ask(ask) => match self.ask(now, &no, &ask) {
                // Nothing else tells that it was heard.
                Ok(()) if matches!(ask, SeatAsk::Result(_)) => Some(Prompt::Done),
                Ok(()) => None,
                Err(AskRefused::Closed) => Some(Prompt::NotReached(NotReached::Closed)),
                Err(_) => Some(Prompt::Refused),
            },
            Command::Supervise(_) | Command::Unknown => Some(Prompt::Refused),
        };
        if let Some(prompt) = told {
            self.tell_by_prompt(leg, prompt);
        }
    }

    pub(super) fn tell_by_prompt(&mut self, leg: LegId, prompt: Prompt) {
        let token = self.new_token();
        self.out.push(Output::Play { leg, prompts: vec![prompt], repeat: false, token });
    }
}

/// None: more is to come.
fn read(keys: &str) -> Option<Command> {
    let mut rest = keys.chars().skip(1);
    let code = rest.next()?;
    let number: String = rest.collect();
    let verb = |verb| Some(Command::Ask(SeatAsk::Talk(verb)));
    match code {
        '0' => behind_zero(&number),
        '1' => called(&number, Verb::Consult),
        '2' => called(&number, Verb::Direct),
        '3' => verb(Verb::Join),
        '4' => verb(Verb::Swap),
        '5' => verb(Verb::Drop),
        '6' => verb(Verb::Leave),
        '7' => {
            let result = ThreewayResult::of_digit(number.chars().next()?);
            Some(result.map_or(Command::Unknown, |result| Command::Ask(SeatAsk::Result(result))))
        }
        '8' => {
            let how = Supervision::of_digit(number.chars().next()?);
            Some(how.map_or(Command::Unknown, Command::Supervise))
        }
        '9' => leaders(number.chars().next()?).map_or(Some(Command::Unknown), verb),
        _ => Some(Command::Unknown),
    }
}

/// The digit behind `*9`.
fn leaders(digit: char) -> Option<Verb> {
    match digit {
        '1' => Some(Verb::Leader),
        '2' => Some(Verb::Speak),
        '3' => Some(Verb::Silent),
        _ => None,
    }
}

/// Behind `*0`: a service comes in, with another `0` the citizen is handed to it, with `8` to anybody.
fn behind_zero(keys: &str) -> Option<Command> {
    match (keys.strip_prefix('0'), keys.strip_prefix('8')) {
        (Some(key), _) => emergency(key, Verb::Transfer),
        (None, Some(number)) => called(number, Verb::Transfer),
        (None, None) => emergency(keys, Verb::Direct),
    }
}

/// One key for each service, in the order of `Service::ALL`: 1 for 110, 2 for 119 … 7 for gas (R29, R31).
fn emergency(key: &str, verb: fn(String) -> Verb) -> Option<Command> {
    let place = key.chars().next()?.to_digit(10).and_then(|key| usize::try_from(key).ok()?.checked_sub(1));
    let service = place.and_then(|place| Service::ALL.get(place));
    Some(service.map_or(Command::Unknown, |service| Command::Ask(SeatAsk::Talk(verb(service.as_str().to_owned())))))
}

/// A number and `#`.
fn called(number: &str, verb: fn(String) -> Verb) -> Option<Command> {
    match number.strip_suffix('#') {
        Some("") => Some(Command::Unknown),
        Some(number) => Some(Command::Ask(SeatAsk::Talk(verb(number.to_owned())))),
        None => (number.len() > LONGEST).then_some(Command::Unknown),
    }
}
