//! The audit log: its chain, its months, and what a crash and a failing disk make of it (R105).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use hotline::archive::disk::{Disk, System};
use hotline::audit::read::{self, Ask};
use hotline::audit::row::sum;
use hotline::audit::verify::{Fault, Verified, verify};
use hotline::audit::{Audit, AuditError, Deed, Fact, Opened};
use hotline::store::query::Span;
use hotline::time::Mono;

use crate::facts::{Folder, MORNING};

const DAY: i64 = 86_400_000;
const NOVEMBER: &str = "2026-11.jsonl";

/// A log whose clock and disk the test has in its hand.
struct Log {
    folder: Folder,
    clock: Arc<AtomicI64>,
    disk: Arc<Trouble>,
}

/// A disk that fails so many times, after half of what it is given.
#[derive(Debug)]
struct Trouble {
    writes: AtomicU32,
    syncs: AtomicU32,
    /// Whoever holds it makes the disk hang.
    hangs: Mutex<()>,
}

impl Disk for Trouble {
    fn now(&self) -> Mono {
        System { origin: Instant::now() }.now()
    }

    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        if take(&self.writes) {
            file.write_all_at(&bytes[..bytes.len() / 2], at)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all_at(bytes, at)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        drop(self.hangs.lock().unwrap());
        if take(&self.syncs) { Err(io::ErrorKind::Other.into()) } else { file.sync_data() }
    }
}

