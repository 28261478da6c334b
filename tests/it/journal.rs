//! The answer journal: numbers, torn ends, failing disks, calls that were up.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use hotline::archive::Sealed;
use hotline::call::{CallId, LegId};
use hotline::privacy::Private;
use hotline::store::entry::{Access, CalledBack, Entry, Leg, LegGone, MarkedInvalid, RecordingFailed};
use hotline::store::journal::{Journal, JournalError, Options};
use hotline::store::numbering::{Number, Numbering};
use hotline::time::Wall;

use crate::facts::*;

#[test]
fn a_ticket_number_is_prefix_local_day_and_serial() {
    // (prefix, moment in UTC, number expected), in the order of giving.
    let table = [
        ("JDZ", 1_795_478_400_000, "JDZ-20261124-000001"), // 00:00:00Z is 08:00 there
        ("JDZ", 1_795_478_400_001, "JDZ-20261124-000002"),
        ("LP", 1_795_478_400_001, "LP-20261124-000001"),
        ("JDZ", 1_795_535_999_999, "JDZ-20261124-000003"), // 23:59:59.999 there
        ("JDZ", 1_795_536_000_000, "JDZ-20261125-000001"), // midnight there, 16:00Z
        ("JDZ", 1_795_535_999_999, "JDZ-20261124-000004"), // the clock was set back
        ("JDZ", 1_709_136_000_000, "JDZ-20240229-000001"),
    ];
    let mut numbering = Numbering::default();
    for (prefix, at, expected) in table {
        assert_eq!(numbering.allot(prefix, Wall(at)), expected);
    }
    numbering.given(&"JDZ-20261124-999999".parse().unwrap());
    numbering.given(&"JDZ-20261124-000007".parse().unwrap());
    assert_eq!(numbering.allot("JDZ", MORNING), "JDZ-20261124-1000000", "a seventh digit rather than reuse");
    for (text, read) in [
        ("JDZ-20261124-1000000", Some(("JDZ", 20_261_124, 1_000_000))),
        ("JDZ-FL-20261124-000001", Some(("JDZ-FL", 20_261_124, 1))),
        ("JDZ-20261124-1", None),
        ("-20261124-000001", None),
        ("JDZ-2026-000001", None),
        ("JDZ-20261124-00000x", None),
        ("", None),
    ] {
        let parts = text.parse::<Number>().ok();
        let parts = parts.as_ref().map(|number| (number.prefix.as_str(), number.day, number.serial));
        assert_eq!(parts, read, "{text}");
    }
}

#[test]
fn an_answer_gets_one_number_however_often_it_is_told() {
    let folder = Folder::new("twice");
    let (journal, _) = open(&folder.0);
    assert_eq!(number(&journal, answered(1)), "JDZ-20261124-000001");
    assert_eq!(number(&journal, answered(2)), "JDZ-20261124-000002");
    assert_eq!(number(&journal, answered(1)), "JDZ-20261124-000001");
    assert_eq!(number(&journal, closed(1)), "JDZ-20261124-000001");
    assert_eq!(number(&journal, answered(1)), "JDZ-20261124-000001", "after its end too");
    journal.close();
    let (journal, recovered) = open(&folder.0);
    assert_eq!(recovered.last, 3);
    assert_eq!(number(&journal, answered(2)), "JDZ-20261124-000002", "after a restart");
    assert_eq!(number(&journal, closed(3)), "JDZ-20261124-000003", "an end whose answer was lost opens the ticket");
    assert_eq!(number(&journal, answered(4)), "JDZ-20261124-000004");
}

#[test]
fn no_number_comes_twice_over_restarts_segments_and_a_clock_set_back() {
    let folder = Folder::new("reuse");
    let mut given = Vec::new();
    for run in 0..6_u64 {
        // A segment per group; every second run lives a day earlier.
        let (journal, _) = open_with(&folder.0, Options { segment_bytes: 1, ..Options::default() });
        let day = Wall(MORNING.0 - i64::try_from(run % 2).unwrap() * 86_400_000);
        for n in 0..5 {
            given.push(number(&journal, answered_at(run * 100 + n, day)));
        }
        journal.close();
    }
    let count = given.len();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), count);
    assert_eq!(given.last().unwrap(), "JDZ-20261124-000015");
}

