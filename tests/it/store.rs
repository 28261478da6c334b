//! One contract for every implementation of the store.

use std::sync::Arc;

use hotline::archive::Verdict;
use hotline::archive::shelf::Condition;
use hotline::call::{
    CallId, CallKind, CallRecord, Caller, DutyCall, EndReason, Failure, MissedCall, OpenTicket, SeatNo, SeatState,
    ThreewayResult,
};
use hotline::privacy::Private;
use hotline::rules::callback::Closed;
use hotline::rules::emergency::Category;
use hotline::store::entry::{
    Access, AlarmChange, CalledBack, Entry, Handover, MarkedResult, Record, RecordingFailed, SeatChange, TicketEdit,
    VERSION, Verified,
};
use hotline::store::memory::Memory;
use hotline::store::query::*;
use hotline::store::sessions::sessions;
use hotline::store::{Store, StoreError};
use hotline::time::Wall;

mod listed;
mod outcome;

use crate::facts::*;
use listed::{a_manifest_lists_what_no_other_has_listed, what_does_not_fit_together_is_found};
use outcome::{
    an_emergency_has_its_calls_and_the_first_handover, the_result_of_a_three_way_call_closes_a_ticket_or_not,
};

contract! {
    an_answer_is_a_draft_with_its_call
    a_batch_counts_once
    an_end_completes_the_ticket
    the_recording_of_a_ticket_is_told_as_it_is
    a_check_is_kept_with_its_recording
    tickets_are_found_by_what_they_are_asked_for
    what_came_of_leaders_sessions_is_told_by_their_tickets
    pages_follow_each_other_without_gap
    a_missed_call_leaves_a_task_until_it_is_answered
    an_edit_fits_one_version
    a_manifest_lists_what_no_other_has_listed
    what_does_not_fit_together_is_found
    seats_alarms_and_accesses_are_kept
    the_connect_rate_counts_known_numbers
    a_number_that_is_taken_loses_no_ticket
    the_result_of_a_three_way_call_closes_a_ticket_or_not
    a_newer_programs_entry_is_set_aside
    an_emergency_has_its_calls_and_the_first_handover
    told_again_from_the_start_it_stays_the_same
}

/// Entries numbered as the journal does, from `after` + 1.
fn records(after: u64, entries: Vec<Entry>) -> Vec<Arc<Record>> {
    let record = |(index, entry): (usize, Entry)| {
        let number = match &entry {
            Entry::Answered(opened) => Some(opened.call),
            Entry::Closed(ended) => Some(ended.opened.call),
            _ => None,
        };
        let number = number.map(|call| format!("JDZ-20261124-{:06}", call.0));
        Arc::new(Record { v: VERSION, seq: after + 1 + index as u64, at: MORNING, number, entry })
    };
    entries.into_iter().enumerate().map(record).collect()
}

/// Applies entries behind those applied before.
pub async fn tell(store: &impl Store, entries: Vec<Entry>) {
    let after = store.position("j").await.unwrap();
    let records = records(after, entries);
    let upto = after + records.len() as u64;
    store.apply("j", after, &records, upto).await.unwrap();
}

async fn ticket(store: &impl Store, call: u64) -> Ticket {
    store.ticket_of(CallId(call)).await.unwrap().unwrap()
}

async fn an_answer_is_a_draft_with_its_call(store: impl Store) {
    tell(&store, vec![answered(1)]).await;
    let found = store.ticket("JDZ-20261124-000001").await.unwrap().unwrap();
    assert_eq!(found, ticket(&store, 1).await);
    assert_eq!((found.state, found.version, &found.ended), (TicketState::Drafting, 1, &None));
    assert_eq!(found.opened, opened(1));
    assert_eq!(found.recording, RecordingState::Running);
    assert_eq!(store.ticket("JDZ-20261124-000002").await.unwrap(), None);
    assert_eq!(store.ticket_of(CallId(2)).await.unwrap(), None);
    assert_eq!(store.numbers().await.unwrap(), ["JDZ-20261124-000001".parse().unwrap()]);
}

