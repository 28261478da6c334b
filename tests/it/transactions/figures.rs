//! The four machines, arrow by arrow.

use std::fmt::Debug;

use hotline::sip::{invite_client, invite_server, request_client, request_server};

// The figures: every arrow of RFC 3261 figures 5–8 as changed by RFC 6026 figures 1–2, and of RFC 3261 §9.1 and
// RFC 4320 §4.2. A pair of state and input without a row must change nothing.

const INVITE_SERVER: &str = "
Proceeding Invite          Proceeding Send
Proceeding Provisional     Proceeding Send
Proceeding Success         Accepted   Send Start(L)
Proceeding Failure         Completed  Send Start(G) Start(H)
Proceeding TransportFailed Proceeding TellFailed
Completed  Invite          Completed  Send
Completed  TimerG          Completed  Send Again(G)
Completed  Ack             Confirmed  Stop(G) Stop(H) Start(I)
Completed  TimerH          Terminated TellTimedOut
Completed  TransportFailed Completed  TellFailed
Accepted   Success         Accepted   Send
Accepted   Ack             Accepted   TellAck
Accepted   TransportFailed Accepted   TellFailed
Accepted   TimerL          Terminated
Confirmed  TimerI          Terminated
";

const REQUEST_SERVER: &str = "
Trying     Provisional     Proceeding Send
Trying     Final           Completed  Send Stop(TooLate) Start(J)
Trying     TimerTooLate    Terminated
Proceeding Request         Proceeding Send
Proceeding Provisional     Proceeding Send
Proceeding Final           Completed  Send Stop(TooLate) Start(J)
Proceeding TimerTooLate    Terminated
Proceeding TransportFailed Terminated TellFailed
Completed  Request         Completed  Send
Completed  TransportFailed Terminated TellFailed
Completed  TimerJ          Terminated
";

const INVITE_CLIENT: &str = "
Calling    TimerA          Calling    Send Again(A)
Calling    TimerB          Terminated TellTimedOut
Calling    TransportFailed Terminated TellFailed
Calling    Provisional     Proceeding Stop(A) Stop(B) Start(C) Deliver
Calling    Success         Accepted   Stop(A) Stop(B) Start(M) Deliver
Calling    Failure         Completed  Stop(A) Stop(B) Acknowledge Deliver Start(D)
Calling    Cancel          CancelHeld
CancelHeld TimerA          CancelHeld Send Again(A)
CancelHeld TimerB          Terminated TellTimedOut
CancelHeld TransportFailed Terminated TellFailed
CancelHeld Provisional     Cancelled  Stop(A) Stop(B) SendCancel Start(Cancel) Deliver
CancelHeld Success         Accepted   Stop(A) Stop(B) Start(M) Deliver
CancelHeld Failure         Completed  Stop(A) Stop(B) Acknowledge Deliver Start(D)
Proceeding Provisional     Proceeding Start(C) Deliver
Proceeding Success         Accepted   Stop(C) Start(M) Deliver
Proceeding Failure         Completed  Stop(C) Acknowledge Deliver Start(D)
Proceeding Cancel          Cancelled  Stop(C) SendCancel Start(Cancel)
Proceeding TimerC          Cancelled  SendCancel Start(Cancel)
Proceeding TransportFailed Terminated TellFailed
Cancelled  Provisional     Cancelled  Deliver
Cancelled  Success         Accepted   Stop(Cancel) Start(M) Deliver
Cancelled  Failure         Completed  Stop(Cancel) Acknowledge Deliver Start(D)
Cancelled  TimerCancel     Terminated TellTimedOut
Cancelled  TransportFailed Terminated TellFailed
Completed  Failure         Completed  Acknowledge
Completed  Success         Completed  Deliver
Completed  TransportFailed Terminated TellFailed
Completed  TimerD          Terminated
Accepted   Success         Accepted   Deliver
Accepted   TimerM          Terminated
";

const REQUEST_CLIENT: &str = "
Trying     TimerE          Trying     Send Again(E)
Trying     TimerF          Terminated TellTimedOut
Trying     TransportFailed Terminated TellFailed
Trying     Provisional     Proceeding Deliver
Trying     Final           Completed  Stop(E) Stop(F) Deliver Start(K)
Proceeding TimerE          Proceeding Send AgainAtT2(E)
Proceeding TimerF          Terminated TellTimedOut
Proceeding TransportFailed Terminated TellFailed
Proceeding Provisional     Proceeding Deliver
Proceeding Final           Completed  Stop(E) Stop(F) Deliver Start(K)
Completed  TimerK          Terminated
";

fn walk<S: Copy + Debug, I: Copy + Debug, A: Copy + Debug + 'static>(
    figure: &str,
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I) -> (S, &'static [A]),
) {
    let rows: Vec<Vec<&str>> =
        figure.lines().filter(|line| !line.is_empty()).map(|line| line.split_whitespace().collect()).collect();
    let mut met = 0;
    for state in states {
        for input in inputs {
            let (state_name, input_name) = (format!("{state:?}"), format!("{input:?}"));
            let (next, acts) = step(*state, *input);
            let mut found = vec![format!("{next:?}")];
            found.extend(acts.iter().map(|act| format!("{act:?}")));
            let row = rows.iter().find(|row| row[0] == state_name && row[1] == input_name);
            met += usize::from(row.is_some());
            let expected = row.map_or(vec![state_name.as_str()], |row| row[2..].to_vec());
            assert_eq!(found, expected, "{state_name} {input_name}");
        }
    }
    assert_eq!(met, rows.len(), "every row was met");
}

#[test]
fn the_invite_server_follows_figure_7_and_rfc_6026() {
    use invite_server::{Input::*, State::*};
    let inputs = [Invite, Ack, Provisional, Success, Failure, TimerG, TimerH, TimerI, TimerL, TransportFailed];
    walk(INVITE_SERVER, &[Proceeding, Completed, Accepted, Confirmed, Terminated], &inputs, invite_server::step);
}

#[test]
fn the_request_server_follows_figure_8() {
    use request_server::{Input::*, State::*};
    let inputs = [Request, Provisional, Final, TimerJ, TimerTooLate, TransportFailed];
    walk(REQUEST_SERVER, &[Trying, Proceeding, Completed, Terminated], &inputs, request_server::step);
}

#[test]
fn the_invite_client_follows_figure_5_and_rfc_6026() {
    use invite_client::{Input::*, State::*};
    let inputs =
        [Provisional, Success, Failure, Cancel, TimerA, TimerB, TimerC, TimerD, TimerM, TimerCancel, TransportFailed];
    let states = [Calling, CancelHeld, Proceeding, Cancelled, Completed, Accepted, Terminated];
    walk(INVITE_CLIENT, &states, &inputs, invite_client::step);
}

#[test]
fn the_request_client_follows_figure_6() {
    use request_client::{Input::*, State::*};
    let inputs = [Provisional, Final, TimerE, TimerF, TimerK, TransportFailed];
    walk(REQUEST_CLIENT, &[Trying, Proceeding, Completed, Terminated], &inputs, request_client::step);
}