#[test]
fn numbers_that_only_the_database_knows_are_not_given_again() {
    let folder = Folder::new("given");
    let (journal, _) = open(&folder.0);
    journal.numbers_given(vec!["JDZ-20261124-000041".parse().unwrap()]);
    assert_eq!(number(&journal, answered(1)), "JDZ-20261124-000042");
}

#[test]
fn a_journal_cut_at_any_byte_of_its_last_record_loses_that_record_only() {
    let folder = Folder::new("torn");
    let whole = folder.join("whole");
    let (journal, _) = open(&whole);
    append(&journal, answered(1)).unwrap();
    append(&journal, answered(2)).unwrap();
    let before = fs::metadata(segment(&whole)).unwrap().len();
    append(&journal, answered(3)).unwrap();
    journal.close();
    let bytes = fs::read(segment(&whole)).unwrap();
    let before = usize::try_from(before).unwrap();
    for cut in before..=bytes.len() {
        let dir = folder.join("cut");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("000001.log"), &bytes[..cut]).unwrap();
        let (journal, recovered) = open(&dir);
        // Without its newline the record is whole all the same.
        let kept = if cut + 1 < bytes.len() { 2 } else { 3 };
        assert_eq!(recovered.open.len(), kept, "cut at {cut}");
        assert_eq!(recovered.torn, cut > before && kept == 2, "cut at {cut}");
        assert!(recovered.damaged.is_empty());
        if !(cut - before).is_multiple_of(50) && cut + 2 < bytes.len() {
            continue;
        }
        let next = format!("JDZ-20261124-{:06}", kept + 1);
        assert_eq!(number(&journal, answered(9)), next);
        journal.close();
        let (journal, recovered) = open(&dir);
        assert_eq!(recovered.open.len(), kept + 1, "and goes on, cut at {cut}");
        journal.close();
    }
}

#[test]
fn a_flipped_bit_costs_no_more_than_its_line() {
    let folder = Folder::new("flip");
    let whole = folder.join("whole");
    let (journal, _) = open(&whole);
    append(&journal, answered(1)).unwrap();
    let first = fs::metadata(segment(&whole)).unwrap().len();
    append(&journal, answered(2)).unwrap();
    let second = fs::metadata(segment(&whole)).unwrap().len();
    append(&journal, answered(3)).unwrap();
    journal.close();
    let bytes = fs::read(segment(&whole)).unwrap();
    let (first, second) = (usize::try_from(first).unwrap(), usize::try_from(second).unwrap());
    for at in (first..second - 1).step_by(7) {
        let dir = folder.join("flipped");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(dir.join("000001.log"), &flipped).unwrap();
        let (journal, recovered) = open(&dir);
        let calls: Vec<_> = recovered.open.iter().map(|open| open.call.0).collect();
        assert_eq!(calls, [1, 3], "flipped at {at}");
        assert_eq!(recovered.damaged, [(dir.join("000001.log"), u64::try_from(first).unwrap())]);
        assert_eq!(number(&journal, answered(4)), "JDZ-20261124-000004");
        journal.close();
    }
}

#[test]
fn a_damaged_head_sends_the_search_one_segment_back() {
    let folder = Folder::new("head");
    for n in 1..=3 {
        let (journal, _) = open(&folder.0);
        append(&journal, answered(n)).unwrap();
        journal.close();
    }
    let last = folder.join("000003.log");
    let mut bytes = fs::read(&last).unwrap();
    bytes[40] ^= 1;
    fs::write(&last, bytes).unwrap();
    let (journal, recovered) = open(&folder.0);
    assert_eq!(recovered.open.len(), 3);
    assert_eq!(recovered.damaged, [(last, 0)]);
    assert_eq!(number(&journal, answered(4)), "JDZ-20261124-000004");
}

