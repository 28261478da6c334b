//! What a manifest has to list, and that it is listed once.

use std::sync::Arc;

use hotline::call::{CallId, DutyCall, SeatNo};
use hotline::store::Store;
use hotline::store::entry::{Entry, Listed, Record, RecordingFailed, VERSION};
use hotline::store::query::{Span, Unlisted};
use hotline::store::reconcile::{Odd, Reconciliation, reconcile};
use hotline::time::Wall;

use crate::facts::{MORNING, answered, closed, sealed, sealed_recording};

pub async fn a_manifest_lists_what_no_other_has_listed(store: impl Store) {
    let at = |n: u64| sealed_recording(n).sealed_at.unwrap();
    let failed =
        |n, error: &str| Entry::RecordingFailed(RecordingFailed { call: CallId(n), at: at(n), error: error.into() });
    // Call 2 has no ticket; call 4 was sealed by a clock that was ahead.
    let ahead = Wall(MORNING.0 + 400 * 24 * 3_600_000);
    let later = hotline::archive::Sealed { sealed_at: Some(ahead), ..sealed_recording(4) };
    let older = hotline::archive::Sealed { sealed_at: None, ..sealed_recording(3) };
    let entries = [
        answered(1),
        sealed(2),
        sealed(1),
        Entry::Sealed(older.into()),
        Entry::Sealed(later.into()),
        failed(1, "late"),
    ];
    let number = |entry: &Entry| matches!(entry, Entry::Answered(_)).then_some("JDZ-20261124-000001");
    let records: Vec<_> = (1..)
        .zip(entries)
        .map(|(seq, entry)| {
            let number = number(&entry).map(str::to_owned);
            Arc::new(Record { v: VERSION, seq, at: MORNING, number, entry })
        })
        .collect();
    store.apply("j", 0, &records, 6).await.unwrap();
    let list = async |until: Wall, now: Wall, most: usize| {
        let rows = store.unlisted(Unlisted { until, now }, most).await.unwrap();
        rows.into_iter().map(|row| (row.sealed.call.0, row.ticket)).collect::<Vec<_>>()
    };
    let failures = async |until: Wall| {
        let rows = store.unlisted_failures(Unlisted { until, now: ahead }, 9).await.unwrap();
        rows.into_iter().map(|row| (row.call.0, row.error)).collect::<Vec<_>>()
    };
    let ticket = Some("JDZ-20261124-000001".to_owned());
    let next = |n: u64| Wall(at(n).0 + 1);
    assert_eq!(list(at(1), ahead, 9).await, [], "before the first was sealed");
    assert_eq!(list(next(2), ahead, 9).await, [(1, ticket.clone()), (2, None)]);
    assert_eq!(list(next(3), ahead, 9).await, [(1, ticket.clone()), (2, None), (3, None)], "by its call's end");
    assert_eq!(list(next(3), Wall(ahead.0 - 1), 9).await.len(), 4, "sealed in a time to come");
    assert_eq!(list(next(3), ahead, 1).await, [(1, ticket)]);
    assert_eq!((failures(at(1)).await, failures(next(1)).await), (vec![], vec![(1, "late".to_owned())]));

    let listed = Entry::Listed(Listed {
        manifest: "2026-11-24".into(),
        calls: vec![CallId(1), CallId(3), CallId(99)],
        failures: vec![(CallId(1), at(1)), (CallId(1), Wall(7))],
    });
    // Told twice, as after a crash; and the same seal once more.
    let again = [listed.clone(), listed, sealed(1), failed(1, "late")];
    let records: Vec<_> = (7..)
        .zip(again)
        .map(|(seq, entry)| Arc::new(Record { v: VERSION, seq, at: MORNING, number: None, entry }))
        .collect();
    store.apply("j", 6, &records, 10).await.unwrap();
    assert_eq!(list(next(3), ahead, 9).await, [(2, None)]);
    assert_eq!(failures(next(1)).await, []);
}

/// R65, R110: answered calls = recordings + explicit failures = tickets; whatever is not so is named.
pub async fn what_does_not_fit_together_is_found(store: impl Store) {
    let failed =
        |n: u64| Entry::RecordingFailed(RecordingFailed { call: CallId(n), at: MORNING, error: "no space".into() });
    // 1 is whole, 2 failed, 3 is up, 4 has neither, 5 is a recording of nobody; 6 and 7 are calls to a duty
    // phone: one answered and recorded for a ticket that nobody knows, one that reached nobody.
    let duty = |n: u64, answered: Option<Wall>| {
        Entry::Duty(Box::new(DutyCall {
            call: CallId(n),
            ticket: "JDZ-20261124-999999".into(),
            seat: SeatNo("1001".into()),
            to: "681".into(),
            name: String::new(),
            began: MORNING,
            answered,
            ended: Some(MORNING),
            failures: Vec::new(),
        }))
    };
    let entries = [
        closed(1),
        sealed(1),
        closed(2),
        failed(2),
        answered(3),
        closed(4),
        sealed(5),
        duty(6, Some(MORNING)),
        sealed(6),
        duty(7, None),
    ];
    let records: Vec<_> = (1..)
        .zip(entries)
        .map(|(seq, entry)| {
            let numbered = matches!(entry, Entry::Answered(_) | Entry::Closed(_));
            let number = numbered.then(|| format!("JDZ-20261124-{seq:06}"));
            Arc::new(Record { v: VERSION, seq, at: MORNING, number, entry })
        })
        .collect();
    store.apply("j", 0, &records, 10).await.unwrap();
    let today = Span::day("2026-11-24".parse().unwrap());
    let found = reconcile(&store, today, today.until).await.unwrap();
    let differences: Vec<_> = found.differences.iter().map(|one| (one.call.0, one.what)).collect();
    assert_eq!(differences, [(4, Odd::NoRecording), (5, Odd::NoCall), (6, Odd::NoTicket)]);
    let sums = (found.answered, found.running, found.tickets, found.recordings, found.failures);
    assert_eq!(sums, (5, 1, 4, 3, 1));
    // Ended so short a time ago that the seal may be to come.
    let early = reconcile(&store, today, MORNING).await.unwrap();
    assert!(early.differences.iter().all(|one| one.what != Odd::NoRecording), "{early:?}");
    let tomorrow = Span::day("2026-11-25".parse().unwrap());
    assert_eq!(reconcile(&store, tomorrow, tomorrow.until).await.unwrap(), Reconciliation::default());
}