async fn a_batch_counts_once(store: impl Store) {
    assert_eq!(store.position("j").await.unwrap(), 0);
    let batch = records(0, vec![answered(1), answered(2), answered(1)]);
    assert_eq!(store.apply("j", 0, &batch, 3).await.unwrap(), 0);
    let again = store.apply("j", 0, &batch, 3).await;
    assert_eq!(again, Err(StoreError::Moved { position: 3 }));
    let ahead = store.apply("j", 4, &batch, 7).await;
    assert_eq!(ahead, Err(StoreError::Moved { position: 3 }), "a hole is not stepped over");
    store.apply("j", 3, &[], 9).await.unwrap();
    assert_eq!(store.position("j").await.unwrap(), 9);
    assert_eq!(store.position("another journal").await.unwrap(), 0);
    store.rewind("j", 0).await.unwrap();
    store.apply("j", 0, &batch, 3).await.unwrap();
    assert_eq!(store.tickets(&TicketQuery::default()).await.unwrap().rows.len(), 2);
}

async fn an_end_completes_the_ticket(store: impl Store) {
    let bad = |n: u64, why: &str| {
        let mut record = record(opened(n));
        record.invalid = Some(why.to_owned());
        Entry::Closed(Box::new(record))
    };
    tell(&store, vec![answered(1), closed(1), answered(2), bad(2, "silent"), closed(3), answered(3)]).await;
    let first = ticket(&store, 1).await;
    assert_eq!(first.ended, Some(record(opened(1)).ended));
    assert_eq!((first.state, first.recording), (TicketState::Drafting, RecordingState::Sealing));
    let second = ticket(&store, 2).await;
    assert_eq!((second.state, second.invalid.as_deref()), (TicketState::Invalid, Some("silent")));
    assert!(second.ended.is_some());
    assert!(ticket(&store, 3).await.ended.is_some(), "an end makes up for a lost answer");
    // Marked in wrap-up, after its end; the end itself stands.
    let mut late = record(opened(1));
    late.invalid = Some("harassing".to_owned());
    late.ended.end_reason = EndReason::SeatLost;
    tell(&store, vec![Entry::Closed(Box::new(late))]).await;
    let first = ticket(&store, 1).await;
    assert_eq!((first.state, first.invalid.as_deref()), (TicketState::Invalid, Some("harassing")));
    assert_eq!(first.ended.unwrap().end_reason, EndReason::Normal);
}

async fn the_recording_of_a_ticket_is_told_as_it_is(store: impl Store) {
    let failed = |n| {
        let error = "no space".to_owned();
        Entry::RecordingFailed(RecordingFailed { call: CallId(n), at: MORNING, error })
    };
    let verdict = |n, verdict| {
        let mut sealed = sealed_recording(n);
        sealed.verdict = verdict;
        Entry::Sealed(Box::new(sealed))
    };
    // Failures come before the answer: the recorder is opened first.
    tell(&store, vec![answered(1), failed(2), answered(2), answered(3), answered(4), answered(5)]).await;
    tell(&store, vec![closed(1), sealed(1), closed(2), closed(3), verdict(3, Verdict::Degraded)]).await;
    tell(&store, vec![verdict(4, Verdict::Failed), failed(5), sealed(5), sealed(6)]).await;
    for (call, state) in [
        (1, RecordingState::Sealed),
        (2, RecordingState::Missing),
        (3, RecordingState::Degraded),
        (4, RecordingState::Missing),
        (5, RecordingState::Degraded),
    ] {
        assert_eq!(ticket(&store, call).await.recording, state, "call {call}");
    }
    let of = |call, ticket: Option<&str>| RecordingQuery {
        call,
        ticket: ticket.map(str::to_owned),
        ..RecordingQuery::default()
    };
    let by_ticket = store.recordings(&of(None, Some("JDZ-20261124-000001"))).await.unwrap();
    let unchecked = |call| Recording { sealed: sealed_recording(call), checked: None, condition: None };
    assert_eq!(by_ticket.rows, [unchecked(1)]);
    let by_call = store.recordings(&of(Some(CallId(6)), None)).await.unwrap();
    assert_eq!(by_call.rows, [unchecked(6)], "one without a ticket is found all the same");
    let all: Vec<_> =
        store.recordings(&of(None, None)).await.unwrap().rows.iter().map(|one| one.sealed.call.0).collect();
    assert_eq!(all, [6, 5, 4, 3, 1]);
    assert!(store.recordings(&of(None, Some("none"))).await.unwrap().rows.is_empty());
}