#[test]
fn calls_that_were_up_come_back_with_their_legs() {
    let folder = Folder::new("up");
    let leg = |call, leg, dialog: &str| {
        let dialog = Private::new(dialog.to_owned());
        Entry::Leg(Leg { call: CallId(call), leg: LegId(leg), at: MORNING, dialog })
    };
    let gone = |call, leg| Entry::LegGone(LegGone { call: CallId(call), leg: LegId(leg) });
    let (journal, recovered) = open_with(&folder.0, Options { segment_bytes: 1, ..Options::default() });
    assert!(recovered.open.is_empty());
    for entry in [
        leg(1, 11, "caller"),
        answered(1),
        leg(1, 12, "first seat"),
        gone(1, 12),
        leg(1, 13, "second seat"),
        leg(1, 13, "second seat, re-INVITEd"),
        leg(2, 21, "caller"),
        answered(2),
        closed(2),
        leg(3, 31, "in the queue"),
        leg(4, 41, "gave up"),
        missed(4, 4, MORNING),
        leg(5, 51, "released"),
        gone(5, 51),
    ] {
        append(&journal, entry).unwrap();
    }
    journal.close();
    let (journal, recovered) = open(&folder.0);
    let up: Vec<_> = recovered
        .open
        .iter()
        .map(|open| {
            let legs: Vec<_> = open.legs.iter().map(|leg| (leg.leg.0, leg.dialog.reveal().as_str())).collect();
            (open.call.0, open.answered.as_ref().map(|(number, _)| number.as_str()), legs)
        })
        .collect();
    assert_eq!(
        up,
        [
            (1, Some("JDZ-20261124-000001"), vec![(11, "caller"), (13, "second seat, re-INVITEd")]),
            (3, None, vec![(31, "in the queue")]),
        ]
    );
    assert_eq!(recovered.open[0].answered.as_ref().unwrap().1, opened(1));
    append(&journal, closed(1)).unwrap();
    append(&journal, gone(3, 31)).unwrap();
    journal.close();
    assert!(open(&folder.0).1.open.is_empty());
}

#[test]
fn a_recording_that_was_never_told_to_be_sealed_is_looked_for_at_each_start() {
    let folder = Folder::new("unsealed");
    let (journal, recovered) = open(&folder.0);
    assert!(recovered.unsealed.is_empty());
    for entry in [answered(1), answered(2), closed(1), closed(2), sealed(2)] {
        append(&journal, entry).unwrap();
    }
    journal.close();
    for _ in 0..2 {
        let (journal, recovered) = open(&folder.0);
        let calls: Vec<_> = recovered.unsealed.iter().map(|(call, _)| call.0).collect();
        assert_eq!(calls, [1]);
        journal.close();
    }
    let (journal, _) = open(&folder.0);
    append(&journal, sealed(1)).unwrap();
    journal.close();
    assert!(open(&folder.0).1.unsealed.is_empty());
}

#[test]
fn those_who_wait_together_share_a_sync_and_are_told_in_order() {
    let folder = Folder::new("group");
    let (journal, _) = open(&folder.0);
    let (told, hears) = mpsc::channel();
    for n in 1..=300 {
        let told = told.clone();
        journal.append(answered(n), move |result| told.send((n, result.unwrap().number.unwrap())).unwrap());
    }
    for n in 1..=300 {
        assert_eq!(hears.recv().unwrap(), (n, format!("JDZ-20261124-{n:06}")));
    }
    let health = journal.health();
    assert_eq!((health.entries, health.waiting, health.synced), (300, 0, 300));
    assert!(health.syncs < 100, "{} syncs", health.syncs);
}

#[test]
fn a_failing_disk_is_told_and_what_was_handed_over_is_written_later() {
    let folder = Folder::new("failing");
    let dir = folder.join("journal");
    let (journal, _) = open_with(&dir, Options { retry: Duration::from_millis(20), ..Options::default() });
    append(&journal, answered(1)).unwrap();
    // A file in the place of the folder: not even root can write there.
    fs::remove_dir_all(&dir).unwrap();
    fs::write(&dir, "").unwrap();
    for n in 2..=6 {
        let error = append(&journal, answered(n)).unwrap_err();
        assert!(matches!(error, JournalError::Disk { .. }), "{error}");
        assert!(!error.to_string().contains("1380000"));
    }
    assert!(journal.health().failing.is_some());
    assert!(append(&journal, answered(2)).is_err(), "a repeated one has no number on disk either");
    fs::remove_file(&dir).unwrap();
    soon(|| append(&journal, answered(7)).is_ok_and(|receipt| receipt.number.unwrap() == "JDZ-20261124-000007"));
    assert_eq!(journal.health().failing, None);
    journal.close();
    let (_, recovered) = open(&dir);
    let calls: Vec<_> = recovered.open.iter().map(|open| open.call.0).collect();
    assert_eq!(calls, [1, 2, 3, 4, 5, 6, 7]);
    assert!(recovered.damaged.is_empty());
}