fn take(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

impl Log {
    fn new(name: &str) -> Self {
        let disk = Trouble { writes: AtomicU32::new(0), syncs: AtomicU32::new(0), hangs: Mutex::new(()) };
        let folder = Folder::new(&format!("audit-{name}"));
        Self { folder, clock: Arc::new(AtomicI64::new(MORNING.0)), disk: Arc::new(disk) }
    }

    /// With a row for each of these, a few days apart.
    fn of(name: &str, rows: u32, days: i64) -> Self {
        let log = Self::new(name);
        let (audit, _) = log.open();
        for row in 1..=rows {
            append(&audit, row).unwrap();
            log.clock.fetch_add(days * DAY, Ordering::Relaxed);
        }
        audit.close();
        log
    }

    fn open(&self) -> (Audit, Opened) {
        let clock = Arc::clone(&self.clock);
        let wall = Arc::new(move || hotline::time::Wall(clock.load(Ordering::Relaxed)));
        Audit::open(&self.folder.0, wall, self.disk.clone()).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.file(name)).unwrap().lines().map(str::to_owned).collect()
    }

    fn write(&self, name: &str, lines: &[String]) {
        fs::write(self.file(name), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    fn verified(&self) -> Verified {
        verify(&self.folder.0, None).unwrap()
    }

    fn first_bad(&self) -> Option<(u64, Fault)> {
        self.verified().bad.map(|bad| (bad.seq, bad.fault))
    }
}

fn fact(row: u32) -> Fact {
    let fact = Fact::new("li".to_owned(), Deed::Play, format!("call {row}"));
    Fact { purpose: "投诉 7, \"sum\":\"x\"}".to_owned(), from: Some("192.0.2.7".to_owned()), ..fact }
}

fn append(audit: &Audit, row: u32) -> Result<u64, AuditError> {
    let (told, hears) = mpsc::channel();
    audit.append(fact(row), move |result| told.send(result).unwrap());
    hears.recv_timeout(Duration::from_secs(30)).unwrap()
}

/// The row as somebody writes it who knows how its own sum is made.
fn forged(line: &str, old: &str, new: &str) -> String {
    let (body, _) = line.rsplit_once(",\"sum\":\"").unwrap();
    let body = body.replace(old, new);
    assert!(!line.starts_with(&body));
    format!("{body},\"sum\":\"{}\"}}", sum(&body))
}

#[test]
fn rows_follow_each_other_over_months_and_restarts() {
    let log = Log::of("months", 6, 10);
    let (audit, opened) = log.open();
    assert_eq!(opened, Opened { seq: 6, torn: None, damaged: false });
    assert_eq!(append(&audit, 7).unwrap(), 7);
    audit.close();
    let names: Vec<_> = fs::read_dir(&log.folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let told = log.verified();
    assert!(told.ok && !told.torn && told.rows == 7, "{told:?}");
    assert_eq!(told.head, sum(log.lines("2027-01.jsonl").last().unwrap()));
    // The chain as a stranger checks it, with sha256sum.
    let (first, second) = (&log.lines(NOVEMBER)[0], &log.lines("2026-12.jsonl")[0]);
    assert!(second.contains(&format!("\"previous\":\"{}\"", sum(first))));
    assert!(first.contains(&format!("\"previous\":\"{}\"", "0".repeat(64))));
}

/// What is done to the ten rows of a month, and the first place that is named.
#[test]
fn whatever_is_done_to_a_row_is_named() {
    type Deed = fn(&mut Vec<String>);
    let table: [(&str, Deed, u64, Fault); 12] = [
        ("changed", |lines| lines[3] = lines[3].replace("call 4", "call 9"), 4, Fault::Changed),
        ("the last changed", |lines| lines[9] = lines[9].replace("call 10", "call 11"), 10, Fault::Changed),
        ("the first changed", |lines| lines[0] = lines[0].replace("li", "wu"), 1, Fault::Changed),
        ("changed, with its sum", |lines| lines[3] = forged(&lines[3], "call 4", "call 9"), 4, Fault::Changed),
        ("the first changed, with its sum", |lines| lines[0] = forged(&lines[0], "li", "wu"), 1, Fault::Changed),
        ("removed", |lines| drop(lines.remove(4)), 5, Fault::Missing),
        ("the first removed", |lines| drop(lines.remove(0)), 1, Fault::Missing),
        ("added", |lines| lines.insert(4, forged(&lines[3], "call 4", "call 9")), 4, Fault::Added),
        ("twice", |lines| lines.insert(4, lines[3].clone()), 4, Fault::Added),
        ("reordered", |lines| lines.swap(2, 6), 3, Fault::Missing),
        ("emptied", |lines| lines[5].clear(), 6, Fault::Changed),
        ("a stranger's line", |lines| lines[5] = "{\"seq\":6}".to_owned(), 6, Fault::Changed),
    ];
    for (what, deed, seq, fault) in table {
        let log = Log::of("tampered", 10, 0);
        assert!(log.verified().ok);
        let mut lines = log.lines(NOVEMBER);
        deed(&mut lines);
        log.write(NOVEMBER, &lines);
        assert_eq!(log.first_bad(), Some((seq, fault)), "{what}");
    }
}

#[test]
fn a_removed_month_is_named_and_the_newest_rows_by_a_head_that_was_kept() {
    for (month, seq) in [(NOVEMBER, 1), ("2026-12.jsonl", 2)] {
        let log = Log::of("month", 6, 10);
        fs::remove_file(log.file(month)).unwrap();
        assert_eq!(log.first_bad(), Some((seq, Fault::Missing)), "{month}");
    }
    let log = Log::of("newest", 6, 10);
    let head = log.verified().head;
    assert!(verify(&log.folder.0, Some(&head)).unwrap().ok);
    let (audit, _) = log.open();
    append(&audit, 7).unwrap();
    audit.close();
    assert!(verify(&log.folder.0, Some(&head)).unwrap().ok, "more rows hurt nobody");
    fs::remove_file(log.file("2027-01.jsonl")).unwrap();
    assert!(log.verified().ok, "the files alone cannot know");
    let told = verify(&log.folder.0, Some(&head)).unwrap();
    assert_eq!(told.bad.map(|bad| (bad.seq, bad.fault)), Some((5, Fault::Missing)));
}

/// A crash leaves any beginning of the file.
#[test]
fn a_line_that_a_crash_tore_is_cut_off_and_told() {
    let whole = Log::of("torn", 3, 0);
    let bytes = fs::read(whole.file(NOVEMBER)).unwrap();
    for length in (0..bytes.len()).step_by(37).chain([bytes.len() - 1]) {
        let log = Log::new("crash");
        fs::write(log.file(NOVEMBER), &bytes[..length]).unwrap();
        let whole = bytes[..length].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        // A row that lacks its newline only is a row.
        let lacks_end = bytes[whole..].iter().position(|byte| *byte == b'\n') == Some(length - whole) && whole < length;
        let left = bytes[..length].iter().filter(|byte| **byte == b'\n').count() as u64 + u64::from(lacks_end);
        let torn = length - whole;
        assert_eq!(log.verified().torn, torn > 0);
        let (audit, opened) = log.open();
        let cut = if lacks_end { 0 } else { torn };
        assert_eq!(opened, Opened { seq: left, torn: (torn > 0).then_some(cut), damaged: false });
        append(&audit, 9).unwrap();
        audit.close();
        let told = log.verified();
        assert!(told.ok && !told.torn, "{length}: {told:?}");
        assert_eq!(told.rows, left + 1 + u64::from(torn > 0));
        let repaired = log.lines(NOVEMBER).iter().any(|line| line.contains("\"repaired\""));
        assert_eq!(repaired, torn > 0, "{length}");
    }
}

#[test]
fn what_the_disk_did_not_take_is_refused_and_told_as_lost() {
    for (writes, syncs) in [(1, 0), (0, 1), (3, 2)] {
        let log = Log::new("failing");
        let (audit, _) = log.open();
        append(&audit, 1).unwrap();
        log.disk.writes.store(writes, Ordering::Relaxed);
        log.disk.syncs.store(syncs, Ordering::Relaxed);
        for _ in 0..writes + syncs {
            assert!(matches!(append(&audit, 2), Err(AuditError::Disk { .. })));
        }
        assert_eq!(append(&audit, 3).unwrap(), 3, "after the row that tells of the lost ones");
        audit.close();
        let told = log.verified();
        assert!(told.ok && told.rows == 3, "{told:?}");
        let lines = log.lines(NOVEMBER);
        assert!(
            lines[1].contains("\"lost\"") && lines[1].contains(&format!("{} rows", writes + syncs)),
            "{}",
            lines[1]
        );
        assert!(lines[2].contains("call 3"));
    }
}

#[test]
fn nobody_waits_for_a_disk_that_hangs_and_the_row_follows() {
    let log = Log::new("hanging");
    let (audit, _) = log.open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let hangs = log.disk.hangs.lock().unwrap();
    let refused = runtime.block_on(audit.record_within(Duration::from_millis(1), fact(1)));
    assert!(matches!(refused, Err(AuditError::Slow)), "{refused:?}");
    drop(hangs);
    assert_eq!(append(&audit, 2).unwrap(), 2);
    audit.close();
    assert!(log.verified().ok);
}

/// In the first group of a month nothing of that file was acknowledged.
#[test]
fn a_month_that_begins_with_a_failing_disk_begins_clean() {
    let log = Log::new("begin");
    let (audit, _) = log.open();
    append(&audit, 1).unwrap();
    log.clock.fetch_add(10 * DAY, Ordering::Relaxed);
    log.disk.syncs.store(1, Ordering::Relaxed);
    append(&audit, 2).unwrap_err();
    assert_eq!(append(&audit, 3).unwrap(), 3);
    audit.close();
    assert!(log.verified().ok, "{:?}", log.verified());
    assert_eq!(log.lines("2026-12.jsonl").len(), 2);
}

/// Whoever takes the file away under a running server is told on; nothing more is lost.
#[test]
fn a_file_that_is_removed_or_shortened_meanwhile_is_not_filled_up_in_silence() {
    let log = Log::new("meanwhile");
    let (audit, _) = log.open();
    for row in 1..=3 {
        append(&audit, row).unwrap();
    }
    fs::remove_file(log.file(NOVEMBER)).unwrap();
    append(&audit, 4).unwrap_err();
    append(&audit, 5).unwrap();
    audit.close();
    assert_eq!(log.first_bad(), Some((1, Fault::Missing)));
}

#[test]
fn a_clock_that_is_set_back_changes_no_earlier_month() {
    let log = Log::of("back", 2, 10);
    log.clock.fetch_sub(60 * DAY, Ordering::Relaxed);
    let (audit, _) = log.open();
    append(&audit, 3).unwrap();
    audit.close();
    assert!(log.verified().ok);
    assert!(!log.file("2026-10.jsonl").exists());
}

#[test]
fn rows_are_read_newest_first_in_pages() {
    let log = Log::of("pages", 7, 10);
    let ask = Ask { span: Span::ALL, who: None, what: None, on: None, outcome: None, before: None, rows: 3 };
    let seqs = |ask: &Ask| {
        let (rows, next) = read::page(&log.folder.0, ask).unwrap();
        (rows.iter().map(|row| row.seq).collect::<Vec<_>>(), next)
    };
    assert_eq!(seqs(&ask), (vec![7, 6, 5], Some(5)));
    assert_eq!(seqs(&Ask { before: Some(5), ..ask.clone() }), (vec![4, 3, 2], Some(2)));
    assert_eq!(seqs(&Ask { before: Some(2), ..ask.clone() }), (vec![1], None));
    assert_eq!(seqs(&Ask { on: Some("call 2".into()), ..ask.clone() }), (vec![2], None));
    assert_eq!(seqs(&Ask { who: Some("wu".into()), ..ask.clone() }), (vec![], None));
    assert_eq!(seqs(&Ask { what: Some(Deed::Export), ..ask.clone() }), (vec![], None));
    assert_eq!(read::page(Path::new("/nowhere"), &ask).unwrap(), (vec![], None));
}
