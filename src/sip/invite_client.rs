//! The INVITE client transaction. (RFC 3261 §17.1.1, figure 5; as changed by RFC 6026 §7.2; CANCEL by §9.1)

use super::clients::Act;
use super::timers::Timer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The INVITE is out, nothing has come back.
    Calling,
    /// As `Calling`, but the user has cancelled: the CANCEL waits for a provisional. (RFC 3261 §9.1)
    CancelHeld,
    /// A provisional has come.
    Proceeding,
    /// As `Proceeding`, but the CANCEL is out.
    Cancelled,
    /// A non-2xx final has come; each repetition of it is acknowledged again.
    Completed,
    /// A 2xx has come; its repetitions and those of other forks go to the user. (RFC 6026)
    Accepted,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// 100–199
    Provisional,
    /// 2xx
    Success,
    /// 300–699
    Failure,
    /// The user no longer wants an answer.
    Cancel,
    TimerA,
    TimerB,
    TimerC,
    TimerD,
    TimerM,
    TimerCancel,
    TransportFailed,
}

/// What our INVITE starts.
pub const START: (State, &[Act]) = (State::Calling, &[Act::Send, Act::Start(Timer::A), Act::Start(Timer::B)]);

/// The figure: one row per state and input.
pub const fn step(state: State, input: Input) -> (State, &'static [Act]) {
    use State::{Accepted, Calling, CancelHeld, Cancelled, Completed, Proceeding, Terminated};
    match state {
        Calling => match input {
            Input::Provisional => {
                (Proceeding, &[Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Start(Timer::C), Act::Deliver])
            }
            Input::Success => {
                (Accepted, &[Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Start(Timer::M), Act::Deliver])
            }
            Input::Failure => (
                Completed,
                &[Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Acknowledge, Act::Deliver, Act::Start(Timer::D)],
            ),
            Input::Cancel => (CancelHeld, &[]),
            Input::TimerA => (Calling, &[Act::Send, Act::Again(Timer::A)]),
            Input::TimerB => (Terminated, &[Act::TellTimedOut]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::TimerC | Input::TimerD | Input::TimerM | Input::TimerCancel => (Calling, &[]),
        },
        CancelHeld => match input {
            Input::Provisional => (
                Cancelled,
                &[Act::Stop(Timer::A), Act::Stop(Timer::B), Act::SendCancel, Act::Start(Timer::Cancel), Act::Deliver],
            ),
            Input::Success => {
                (Accepted, &[Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Start(Timer::M), Act::Deliver])
            }
            Input::Failure => (
                Completed,
                &[Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Acknowledge, Act::Deliver, Act::Start(Timer::D)],
            ),
            Input::TimerA => (CancelHeld, &[Act::Send, Act::Again(Timer::A)]),
            Input::TimerB => (Terminated, &[Act::TellTimedOut]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::Cancel | Input::TimerC | Input::TimerD | Input::TimerM | Input::TimerCancel => (CancelHeld, &[]),
        },
        Proceeding => match input {
            Input::Provisional => (Proceeding, &[Act::Start(Timer::C), Act::Deliver]),
            Input::Success => (Accepted, &[Act::Stop(Timer::C), Act::Start(Timer::M), Act::Deliver]),
            Input::Failure => (Completed, &[Act::Stop(Timer::C), Act::Acknowledge, Act::Deliver, Act::Start(Timer::D)]),
            Input::Cancel => (Cancelled, &[Act::Stop(Timer::C), Act::SendCancel, Act::Start(Timer::Cancel)]),
            // §16.8: ringing too long is ended by a CANCEL, so that the phone at the other end stops ringing.
            Input::TimerC => (Cancelled, &[Act::SendCancel, Act::Start(Timer::Cancel)]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerM | Input::TimerCancel => (Proceeding, &[]),
        },
        Cancelled => match input {
            Input::Provisional => (Cancelled, &[Act::Deliver]),
            // The 2xx crossed the CANCEL: the call is up, the user acknowledges it and hangs up.
            Input::Success => (Accepted, &[Act::Stop(Timer::Cancel), Act::Start(Timer::M), Act::Deliver]),
            Input::Failure => {
                (Completed, &[Act::Stop(Timer::Cancel), Act::Acknowledge, Act::Deliver, Act::Start(Timer::D)])
            }
            Input::TimerCancel => (Terminated, &[Act::TellTimedOut]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::Cancel | Input::TimerA | Input::TimerB | Input::TimerC | Input::TimerD | Input::TimerM => {
                (Cancelled, &[])
            }
        },
        Completed => match input {
            Input::Failure => (Completed, &[Act::Acknowledge]),
            // A proxy forwards every 2xx, even after a failure (§16.7, step 5); the user ends that call.
            Input::Success => (Completed, &[Act::Deliver]),
            Input::TimerD => (Terminated, &[]),
            Input::TransportFailed => (Terminated, &[Act::TellFailed]),
            Input::Provisional
            | Input::Cancel
            | Input::TimerA
            | Input::TimerB
            | Input::TimerC
            | Input::TimerM
            | Input::TimerCancel => (Completed, &[]),
        },
        Accepted => match input {
            Input::Success => (Accepted, &[Act::Deliver]),
            Input::TimerM => (Terminated, &[]),
            Input::Provisional
            | Input::Failure
            | Input::Cancel
            | Input::TimerA
            | Input::TimerB
            | Input::TimerC
            | Input::TimerD
            | Input::TimerCancel
            | Input::TransportFailed => (Accepted, &[]),
        },
        Terminated => (Terminated, &[]),
    }
}