async fn a_check_is_kept_with_its_recording(store: impl Store) {
    let check = |call, at, condition| Entry::Verified(Verified { call: CallId(call), at: Wall(at), condition });
    tell(&store, vec![sealed(1), sealed(2), sealed(3), sealed(4)]).await;
    let due = async |before| {
        let due = store.to_verify(Wall(before), 3).await.unwrap();
        due.iter().map(|sealed| sealed.call.0).collect::<Vec<_>>()
    };
    assert_eq!(due(1_000).await, [1, 2, 3], "never checked, the oldest first");
    tell(
        &store,
        vec![
            check(1, 500, Condition::Changed),
            check(2, 400, Condition::Verified),
            check(3, 300, Condition::Missing),
            check(3, 600, Condition::Verified),
            check(1, 100, Condition::Verified),
            check(99, 100, Condition::Missing),
        ],
    )
    .await;
    assert_eq!(due(1_000).await, [4, 2, 1]);
    assert_eq!(due(450).await, [4, 2]);
    let conditions = |quarantined| RecordingQuery { quarantined, ..RecordingQuery::default() };
    let all = store.recordings(&conditions(false)).await.unwrap().rows;
    let all: Vec<_> = all.iter().map(|one| (one.sealed.call.0, one.checked.map(|at| at.0), one.condition)).collect();
    let (verified, changed) = (Some(Condition::Verified), Some(Condition::Changed));
    assert_eq!(all, [(4, None, None), (3, Some(600), verified), (2, Some(400), verified), (1, Some(500), changed)]);
    let held: Vec<_> = store.recordings(&conditions(true)).await.unwrap().rows;
    assert_eq!(held.iter().map(|one| (one.sealed.call.0, one.is_quarantined())).collect::<Vec<_>>(), [(1, true)]);
}

