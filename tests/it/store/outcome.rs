//! What became of a ticket by emergency calls and third parties.

use super::*;

/// R28: the recordings of such calls are found by the ticket too.
pub async fn an_emergency_has_its_calls_and_the_first_handover(store: impl Store) {
    let number = "JDZ-20261124-000001".to_owned();
    let duty = |call: u64, ticket: &str, ended: bool| {
        let at = |seconds: i64| Wall(MORNING.0 + seconds * 1000);
        Entry::Duty(Box::new(DutyCall {
            call: CallId(call),
            ticket: ticket.to_owned(),
            seat: SeatNo("1001".to_owned()),
            to: "681".to_owned(),
            name: "x".to_owned(),
            began: at(call as i64),
            answered: Some(at(70)),
            ended: ended.then(|| at(130)),
            failures: vec![Failure::Busy],
        }))
    };
    let handover = |by: &str, at: i64| {
        let (ticket, call, accepted_by) = (number.clone(), CallId(9), Private::new(by.to_owned()));
        Entry::Handover(Handover { ticket, call, accepted_by, by: "api".to_owned(), at: Wall(at) })
    };
    let marked = TicketEdit { text: None, emergency: Some(Category::Flood), ..edit("a", 1, "") };
    let in_time = opened(1).t_answer.0 + 7_200_000;
    tell(&store, vec![answered(1), answered(2), duty(9, &number, false), duty(8, &number, true)]).await;
    assert_eq!(ticket(&store, 1).await.emergency, None);
    tell(&store, vec![Entry::Edit(marked), duty(9, &number, true), duty(7, "another", true)]).await;
    let found = ticket(&store, 1).await;
    let emergency = found.emergency.clone().expect("marked");
    assert_eq!((emergency.category, emergency.due, emergency.on_time), (Category::Flood, Wall(in_time), None));
    let calls: Vec<_> = emergency.calls.iter().map(|duty| (duty.call.0, duty.ended.is_some())).collect();
    assert_eq!(calls, [(8, true), (9, true)], "oldest first, as it was told last");
    assert_eq!(found.text, None, "the rest stays");
    tell(&store, vec![handover("first", in_time), handover("second", in_time + 1)]).await;
    let emergency = ticket(&store, 1).await.emergency.expect("marked");
    assert_eq!(emergency.handover.map(|took| took.accepted_by), Some(Private::new("first".to_owned())));
    assert_eq!(emergency.on_time, Some(true));
    assert_eq!(ticket(&store, 2).await.emergency, None);

    tell(&store, vec![sealed(1), sealed(9), sealed(7)]).await;
    let query = RecordingQuery { ticket: Some(number), ..RecordingQuery::default() };
    let mut calls: Vec<u64> =
        store.recordings(&query).await.unwrap().rows.iter().map(|one| one.sealed.call.0).collect();
    calls.sort_unstable();
    assert_eq!(calls, [1, 9]);
}

/// R23: 现场三方答复办结 is no ticket to dispatch; a later word counts, and an invalid ticket stays one.
pub async fn the_result_of_a_three_way_call_closes_a_ticket_or_not(store: impl Store) {
    let said = |call, result| Entry::ThreewayResult(MarkedResult { call: CallId(call), at: Wall(5), result });
    let closed_with = |n, result, invalid: Option<&str>| {
        let record = CallRecord { threeway_result: result, invalid: invalid.map(str::to_owned), ..record(opened(n)) };
        Entry::Closed(Box::new(record))
    };
    use ThreewayResult::{ResolvedOnSpot, UnitWillHandle, Unreachable};
    let entries = vec![
        answered(1),
        closed_with(1, None, None),
        answered(2),
        closed_with(2, Some(Unreachable), None),
        answered(3),
        closed_with(3, Some(ResolvedOnSpot), Some("silent")),
        answered(4),
        closed_with(4, Some(ResolvedOnSpot), None),
        answered(5),
        closed_with(5, Some(Unreachable), None),
        said(5, ResolvedOnSpot),
        answered(6),
        closed_with(6, None, None),
        said(6, ResolvedOnSpot),
        said(6, UnitWillHandle),
    ];
    tell(&store, entries).await;
    let rows = [
        (1, TicketState::Drafting, None),
        (2, TicketState::Drafting, Some(Unreachable)),
        (3, TicketState::Invalid, Some(ResolvedOnSpot)),
        (4, TicketState::ClosedOnCall, Some(ResolvedOnSpot)),
        (5, TicketState::ClosedOnCall, Some(ResolvedOnSpot)),
        (6, TicketState::Drafting, Some(UnitWillHandle)),
    ];
    for (call, state, result) in rows {
        let found = ticket(&store, call).await;
        assert_eq!((found.state, found.threeway_result), (state, result), "call {call}");
    }
}
