//! The server transaction of every request but INVITE and ACK. (RFC 3261 §17.2.2, figure 8)

use super::servers::Act;
use super::timers::Timer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The user has the request and has said nothing yet.
    Trying,
    /// The user has answered provisionally.
    Proceeding,
    /// Answered; retransmissions of the request get the same answer.
    Completed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The request again.
    Request,
    /// The user answers 1xx.
    Provisional,
    /// The user answers 200–699.
    Final,
    TimerJ,
    /// The client has given up by now. (RFC 4320 §4.2; not in the figure, where such a transaction stays for ever)
    TimerTooLate,
    TransportFailed,
}

/// What a request starts.
pub const START: (State, &[Act]) = (State::Trying, &[Act::Start(Timer::TooLate)]);

/// The figure: one row per state and input.
pub const fn step(state: State, input: Input) -> (State, &'static [Act]) {
    use State::{Completed, Proceeding, Terminated, Trying};
    match state {
        Trying => match input {
            Input::Provisional => (Proceeding, &[Act::Send]),
            Input::Final => (Completed, &[Act::Send, Act::Stop(Timer::TooLate), Act::Start(Timer::J)]),
            Input::TimerTooLate => (Terminated, &[]),
            Input::Request | Input::TimerJ | Input::TransportFailed => (Trying, &[]),
        },
        Proceeding => match input {
            Input::Request | Input::Provisional => (Proceeding, &[Act::Send]),
            Input::Final => (Completed, &[Act::Send, Act::Stop(Timer::TooLate), Act::Start(Timer::J)]),
            Input::TimerTooLate => (Terminated, &[]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::TimerJ => (Proceeding, &[]),
        },
        Completed => match input {
            Input::Request => (Completed, &[Act::Send]),
            Input::TimerJ => (Terminated, &[]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::Provisional | Input::Final | Input::TimerTooLate => (Completed, &[]),
        },
        Terminated => (Terminated, &[]),
    }
}
