//! A crash between two steps of a destruction: the next start goes on, and nothing is half-said.

use std::fs;

use hotline::archive::destroy::{self, TOMBSTONE, Tombstone};
use hotline::call::CallId;
use hotline::rules::destruction::{Approval, Standing, judge};
use hotline::rules::retention::{local_day, local_text};
use hotline::store::keeping::State;
use hotline::time::Wall;

use super::yard::{DUE, Yard};

/// What is left of call 1 when the crash comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    Everything,
    TombstoneAside,
    Tombstone,
    SideCar,
    Nothing,
    RecordWithoutSignature,
    Record,
}

#[tokio::test]
async fn a_crash_at_each_step_is_gone_on_from() {
    use Left::*;
    for left in [Everything, TombstoneAside, Tombstone, SideCar, Nothing, RecordWithoutSignature, Record] {
        let yard = Yard::new("crash", 3).await;
        yard.passes_until(DUE).await;
        let id = yard.approved().await.proposed.batch;
        yard.keeper.begin(&id, "wang").await.unwrap();
        let folder = yard.town.root().join(format!("2026/11/24/{}", CallId(1)));
        let files = ["call.wav", "p3.wav", "call.json"].map(|name| (name, fs::read(folder.join(name)).unwrap()));
        match left {
            Everything => {}
            TombstoneAside => fs::write(folder.join(format!("{TOMBSTONE}.new")), b"{").unwrap(),
            Tombstone | SideCar | Nothing => destroy_by_hand(&yard, &id).await,
            RecordWithoutSignature | Record => {
                yard.keeper.carry(&id).await.unwrap();
            }
        }
        let back = match left {
            Tombstone => &files[..],
            SideCar => &files[2..],
            Everything | TombstoneAside | Nothing | RecordWithoutSignature | Record => &[],
        };
        back.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
        if left == RecordWithoutSignature {
            let record = yard.town.root().join(format!("manifests/destroyed/2029/{id}.jsonl.sig"));
            fs::remove_file(record).unwrap();
        }
        if matches!(left, RecordWithoutSignature | Record) {
            // The journal was never told that it is done: as if its last entry had been lost.
            forget(&yard);
        }
        let yard = yard.restart().await;
        yard.keeper.resume().await;
        let batch = yard.keeper.batch(&id).await.unwrap();
        assert_eq!((batch.state, batch.destroyed, batch.kept), (State::Done, 2, 0), "{left:?}");
        let report = yard.verify();
        assert_eq!((report.faults.as_slice(), report.destroyed), (&[][..], 2), "{left:?}");
        let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names, [TOMBSTONE], "{left:?}");
    }
}

/// The deed itself, without the journal's knowing.
async fn destroy_by_hand(yard: &Yard, id: &str) {
    let (kept, class, day) = yard.keeper.one(CallId(1)).await.unwrap();
    let approval = Approval { proposed_by: "wang".into(), approved_by: vec!["li".into(), "zhao".into()] };
    let standing = Standing { erasable_from: day, holds: vec![], listed: true, quarantined: false, changed: false };
    let warrant = judge(&approval, &standing, local_day(Wall(DUE))).unwrap();
    let tombstone = Tombstone {
        call: kept.sealed.call,
        ticket: None,
        path: kept.sealed.path.parent().unwrap().display().to_string(),
        ended: kept.sealed.ended,
        files: kept.sealed.files,
        keep_until: day.unwrap().to_string(),
        class,
        basis: "x".into(),
        batch: id.into(),
        proposed_by: "wang".into(),
        approved_by: approval.approved_by,
        destroyed: local_text(Wall(DUE)),
        destroyed_at: Wall(DUE),
    };
    destroy::destroy(&yard.town.root(), &tombstone, warrant).unwrap();
}

fn forget(yard: &Yard) {
    let file = yard.town.folder.join("hotline.sqlite");
    let statement = "UPDATE destruction SET state = 'begun', record = NULL; UPDATE destruction_line SET outcome = NULL; \
                     UPDATE recording SET destroyed = NULL";
    let told = std::process::Command::new("sqlite3").arg(file).arg(statement).output();
    if !told.is_ok_and(|told| told.status.success()) {
        crate::facts::leave_out("sqlite3 is not installed");
    }
}

/// Paths come from a database: none leads out of the recordings, and no link is followed.
#[tokio::test]
async fn nothing_outside_a_calls_folder_is_ever_touched() {
    let yard = Yard::new("outside", 1).await;
    let root = yard.town.root();
    for path in ["", "..", "2026/11/24", "2026/11/24/..", "/etc", "2026/11/24/0000000000000001/x", "2026/11/24/\0"] {
        assert!(destroy::finish(&root, path).is_err(), "{path:?}");
    }
    let (one, two) = (format!("2026/11/24/{}", CallId(1)), format!("2026/11/24/{}", CallId(2)));
    assert!(destroy::finish(&root, &one).is_err(), "without a tombstone");
    std::os::unix::fs::symlink(root.join(&one), root.join(&two)).unwrap();
    fs::write(root.join(&one).join(TOMBSTONE), b"{}").unwrap();
    assert!(destroy::finish(&root, &two).is_err(), "a link");
    assert!(destroy::finish(&root, &one).is_err(), "no tombstone of ours");
    assert!(root.join(&one).join("call.wav").exists());
}
