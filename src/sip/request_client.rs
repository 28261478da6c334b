//! The client transaction of every request but INVITE and ACK. (RFC 3261 §17.1.2, figure 6)

use super::clients::Act;
use super::timers::Timer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request is out, nothing has come back.
    Trying,
    /// A provisional has come.
    Proceeding,
    /// The final has come; its repetitions are absorbed.
    Completed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// 100–199
    Provisional,
    /// 200–699
    Final,
    TimerE,
    TimerF,
    TimerK,
    TransportFailed,
}

/// What a request of ours starts.
pub const START: (State, &[Act]) = (State::Trying, &[Act::Send, Act::Start(Timer::E), Act::Start(Timer::F)]);

/// The figure: one row per state and input.
pub const fn step(state: State, input: Input) -> (State, &'static [Act]) {
    use State::{Completed, Proceeding, Terminated, Trying};
    match state {
        Trying => match input {
            Input::Provisional => (Proceeding, &[Act::Deliver]),
            Input::Final => {
                (Completed, &[Act::Stop(Timer::E), Act::Stop(Timer::F), Act::Deliver, Act::Start(Timer::K)])
            }
            Input::TimerE => (Trying, &[Act::Send, Act::Again(Timer::E)]),
            Input::TimerF => (Terminated, &[Act::TellTimedOut]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::TimerK => (Trying, &[]),
        },
        Proceeding => match input {
            Input::Provisional => (Proceeding, &[Act::Deliver]),
            Input::Final => {
                (Completed, &[Act::Stop(Timer::E), Act::Stop(Timer::F), Act::Deliver, Act::Start(Timer::K)])
            }
            Input::TimerE => (Proceeding, &[Act::Send, Act::AgainAtT2(Timer::E)]),
            Input::TimerF => (Terminated, &[Act::TellTimedOut]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::TimerK => (Proceeding, &[]),
        },
        Completed => match input {
            Input::TimerK => (Terminated, &[]),
            Input::Provisional | Input::Final | Input::TimerE | Input::TimerF | Input::TransportFailed => {
                (Completed, &[])
            }
        },
        Terminated => (Terminated, &[]),
    }
}
