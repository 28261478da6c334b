//! From the list to the tombstone.

use std::fs;

use hotline::app::keeper::KeeperError;
use hotline::archive::destroy::{self, TOMBSTONE};
use hotline::archive::manifest::verify::{Scope, What};
use hotline::call::CallId;
use hotline::privacy::Private;
use hotline::rules::destruction::Stays;
use hotline::store::entry::{Entry, Verified};
use hotline::store::keeping::{State, SubjectKind};
use hotline::time::Wall;

use super::yard::{DUE, Yard};
use crate::facts;
use crate::manifest::town::{DAY, overwrite};

fn code<T: std::fmt::Debug>(refused: Result<T, KeeperError>) -> String {
    match refused {
        Err(KeeperError::Refused { code, .. }) => code.to_owned(),
        Err(KeeperError::NoSuch(what)) => format!("no {what}"),
        other => format!("{other:?}"),
    }
}

fn path(n: u64) -> String {
    format!("2026/11/24/{}", CallId(n))
}

#[tokio::test]
async fn a_recording_is_destroyed_by_three_people_after_its_day_and_verify_says_so() {
    let yard = Yard::new("story", 4).await;
    yard.archive_tickets(2).await;
    yard.passes_until(DUE - DAY).await;
    assert_eq!(yard.keeper.due(None, 9).await.unwrap().recordings, 0, "a day before");
    assert_eq!(code(yard.keeper.propose("wang").await), "nothing_due");
    yard.passes_until(DUE).await;
    let due = yard.keeper.due(None, 9).await.unwrap();
    let rows: Vec<_> = due.rows.iter().map(|row| (row.line.call.0, row.line.class.as_str())).collect();
    assert_eq!(rows, [(1, "ordinary"), (2, "ordinary"), (3, "ordinary")]);
    assert_eq!((due.recordings, due.bytes, due.tickets_open), (3, 3 * facts::sealed_recording(1).bytes, 1));
    assert_eq!((due.rows[0].line.keep_until.as_str(), due.rows[0].line.sha256.len()), ("2029-11-25", 64));
    assert!(due.rows[0].line.basis.contains("第十一条"));

    let batch = yard.keeper.propose("wang").await.unwrap();
    let id = batch.proposed.batch.as_str();
    assert_eq!((batch.state, batch.proposed.recordings), (State::Proposed, 3));
    assert_eq!(code(yard.keeper.propose("li").await), "nothing_due", "all of it is in a batch");
    for (who, answer) in [("wang", "same_person"), ("Wang ", "same_person")] {
        assert_eq!(code(yard.keeper.approve(id, who).await), answer);
    }
    assert_eq!(code(yard.keeper.begin(id, "wang").await), "not_approved");
    yard.keeper.approve(id, "li").await.unwrap();
    assert_eq!(code(yard.keeper.approve(id, "li").await), "same_person");
    assert_eq!(code(yard.keeper.begin(id, "wang").await), "not_approved", "one is not two");
    yard.keeper.approve(id, "zhao").await.unwrap();

    // After the approval: a court asks for call 3.
    let three = (SubjectKind::Call, Private::new(CallId(3).to_string()));
    yard.keeper.hold("2029-17", three, "litigation", "wang").await.unwrap();
    yard.keeper.begin(id, "wang").await.unwrap();
    let done = yard.keeper.carry(id).await.unwrap();
    assert_eq!((done.state, done.destroyed, done.kept), (State::Done, 2, 1));
    let lines = yard.keeper.lines(id).await.unwrap();
    assert_eq!(lines[2].1.as_ref().unwrap().stays, Some(Stays::Held("2029-17".into())));

    for n in [1, 2] {
        let names: Vec<_> = fs::read_dir(yard.town.root().join(path(n))).unwrap().collect();
        assert_eq!(names.len(), 1, "{n}: the tombstone alone");
        let tombstone = destroy::read(&yard.town.root(), &path(n)).unwrap();
        assert_eq!((tombstone.batch.as_str(), tombstone.files.len()), (id, 3));
        assert_eq!((tombstone.proposed_by.as_str(), tombstone.approved_by.join(" ")), ("wang", "li zhao".into()));
        assert_eq!((tombstone.keep_until.as_str(), &tombstone.destroyed[..10]), ("2029-11-25", "2029-11-25"));
    }
    assert!(yard.town.root().join(path(3)).join("call.wav").exists());
    let report = yard.verify();
    assert_eq!((report.faults.as_slice(), report.recordings, report.destroyed), (&[][..], 4, 2));
    let one = yard.town.verify(&Scope::Recording(path(1)));
    let gone = &one.destroyed_on[0];
    assert_eq!((&gone.on[..10], gone.batch.as_str(), gone.approved_by.len()), ("2029-11-25", id, 2));
    // Nothing is said of it any more but that.
    assert_eq!(yard.keeper.due(None, 9).await.unwrap().recordings, 0);
    let left = hotline::store::Store::to_verify(&*yard.town.maker.store, Wall(i64::MAX), 9).await.unwrap();
    assert_eq!(left.iter().map(|sealed| sealed.call.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(code(yard.keeper.begin(id, "wang").await), "batch_state");

    // The case is over: the next batch takes it, and its record follows the first one.
    assert_eq!(yard.keeper.lift("2029-17", "settled", "wang").await.unwrap(), 1);
    assert_eq!(code(yard.keeper.lift("2029-17", "settled", "wang").await), "no hold that stands");
    let second = yard.approved().await.proposed.batch;
    yard.keeper.begin(&second, "wang").await.unwrap();
    assert_eq!(yard.keeper.carry(&second).await.unwrap().destroyed, 1);
    let report = yard.verify();
    assert_eq!((report.faults.as_slice(), report.destroyed), (&[][..], 3));
}

#[tokio::test]
async fn a_hold_covers_what_it_names_and_later_calls_of_a_number() {
    let yard = Yard::new("holds", 4).await;
    yard.archive_tickets(4).await;
    let hold = async |case: &str, kind, subject: &str| {
        yard.keeper.hold(case, (kind, Private::new(subject.to_owned())), "reason", "wang").await
    };
    hold("a", SubjectKind::Call, &CallId(1).to_string()).await.unwrap();
    let ticket = yard.ticket(2).await;
    hold("b", SubjectKind::Ticket, &ticket).await.unwrap();
    hold("c", SubjectKind::Number, facts::phone(4).reveal()).await.unwrap();
    hold("later", SubjectKind::Number, facts::phone(6).reveal()).await.unwrap();
    for (case, kind, subject, answer) in [
        ("d", SubjectKind::Call, "00000000000000ff", "no call"),
        ("d", SubjectKind::Call, "nonsense", "no call"),
        ("d", SubjectKind::Ticket, "JDZ-1", "no ticket"),
        (" ", SubjectKind::Ticket, ticket.as_str(), "bad_request"),
    ] {
        assert_eq!(code(hold(case, kind, subject).await), answer, "{case} {subject}");
    }
    // Call 6 comes after the hold.
    yard.town.tell(facts::closed(6)).await;
    yard.town.record(6, "2026/11/24", crate::manifest::town::MIDNIGHT + DAY + 2).await;
    yard.settle().await;
    yard.passes_until(DUE + 5 * DAY).await;
    let holds = async |n| yard.keeper.one(CallId(n)).await.unwrap().0.holds;
    assert_eq!([holds(1).await, holds(2).await, holds(3).await], [vec!["a"], vec!["b"], vec![]]);
    assert_eq!([holds(4).await, holds(6).await], [["c"], ["later"]]);
    let due = yard.keeper.due(None, 9).await.unwrap();
    assert_eq!((due.recordings, due.held), (1, 4));
    yard.keeper.lift("b", "over", "li").await.unwrap();
    assert_eq!(yard.keeper.due(None, 9).await.unwrap().recordings, 2);
    let all = yard.keeper.holds(false).await.unwrap();
    assert_eq!((all.len(), yard.keeper.holds(true).await.unwrap().len()), (4, 3));
}

/// Whatever changes between approval and destruction counts as it stands then.
#[tokio::test]
async fn what_was_approved_is_looked_at_once_more() {
    let yard = Yard::new("again", 9).await;
    yard.archive_tickets(8).await;
    yard.passes_until(DUE).await;
    let batch = yard.approved().await;
    let id = batch.proposed.batch.as_str();
    // 1: a class that is no more in the file keeps for ever; so does one that keeps for longer.
    let mut settings = hotline::config::Config::embedded().retention;
    settings.schedule.classes.push(hotline::rules::retention::schedule::Class {
        id: "court".into(),
        label: "x".into(),
        months: 360,
        basis: "x".into(),
        statute: None,
        approved_by: vec![],
        codes: vec![],
        types: vec![],
    });
    yard.keeper.set(settings);
    assert_eq!(code(yard.keeper.class(CallId(1), Some("curt"), "x", "li").await), "no_class");
    yard.keeper.class(CallId(1), Some("court"), "sentence", "li").await.unwrap();
    // 3: sealed anew, with another sum.
    let sealed = yard.keeper.one(CallId(3)).await.unwrap().0.sealed;
    yard.seal_again(hotline::archive::Sealed { sha256: "ff".repeat(32), ..sealed }).await;
    // 5: its folder is gone. 7: not as it was sealed.
    fs::rename(yard.town.root().join(path(5)), yard.town.folder.join("elsewhere")).unwrap();
    let condition = hotline::archive::shelf::Condition::Changed;
    yard.town.tell(Entry::Verified(Verified { call: CallId(7), at: Wall(DUE), condition })).await;
    yard.settle().await;
    yard.keeper.begin(id, "wang").await.unwrap();
    let done = yard.keeper.carry(id).await.unwrap();
    assert_eq!((done.destroyed, done.kept), (5, 4));
    let stays: Vec<_> = yard
        .keeper
        .lines(id)
        .await
        .unwrap()
        .into_iter()
        .filter_map(|(line, outcome)| Some((line.call.0, outcome?.stays?)))
        .collect();
    let not_before = Stays::NotBefore("2056-11-25".into());
    assert_eq!(stays, [(1, not_before), (3, Stays::Changed), (5, Stays::Missing), (7, Stays::Quarantined)]);
    let missing: Vec<_> = yard.verify().faults.into_iter().map(|fault| fault.what).collect();
    assert_eq!(missing, [What::Missing; 3], "the three files of 5 and nothing else");
}

#[tokio::test]
async fn a_list_that_was_changed_after_it_was_proposed_is_not_carried_out() {
    let yard = Yard::new("list", 3).await;
    yard.passes_until(DUE).await;
    let batch = yard.approved().await;
    let id = batch.proposed.batch.clone();
    let file = yard.town.folder.join("hotline.sqlite");
    let told = std::process::Command::new("sqlite3")
        .arg(&file)
        .arg("DELETE FROM destruction_line WHERE path LIKE '%3/call.wav'")
        .output();
    if !told.is_ok_and(|told| told.status.success()) {
        return facts::leave_out("sqlite3 is not installed");
    }
    assert_eq!(code(yard.keeper.begin(&id, "wang").await), "list_changed");
    yard.keeper.withdraw(&id, "its list is wrong", "wang").await.unwrap();
    assert_eq!(code(yard.keeper.approve(&id, "sun").await), "batch_state");
    assert_eq!(yard.keeper.propose("wang").await.unwrap().proposed.recordings, 2, "2 has an open ticket");
}

/// Whoever tampers with what is left is named.
#[tokio::test]
async fn a_forged_destruction_is_named() {
    let yard = Yard::new("forged", 3).await;
    let root = yard.town.root();
    yard.passes_until(DUE).await;
    let id = yard.approved().await.proposed.batch;
    yard.keeper.begin(&id, "wang").await.unwrap();
    yard.keeper.carry(&id).await.unwrap();
    assert_eq!(yard.verify().faults, []);
    let whats = || yard.verify().faults.into_iter().map(|fault| (fault.what, fault.path)).collect::<Vec<_>>();
    let record = root.join(format!("manifests/destroyed/2029/{id}.jsonl"));
    let whole = fs::read(&record).unwrap();

    // A tombstone laid on a recording that somebody removed by hand.
    fs::copy(root.join(path(1)).join(TOMBSTONE), root.join(path(2)).join(TOMBSTONE)).unwrap();
    fs::remove_file(root.join(path(2)).join("call.wav")).unwrap();
    let faults = yard.verify().faults;
    assert_eq!(faults[0].what, What::Missing);
    assert!(faults.iter().any(|fault| fault.why.contains("no signed record")), "{faults:?}");
    fs::remove_file(root.join(path(2)).join(TOMBSTONE)).unwrap();

    // A line put into the record; the record removed; its signature removed.
    let forged = String::from_utf8(whole.clone()).unwrap().replace("zhao", "wang");
    overwrite(&record, forged.as_bytes());
    assert!(whats().contains(&(What::Signature, format!("manifests/destroyed/2029/{id}.jsonl"))));
    fs::remove_file(&record).unwrap();
    assert!(whats().iter().filter(|(what, _)| *what == What::Missing).count() > 3);
    overwrite(&record, &whole);
    fs::remove_file(root.join(path(1)).join(TOMBSTONE)).unwrap();
    assert!(whats().contains(&(What::Missing, format!("{}/{TOMBSTONE}", path(1)))));
}