/// Needs root for a small file system of its own; says so and passes elsewhere.
#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new("full");
    let disk = Tmpfs::mount(folder.join("disk"));
    let Some(disk) = disk else {
        crate::facts::leave_out("a full disk is a small tmpfs, which only root may mount");
        return;
    };
    let dir = disk.0.join("journal");
    let (journal, _) = open_with(&dir, Options { retry: Duration::from_millis(5), ..Options::default() });
    fs::write(disk.0.join("ballast"), vec![0; 32 << 10]).unwrap();
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for n in 1.. {
        match append(&journal, answered(n)) {
            Ok(receipt) => acknowledged.push((n, receipt.number.unwrap())),
            Err(_) => refused += 1,
        }
        if refused == 20 {
            break;
        }
    }
    assert!(!acknowledged.is_empty());
    let all = u64::try_from(acknowledged.len()).unwrap() + refused;
    let found: Vec<_> = seen(&dir).collect();
    assert!(acknowledged.iter().all(|(n, number)| found.contains(&(*n, number.clone()))), "full, and after kill -9");
    fs::remove_file(disk.0.join("ballast")).unwrap();
    soon(|| journal.health().waiting == 0);
    journal.close();
    let found: Vec<_> = seen(&dir).collect();
    assert_eq!(found.len(), usize::try_from(all).unwrap(), "those refused are written when there is room");
    assert!(acknowledged.iter().all(|answer| found.contains(answer)));
}

#[test]
fn a_closed_journal_says_so() {
    let folder = Folder::new("closed");
    let (journal, _) = open(&folder.0);
    journal.close();
    assert!(matches!(append(&journal, answered(1)), Err(JournalError::Closed)));
}

#[test]
fn beyond_its_limit_nothing_more_waits() {
    let folder = Folder::new("limit");
    let dir = folder.join("journal");
    let (journal, _) = open_with(&dir, Options { waiting_limit: 3, ..Options::default() });
    fs::remove_dir_all(&dir).unwrap();
    fs::write(&dir, "").unwrap();
    for n in 1..=3 {
        assert!(matches!(append(&journal, answered(n)), Err(JournalError::Disk { .. })));
    }
    assert!(matches!(append(&journal, answered(4)), Err(JournalError::Full { waiting: 3 })));
    journal.close();
}

#[test]
fn an_entry_shows_no_number_when_it_is_printed() {
    for entry in [answered(1), closed(1), missed(2, 2, MORNING)] {
        assert!(!format!("{entry:?}").contains("1380000"), "{entry:?}");
    }
}

fn segment(dir: &Path) -> PathBuf {
    dir.join("000001.log")
}

/// Calls and numbers that a start would find.
fn seen(dir: &Path) -> impl Iterator<Item = (u64, String)> {
    let (journal, recovered): (Journal, _) = open(dir);
    journal.close();
    recovered.open.into_iter().filter_map(|open| Some((open.call.0, open.answered?.0)))
}

struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=96k", "none"]).arg(&at).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(at))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn the_greatest_call_id_is_known_after_the_call_has_ended_and_its_segment_has_gone() {
    let folder = Folder::new("last");
    let (journal, recovered) = open_with(&folder.0, Options { segment_bytes: 1, ..Options::default() });
    assert_eq!(recovered.last_call, CallId(0));
    for entry in [answered(7), closed(7), missed(9, 9, MORNING), answered(3), closed(3)] {
        append(&journal, entry).unwrap();
    }
    journal.close();
    // The newest segment alone: its head has it.
    let mut segments: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
    segments.sort();
    segments.pop();
    segments.iter().for_each(|segment| fs::remove_file(segment).unwrap());
    let (_journal, recovered) = open(&folder.0);
    assert_eq!((recovered.last_call, recovered.open.len()), (CallId(9), 0));
}

#[test]
fn who_arrived_is_known_until_answered_or_missed() {
    let folder = Folder::new("arrived");
    let arrived = |n: u64| Entry::Arrived(Box::new(missed_call(n, 1, MORNING)));
    let dialog = Private::new("caller".to_owned());
    let leg = Entry::Leg(Leg { call: CallId(4), leg: LegId(41), at: MORNING, dialog });
    let gone = Entry::LegGone(LegGone { call: CallId(4), leg: LegId(41) });
    let (journal, _) = open_with(&folder.0, Options { segment_bytes: 1, ..Options::default() });
    let all = [arrived(1), arrived(2), answered(2), arrived(3), missed(3, 1, MORNING), arrived(4), leg, gone];
    for entry in all.into_iter().chain([arrived(5), answered(5), closed(5)]) {
        append(&journal, entry).unwrap();
    }
    journal.close();
    let (_journal, recovered) = open(&folder.0);
    let up: Vec<_> = recovered.open.iter().map(|open| (open.call.0, open.arrived.is_some())).collect();
    assert_eq!(up, [(1, true), (2, false), (4, true)]);
    assert_eq!(recovered.open[0].arrived, Some(missed_call(1, 1, MORNING)));
}

