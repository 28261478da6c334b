//! The third parties: telephones behind the trunk that pick up at once.

use super::wire::{self, Message};

/// Numbered 1390000 0000 and on, invented as the callers' are.
const PREFIX: &str = "1390000";
const LAST_DIGITS: usize = 4;

pub struct Thirds(Vec<Third>);

#[derive(Clone, Default)]
struct Third {
    call_id: String,
    /// Its 200, for an INVITE that comes again.
    answer: String,
    talks: bool,
}

/// What a request means for the voice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Answers,
    Ends,
    Nothing,
}

impl Thirds {
    pub fn new(count: usize) -> Self {
        Self(vec![Third::default(); count])
    }

    pub fn talking(&self) -> usize {
        self.0.iter().filter(|third| third.talks).count()
    }

    /// Whose request this is: by its Call-ID, a new INVITE by the number that was dialled.
    pub fn of(&self, message: &Message) -> Option<usize> {
        let known = self.0.iter().position(|third| third.call_id == message.header("Call-ID"));
        known.or_else(|| {
            let (_, number) = message.start.strip_prefix("INVITE ")?.split_once(PREFIX)?;
            number.get(..LAST_DIGITS)?.parse().ok().filter(|at| *at < self.0.len())
        })
    }

    /// The answer, if there is one. `contact`: a whole line; `body`: its description.
    pub fn on_request(&mut self, at: usize, message: &Message, contact: &str, body: &str) -> (Option<String>, Change) {
        let third = &mut self.0[at];
        let known = third.call_id == message.header("Call-ID");
        let reply = |status, body| Some(wire::reply(message, status, "t", contact, body));
        match message.method() {
            "ACK" => (None, Change::Nothing),
            "INVITE" if known && !message.has_to_tag() => (Some(third.answer.clone()), Change::Nothing),
            "INVITE" if known => (reply("200 OK", body), Change::Nothing),
            "INVITE" if third.talks => (reply("486 Busy Here", ""), Change::Nothing),
            "INVITE" => {
                let answer = wire::reply(message, "200 OK", "t", contact, body);
                let call_id = message.header("Call-ID").to_owned();
                *third = Third { call_id, answer: answer.clone(), talks: true };
                (Some(answer), Change::Answers)
            }
            "BYE" => {
                third.talks = false;
                (reply("200 OK", ""), Change::Ends)
            }
            _ => (reply("200 OK", ""), Change::Nothing),
        }
    }
}

pub fn number_of(third: usize) -> String {
    format!("{PREFIX}{third:0LAST_DIGITS$}")
}
