//! What a manifest has to list, and that it is listed once.

use std::sync::Arc;

use hotline::call::CallId;
use hotline::store::Store;
use hotline::store::entry::{Entry, Listed, Record, RecordingFailed, VERSION};
use hotline::store::query::Unlisted;
use hotline::time::Wall;

use crate::facts::{MORNING, answered, sealed, sealed_recording};

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
