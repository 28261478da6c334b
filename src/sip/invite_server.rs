//! The INVITE server transaction. (RFC 3261 §17.2.1, figure 7; as changed by RFC 6026 §7.1)

use super::servers::Act;
use super::timers::Timer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Unanswered; 100 has been sent, the user's provisionals follow.
    Proceeding,
    /// A non-2xx final is repeated until its ACK comes.
    Completed,
    /// A 2xx was sent; the user repeats it, INVITE retransmissions are absorbed. (RFC 6026)
    Accepted,
    /// The ACK of the non-2xx final has come; its retransmissions are absorbed.
    Confirmed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The INVITE again.
    Invite,
    /// An ACK that matches this transaction.
    Ack,
    /// The user answers 101–199.
    Provisional,
    /// The user answers 2xx, or repeats it.
    Success,
    /// The user answers 300–699.
    Failure,
    TimerG,
    TimerH,
    TimerI,
    TimerL,
    TransportFailed,
}

/// What an INVITE starts: 100 Trying at once, so that its sender stops repeating it.
pub const START: (State, &[Act]) = (State::Proceeding, &[Act::Send]);

/// The figure: one row per state and input.
pub const fn step(state: State, input: Input) -> (State, &'static [Act]) {
    use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    match state {
        Proceeding => match input {
            Input::Invite | Input::Provisional => (Proceeding, &[Act::Send]),
            Input::Success => (Accepted, &[Act::Send, Act::Start(Timer::L)]),
            Input::Failure => (Completed, &[Act::Send, Act::Start(Timer::G), Act::Start(Timer::H)]),
            Input::TransportFailed => (Proceeding, &[Act::TellFailed]),
            Input::Ack | Input::TimerG | Input::TimerH | Input::TimerI | Input::TimerL => (Proceeding, &[]),
        },
        Completed => match input {
            Input::Invite => (Completed, &[Act::Send]),
            Input::TimerG => (Completed, &[Act::Send, Act::Again(Timer::G)]),
            Input::Ack => (Confirmed, &[Act::Stop(Timer::G), Act::Stop(Timer::H), Act::Start(Timer::I)]),
            Input::TimerH => (Terminated, &[Act::TellTimedOut]),
            Input::TransportFailed => (Completed, &[Act::TellFailed]),
            Input::Provisional | Input::Success | Input::Failure | Input::TimerI | Input::TimerL => (Completed, &[]),
        },
        Accepted => match input {
            Input::Success => (Accepted, &[Act::Send]),
            Input::Ack => (Accepted, &[Act::TellAck]),
            Input::TimerL => (Terminated, &[]),
            Input::TransportFailed => (Accepted, &[Act::TellFailed]),
            Input::Invite | Input::Provisional | Input::Failure | Input::TimerG | Input::TimerH | Input::TimerI => {
                (Accepted, &[])
            }
        },
        Confirmed => match input {
            Input::TimerI => (Terminated, &[]),
            Input::Invite
            | Input::Ack
            | Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::TimerG
            | Input::TimerH
            | Input::TimerL
            | Input::TransportFailed => (Confirmed, &[]),
        },
        Terminated => (Terminated, &[]),
    }
}