async fn what_came_of_leaders_sessions_is_told_by_their_tickets(store: impl Store) {
    let taken = |n, seconds| led(n, "951@2026-11-24T09:00:00", "taken", seconds);
    let mut twice = taken(2, 60);
    // Brought in twice; before him, another one was asked in vain.
    twice.ended.leaders.extend(taken(2, 60).ended.leaders);
    twice.ended.leaders.extend(led(2, "901@2026-11-24T09:00:00", "no_answer", 0).ended.leaders);
    // Opened by the leader before it was known which seat would assist him.
    let mut early = opened(1);
    early.seat = SeatNo(String::new());
    let tomorrow = Wall(MORNING.0 + 24 * 3_600_000);
    let other_day = CallRecord { opened: opened_at(4, tomorrow), ..taken(4, 30) };
    let closed = [taken(1, 90), twice, record(opened(3)), other_day].map(|record| Entry::Closed(Box::new(record)));
    tell(&store, [Entry::Answered(Box::new(early))].into_iter().chain(closed).collect()).await;

    let day = Span::day(hotline::store::numbering::local_day(MORNING));
    let [asked, sits] = &sessions(&store, day).await.unwrap()[..] else { panic!("two sessions") };
    assert_eq!((asked.leader.as_str(), asked.rung, asked.taken), ("901", 1, 0));
    assert_eq!((sits.rung, sits.taken, sits.on_the_line_ms), (3, 2, 150_000));
    let numbers = [CallId(1), CallId(2)].map(|call| store.ticket_of(call));
    let [one, two] = numbers;
    let (one, two) = (one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
    assert_eq!(sits.tickets, [one.number.clone(), two.number]);
    assert_eq!((sits.resolved, sits.dispatched), (0, 0));
    assert_eq!(one.opened.seat, SeatNo("1001".to_owned()), "the seat that joined has the ticket");
    let of_seat = TicketQuery { seat: Some(one.opened.seat), ..TicketQuery::default() };
    assert!(store.tickets(&of_seat).await.unwrap().rows.iter().any(|ticket| ticket.call == CallId(1)));
    assert_eq!(sessions(&store, Span::ALL).await.unwrap()[1].taken, 3);

    // What the seat says of a leader's call after it counts too (R23, R27).
    let said = |call, result| Entry::ThreewayResult(MarkedResult { call: CallId(call), at: Wall(5), result });
    for (call, result, resolved) in [
        (1, ThreewayResult::ResolvedOnSpot, 1),
        (2, ThreewayResult::UnitWillHandle, 1),
        (2, ThreewayResult::ResolvedOnSpot, 2),
        (1, ThreewayResult::NotCompetent, 1),
    ] {
        tell(&store, vec![said(call, result)]).await;
        assert_eq!(sessions(&store, day).await.unwrap()[1].resolved, resolved, "{call} {result:?}");
    }
}

async fn tickets_are_found_by_what_they_are_asked_for(store: impl Store) {
    let mut county = opened(2);
    county.centre = "LP".to_owned();
    county.seat = SeatNo("2001".to_owned());
    county.original_code = "12331".to_owned();
    let tomorrow = opened_at(3, Wall(MORNING.0 + 16 * 3_600_000));
    let mut withheld = opened(4);
    withheld.caller = Caller { withheld: true, ..Caller::default() };
    let mut invalid = record(opened(5));
    invalid.invalid = Some("wrong number".to_owned());
    let answers = [opened(1), county, tomorrow, withheld].map(|opened| Entry::Answered(Box::new(opened)));
    tell(&store, answers.into_iter().chain([Entry::Closed(Box::new(invalid))]).collect()).await;
    let day = Span::day(hotline::store::numbering::local_day(MORNING));
    let all = TicketQuery::default;
    for (name, query, calls) in [
        ("all, newest first", all(), vec![3, 5, 4, 2, 1]),
        ("a local day", TicketQuery { span: day, ..all() }, vec![5, 4, 2, 1]),
        ("a caller", TicketQuery { caller: Some(phone(1)), ..all() }, vec![1]),
        ("a seat", TicketQuery { seat: Some(SeatNo("2001".to_owned())), ..all() }, vec![2]),
        ("a centre", TicketQuery { centre: Some("city".to_owned()), ..all() }, vec![3, 5, 4, 1]),
        ("a code", TicketQuery { original_code: Some("12331".to_owned()), ..all() }, vec![2]),
        ("a state", TicketQuery { state: Some(TicketState::Invalid), ..all() }, vec![5]),
        ("two of them", TicketQuery { span: day, centre: Some("LP".to_owned()), ..all() }, vec![2]),
        ("nobody's", TicketQuery { caller: Some(phone(9)), ..all() }, vec![]),
    ] {
        let found = store.tickets(&query).await.unwrap();
        assert_eq!(found.rows.iter().map(|ticket| ticket.call.0).collect::<Vec<_>>(), calls, "{name}");
        assert_eq!(found.next, None);
    }
}

async fn pages_follow_each_other_without_gap(store: impl Store) {
    // Three answers in the same millisecond, so that the call breaks the tie.
    let answers = (1..=7).map(|n| answered_at(n, Wall(MORNING.0 + i64::try_from(n / 3).unwrap())));
    tell(&store, answers.collect()).await;
    for rows in 1..=8 {
        let mut page = PageAsk { rows, after: None };
        let mut calls = Vec::new();
        loop {
            let found = store.tickets(&TicketQuery { page, ..TicketQuery::default() }).await.unwrap();
            assert!(found.rows.len() <= page.size());
            calls.extend(found.rows.iter().map(|ticket| ticket.call.0));
            let Some(next) = found.next else { break };
            page.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(calls, [7, 6, 5, 4, 3, 2, 1], "{rows} to a page");
    }
    for text in ["", "-", "12", "x-0000000000000001", "12-x"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

async fn a_missed_call_leaves_a_task_until_it_is_answered(store: impl Store) {
    let minute = |n: i64| Wall(MORNING.0 + n * 60_000);
    let mut withheld = missed_call(3, 3, minute(0));
    withheld.caller = Caller { withheld: true, ..Caller::default() };
    let mut unknown = missed_call(4, 4, minute(0));
    unknown.original_code = None;
    let others = [withheld, unknown].map(|call| Entry::Missed(Box::new(call)));
    tell(&store, vec![missed(1, 1, minute(0)), missed(2, 2, minute(1)), missed(5, 1, minute(4))]).await;
    tell(&store, others.to_vec()).await;
    assert_eq!(store.missed(&MissedQuery::default()).await.unwrap().rows.len(), 5);
    let of_one = MissedQuery { caller: Some(phone(1)), ..MissedQuery::default() };
    let rows = store.missed(&of_one).await.unwrap().rows;
    let of_task = |n, at| MissedCall { callback_task: Some(CallId(1)), ..missed_call(n, 1, at) };
    assert_eq!(rows, [of_task(5, minute(4)), of_task(1, minute(0))]);
    let due = async |at| {
        let due = store.callbacks(at).await.unwrap();
        due.into_iter().map(|task| (task.task.0, task.state.misses)).collect::<Vec<_>>()
    };
    assert_eq!(due(minute(9)).await, []);
    assert_eq!(due(minute(10)).await, [(1, 2)]);
    assert_eq!(due(minute(11)).await, [(1, 2), (2, 1)]);
    // Call 1001 is of the number of call 1.
    let mut again = opened_at(1001, minute(12));
    again.caller = caller(1);
    tell(&store, vec![Entry::Answered(Box::new(again))]).await;
    assert_eq!(due(minute(13)).await, [(2, 1)]);
    let tried = |at, reached| Entry::CalledBack(CalledBack { task: CallId(2), at, reached });
    tell(&store, vec![tried(minute(14), false), tried(minute(15), true), missed(6, 1, minute(30))]).await;
    let closed: Vec<_> =
        store.callbacks_of(phone(2).reveal()).await.unwrap().into_iter().map(|task| task.state.closed).collect();
    assert_eq!(closed, [Some((minute(15), Closed::Reached))]);
    let tasks = store.callbacks_of(phone(1).reveal()).await.unwrap();
    let tasks: Vec<_> = tasks.into_iter().map(|task| (task.task.0, task.state.closed)).collect();
    assert_eq!(tasks, [(6, None), (1, Some((minute(12), Closed::GotThrough)))]);
}

pub fn edit(id: &str, version: u32, text: &str) -> TicketEdit {
    TicketEdit {
        edit: id.to_owned(),
        number: "JDZ-20261124-000001".to_owned(),
        version,
        kind: None,
        place: None,
        text: Some(Private::new(text.to_owned())),
        emergency: None,
        by: "api".to_owned(),
        at: MORNING,
    }
}

async fn an_edit_fits_one_version(store: impl Store) {
    let mut first = edit("a", 1, "路灯不亮");
    first.kind = Some("求助".to_owned());
    let nowhere = TicketEdit { number: "JDZ-20261124-000009".to_owned(), ..edit("d", 1, "x") };
    let edits = [first, edit("b", 1, "late"), edit("c", 2, "路灯不亮了"), nowhere, edit("a", 3, "told twice")];
    tell(&store, [answered(1)].into_iter().chain(edits.map(Entry::Edit)).collect()).await;
    let found = ticket(&store, 1).await;
    assert_eq!((found.version, found.kind.as_deref()), (3, Some("求助")));
    assert_eq!(found.text.unwrap().reveal(), "路灯不亮了");
    for (edit, outcome) in [("a", Some(true)), ("b", Some(false)), ("c", Some(true)), ("d", Some(false)), ("e", None)] {
        assert_eq!(store.edit_outcome(edit).await.unwrap(), outcome, "{edit}");
    }
}

async fn seats_alarms_and_accesses_are_kept(store: impl Store) {
    let seat = |seat: &str, at: i64, state, reason: Option<&str>| SeatChange {
        seat: SeatNo(seat.to_owned()),
        state,
        reason: reason.map(|reason| reason.to_owned().into()),
        at: Wall(at),
    };
    let changes = [
        seat("1001", 10, SeatState::Idle, None),
        seat("1002", 15, SeatState::Idle, None),
        seat("1001", 20, SeatState::Reserved, None),
        seat("1001", 20, SeatState::Ringing, None),
        seat("1001", 90, SeatState::Break, Some("午餐")),
    ];
    let alarm = |subject: &str, active, at| {
        Entry::Alarm(AlarmChange {
            name: "trunk_down".to_owned(),
            subject: subject.to_owned(),
            severity: "major".to_owned(),
            detail: None,
            active,
            at: Wall(at),
        })
    };
    let access = |n, at| Access {
        call: CallId(n),
        who: "archivist".to_owned(),
        purpose: "complaint".to_owned(),
        from: (n == 1).then(|| "192.0.2.9".to_owned()),
        at: Wall(at),
    };
    tell(&store, changes.clone().map(Entry::Seat).to_vec()).await;
    tell(&store, vec![alarm("a", true, 10), alarm("a", true, 20), alarm("b", true, 30), alarm("a", false, 40)]).await;
    tell(&store, vec![alarm("a", true, 50), alarm("c", false, 60)]).await;
    tell(&store, [access(1, 10), access(2, 20), access(1, 30)].map(Entry::Access).to_vec()).await;
    let one = SeatNo("1001".to_owned());
    let history = store.seat_history(&one, Span::ALL).await.unwrap();
    assert_eq!(history, [&changes[0], &changes[2], &changes[3], &changes[4]].map(Clone::clone));
    let part = store.seat_history(&one, Span { from: Wall(20), until: Wall(90) }).await.unwrap();
    assert_eq!(part, [changes[2].clone(), changes[3].clone()]);
    let alarms = async |span| {
        let alarms = store.alarms(span).await.unwrap();
        alarms.into_iter().map(|a| (a.subject, a.raised.0, a.cleared.map(|at| at.0))).collect::<Vec<_>>()
    };
    let (a, b) = (|| "a".to_owned(), || "b".to_owned());
    assert_eq!(alarms(Span::ALL).await, [(a(), 50, None), (b(), 30, None), (a(), 10, Some(40))]);
    let now = Span { from: Wall(45), until: Wall(46) };
    assert_eq!(alarms(now).await, [(b(), 30, None)]);
    assert_eq!(store.accesses(CallId(1)).await.unwrap(), [access(1, 10), access(1, 30)]);
    assert_eq!(store.accesses(CallId(2)).await.unwrap(), [access(2, 20)]);
}

async fn the_connect_rate_counts_known_numbers(store: impl Store) {
    let mut late = opened(2);
    late.within_15s = false;
    let mut unknown = missed_call(4, 4, MORNING);
    unknown.original_code = None;
    let ours = Entry::Answered(Box::new(OpenTicket { kind: CallKind::MissedOut, ..opened(6) }));
    let yesterday = missed(5, 5, Wall(MORNING.0 - 86_400_000));
    let entries =
        vec![answered(1), Entry::Answered(Box::new(late)), missed(3, 3, MORNING), Entry::Missed(Box::new(unknown))];
    tell(&store, entries.into_iter().chain([yesterday, ours]).collect()).await;
    let day = Span::day(hotline::store::numbering::local_day(MORNING));
    let counts = store.counts(day).await.unwrap();
    assert_eq!(counts, Counts { offered: 3, answered: 2, within_15s: 1 });
    let none = store.counts(Span { from: Wall(0), until: Wall(1) }).await.unwrap();
    assert_eq!(none, Counts::default());
}

async fn a_number_that_is_taken_loses_no_ticket(store: impl Store) {
    let twin = |seq, n| {
        let number = Some("JDZ-20261124-000001".to_owned());
        Arc::new(Record { v: VERSION, seq, at: MORNING, number, entry: answered(n) })
    };
    store.apply("j", 0, &[twin(1, 1), twin(2, 2)], 2).await.unwrap();
    assert_eq!(ticket(&store, 1).await.number, "JDZ-20261124-000001");
    assert_eq!(ticket(&store, 2).await.number, format!("JDZ-20261124-000001.{}", CallId(2)));
    assert_eq!(store.numbers().await.unwrap(), ["JDZ-20261124-000001".parse().unwrap()]);
}

async fn a_newer_programs_entry_is_set_aside(store: impl Store) {
    let raw = Private::new(r#"{"record":{"v":9}}"#.to_owned());
    let newer = Record { v: 9, seq: 2, at: MORNING, number: None, entry: Entry::Foreign(raw.clone()) };
    let batch = [records(0, vec![answered(1)]), vec![Arc::new(newer)], records(2, vec![answered(2)])].concat();
    assert_eq!(store.apply("j", 0, &batch, 3).await.unwrap(), 1);
    let aside = store.set_aside().await.unwrap();
    assert_eq!((aside.len(), aside[0].seq, &aside[0].raw), (1, 2, &raw));
    assert_eq!(ticket(&store, 2).await.number, "JDZ-20261124-000002", "those behind it are not held up");
}

/// Everything that can be asked, as text.
pub async fn everything(store: &impl Store) -> String {
    let seat = SeatNo("1001".to_owned());
    format!(
        "{:#?} {:#?} {:#?} {:#?} {:#?} {:#?} {:#?} {:#?}",
        store.tickets(&TicketQuery::default()).await.unwrap(),
        store.missed(&MissedQuery::default()).await.unwrap(),
        store.callbacks(Wall(i64::MAX)).await.unwrap(),
        store.recordings(&RecordingQuery::default()).await.unwrap(),
        store.seat_history(&seat, Span::ALL).await.unwrap(),
        store.alarms(Span::ALL).await.unwrap(),
        store.accesses(CallId(1)).await.unwrap(),
        store.counts(Span::ALL).await.unwrap(),
    )
}

/// A morning with some of everything.
pub fn morning() -> Vec<Entry> {
    let seat =
        |at, state| Entry::Seat(SeatChange { seat: SeatNo("1001".to_owned()), state, reason: None, at: Wall(at) });
    let alarm = |active, at| {
        let (name, subject) = ("no_seat".to_owned(), "general".to_owned());
        Entry::Alarm(AlarmChange { name, subject, severity: "major".to_owned(), detail: None, active, at: Wall(at) })
    };
    let mut again = opened_at(1003, Wall(MORNING.0 + 700_000));
    again.caller = caller(3);
    vec![
        seat(1, SeatState::Idle),
        answered(1),
        seat(2, SeatState::Talking),
        alarm(true, 3),
        missed(3, 3, MORNING),
        Entry::Edit(edit("a", 1, "路灯")),
        closed(1),
        Entry::Edit(edit("b", 1, "stale")),
        alarm(false, 9),
        sealed(1),
        Entry::Verified(Verified { call: CallId(1), at: Wall(50), condition: Condition::Changed }),
        answered(2),
        missed(4, 4, MORNING),
        Entry::CalledBack(CalledBack { task: CallId(4), at: Wall(MORNING.0 + 650_000), reached: false }),
        Entry::Answered(Box::new(again)),
        missed(5, 3, Wall(MORNING.0 + 800_000)),
        alarm(true, 12),
        Entry::Access(Access {
            call: CallId(1),
            who: "a".to_owned(),
            purpose: "b".to_owned(),
            from: None,
            at: Wall(99),
        }),
        seat(30, SeatState::Idle),
    ]
}

async fn told_again_from_the_start_it_stays_the_same(store: impl Store) {
    tell(&store, morning()).await;
    let once = everything(&store).await;
    for from in 0..=morning().len() {
        store.rewind("j", from as u64).await.unwrap();
        tell(&store, morning().split_off(from)).await;
        assert_eq!(everything(&store).await, once, "told again from entry {from}");
    }
    let reference = Memory::default();
    tell(&reference, morning()).await;
    assert_eq!(once, everything(&reference).await, "and every store says the same");
}