#[test]
fn only_a_call_that_was_up_moves_the_greatest_id() {
    let folder = Folder::new("ids");
    let given = CallId::at(MORNING).0;
    let day = CallId::at(Wall(86_400_000)).0;
    let poison = CallId(u64::MAX);
    let access = Access { call: poison, who: "api".to_owned(), purpose: "x".to_owned(), from: None, at: MORNING };
    let failed = RecordingFailed { call: poison, at: MORNING, error: "x".to_owned() };
    let called = CalledBack { task: poison, at: MORNING, reached: true };
    let invalid = MarkedInvalid { call: poison, at: MORNING, reason: "x".to_owned() };
    // (entry, greatest id after it)
    let table = [
        (answered(7), 7),
        (answered_at(given, MORNING), given),
        (Entry::Access(access), given),
        (Entry::Sealed(Box::new(Sealed { call: poison, ..sealed_recording(1) })), given),
        (Entry::RecordingFailed(failed), given),
        (Entry::CalledBack(called), given),
        (Entry::Invalid(invalid), given),
        (missed(given + 1, 1, MORNING), given + 1),
        (answered_at(u64::MAX, MORNING), given + 1),
        (missed(given + 2 * day, 1, MORNING), given + 1),
        (Entry::Arrived(Box::new(missed_call(given + 9, 1, MORNING))), given + 9),
        // The clock was set back since: ids go on from the last.
        (Entry::Closed(Box::new(record(opened_at(given + day, MORNING)))), given + day),
        (missed(given + day + 1, 1, MORNING), given + day + 1),
    ];
    for (at, (entry, greatest)) in table.into_iter().enumerate() {
        let (journal, _) = open(&folder.0);
        append(&journal, entry).unwrap();
        journal.close();
        let (journal, recovered) = open(&folder.0);
        journal.close();
        assert_eq!(recovered.last_call, CallId(greatest), "row {at}");
    }
}

#[test]
fn an_impossible_id_is_told() {
    let folder = Folder::new("impossible");
    let (journal, _) = open(&folder.0);
    append(&journal, missed(u64::MAX, 1, MORNING)).unwrap();
    journal.close();
    assert_eq!(open(&folder.0).1.impossible, [CallId(u64::MAX)]);
}

/// Whoever waits for an answer waits no longer than this for the company of others.
#[test]
fn a_group_gathers_for_five_milliseconds_at_most() {
    assert!(Options::default().gather <= Duration::from_millis(5));
}

#[test]
fn a_damaged_line_is_told_and_its_number_is_not_given_again() {
    let folder = Folder::new("damaged");
    let whole = folder.join("whole");
    let (journal, _) = open(&whole);
    // The head goes with the first group: it knows its numbers.
    append(&journal, missed(1, 1, MORNING)).unwrap();
    let before = fs::metadata(segment(&whole)).unwrap().len();
    append(&journal, answered(2)).unwrap();
    journal.close();
    let bytes = fs::read(segment(&whole)).unwrap();
    let from = usize::try_from(before).unwrap();
    let number = from + bytes[from..].windows(10).position(|text| text == b"\"number\":\"").unwrap();
    // Everywhere but in the first number of the day itself, which nothing but the database tells too.
    for at in (from..bytes.len() - 1).step_by(11).filter(|at| !(number..number + 30).contains(at)) {
        let dir = folder.join("flipped");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(dir.join("000001.log"), &flipped).unwrap();
        let (journal, _) = open(&dir);
        assert_eq!(journal.health().damaged, [(dir.join("000001.log"), before)], "flipped at {at}");
        let next: Number = append(&journal, answered(4)).unwrap().number.unwrap().parse().unwrap();
        assert!(next.serial > 1, "flipped at {at}: {next}");
        journal.close();
    }
}
