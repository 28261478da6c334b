//! Invented calls and facts for the journal and the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use hotline::archive::{Sealed, Verdict};
use hotline::call::directory::{self, Level};
use hotline::call::{
    By, CallId, CallKind, CallRecord, Caller, EndReason, Ended, Kind, LeaderCall, MediaFigures, MissedCall,
    MissedStage, NoticePlayed, OpenTicket, Participant, Party, Role, SeatNo, Segment,
};
use hotline::privacy::Private;
use hotline::rules::numbers::Mode;
use hotline::store::entry::Entry;
use hotline::store::journal::{Clock, Journal, JournalError, Options, Receipt, Recovered};
use hotline::time::Wall;

/// 2026-11-24T08:00:00+08:00
pub const MORNING: Wall = Wall(1_795_478_400_000);

/// A folder of its own that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hotline-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A wall clock that stands still.
pub fn clock(at: Wall) -> Clock {
    Arc::new(move || at)
}

pub fn open(dir: &Path) -> (Journal, Recovered) {
    open_with(dir, Options::default())
}

pub fn open_with(dir: &Path, options: Options) -> (Journal, Recovered) {
    Journal::open(dir, clock(MORNING), options).unwrap()
}

/// Asks until it is so; gives up after half a minute.
pub fn soon(so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "in vain");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Appends and waits.
pub fn append(journal: &Journal, entry: Entry) -> Result<Receipt, JournalError> {
    let (told, hears) = mpsc::channel();
    journal.append(entry, move |result| told.send(result).unwrap());
    hears.recv_timeout(Duration::from_secs(30)).unwrap()
}

pub fn number(journal: &Journal, entry: Entry) -> String {
    append(journal, entry).unwrap().number.unwrap()
}

/// As the tables have it.
pub fn phone(last: u32) -> Private<String> {
    Private::new(format!("+861380000{last:04}"))
}

pub fn caller(last: u32) -> Caller {
    let raw = vec![("From".to_owned(), Private::new(format!("<sip:1380000{last:04}@192.0.2.1>;tag=a")))];
    let number = Some(Private::new(format!("1380000{last:04}")));
    Caller { number, e164: Some(phone(last)), raw, ..Caller::default() }
}

/// Call `n`, answered `n` seconds after the morning's start.
pub fn opened(n: u64) -> OpenTicket {
    opened_at(n, Wall(MORNING.0 + i64::try_from(n).unwrap() * 1000))
}

pub fn opened_at(n: u64, answer: Wall) -> OpenTicket {
    OpenTicket {
        call: CallId(n),
        prefix: "JDZ".to_owned(),
        centre: "city".to_owned(),
        sip_call_id: format!("{n}@192.0.2.1"),
        kind: CallKind::PublicIn,
        source: None,
        caller: caller(u32::try_from(n % 10_000).unwrap()),
        dialed_raw: "sip:12345@192.0.2.2".to_owned(),
        original_code: "12345".to_owned(),
        hotline_primary: "12345".to_owned(),
        mode: Mode::Own,
        skill: "general".to_owned(),
        trunk: "carrier".to_owned(),
        t_arrive: Wall(answer.0 - 4_000),
        t_queue: Wall(answer.0 - 4_000),
        t_ring: Wall(answer.0 - 3_000),
        t_answer: answer,
        wait_ms: 4_000,
        within_15s: true,
        seat: SeatNo("1001".to_owned()),
        seat_name: "甲".to_owned(),
        seat_kind: "local".to_owned(),
        notice_played: NoticePlayed::Partial,
    }
}

pub fn answered(n: u64) -> Entry {
    Entry::Answered(Box::new(opened(n)))
}

pub fn answered_at(n: u64, answer: Wall) -> Entry {
    Entry::Answered(Box::new(opened_at(n, answer)))
}

pub fn record(opened: OpenTicket) -> CallRecord {
    let t_end = Wall(opened.t_answer.0 + 60_000);
    CallRecord {
        ended: Ended {
            participants: vec![Participant {
                party: Party { role: Role::Seat, number: "1001".to_owned(), name: "甲".to_owned(), leg: None },
                joined: opened.t_answer,
                left: Some(t_end),
                result: "answered".to_owned(),
                media: Some(MediaFigures { received: 3_000, lost: 2, jitter_ms: 1.5, source_changes: 0 }),
            }],
            segments: vec![Segment { kind: Kind::Talk, parties: Vec::new(), from: opened.t_answer, to: Some(t_end) }],
            t_end,
            talk_ms: 55_000,
            hold_ms: 5_000,
            end_reason: EndReason::Normal,
            released_by: By::Caller,
            sip_call_ids: vec![opened.sip_call_id.clone()],
            notice_played: NoticePlayed::Partial,
            leaders: Vec::new(),
        },
        invalid: None,
        threeway_result: None,
        opened,
    }
}

/// A call of the session of this leader, who was on the line for so long, where he was at all.
pub fn led(n: u64, session: &str, result: &str, seconds: i64) -> CallRecord {
    let leader = session.split('@').next().unwrap_or_default().to_owned();
    let mut record = record(opened(n));
    if seconds > 0 {
        record.ended.participants.push(Participant {
            party: Party { role: Role::Leader, number: leader.clone(), name: "李示例".to_owned(), leg: None },
            joined: record.opened.t_answer,
            left: Some(Wall(record.opened.t_answer.0 + seconds * 1000)),
            result: "hung_up".to_owned(),
            media: None,
        });
    }
    record.ended.leaders.push(LeaderCall {
        session: session.to_owned(),
        leader,
        name: "李示例".to_owned(),
        post: "示例市交通运输局局长".to_owned(),
        level: Level::Department,
        topic: "公共交通".to_owned(),
        mode: directory::Mode::SeatFirst,
        result: result.to_owned(),
    });
    record
}

pub fn closed(n: u64) -> Entry {
    Entry::Closed(Box::new(record(opened(n))))
}

/// A call of `13800000<last>` that ended at `end` after nine seconds in the queue.
pub fn missed_call(n: u64, last: u32, end: Wall) -> MissedCall {
    MissedCall {
        call: CallId(n),
        sip_call_id: format!("{n}@192.0.2.1"),
        caller: caller(last),
        dialed_raw: "sip:12345@192.0.2.2".to_owned(),
        kind: CallKind::PublicIn,
        original_code: Some("12345".to_owned()),
        hotline_primary: Some("12345".to_owned()),
        mode: Some(Mode::Own),
        centre: Some("city".to_owned()),
        trunk: "carrier".to_owned(),
        t_arrive: Wall(end.0 - 9_000),
        t_queue: Some(Wall(end.0 - 9_000)),
        t_ring: None,
        t_end: end,
        wait_ms: 9_000,
        stage: MissedStage::Queue,
        position_in_queue: Some(2),
        reason: "cancel".to_owned(),
        callback_task: None,
    }
}

pub fn missed(n: u64, last: u32, end: Wall) -> Entry {
    Entry::Missed(Box::new(missed_call(n, last, end)))
}

pub fn sealed_recording(n: u64) -> Sealed {
    let started = opened(n).t_answer;
    Sealed {
        call: CallId(n),
        path: format!("2026/11/24/{}/call.wav", CallId(n)).into(),
        parts: Vec::new(),
        tracks: Vec::new(),
        started,
        ended: Wall(started.0 + 60_000),
        duration_ms: 60_000,
        bytes: 960_044,
        sha256: "00".repeat(32),
        sm3: Some("00".repeat(32)),
        sealed_at: Some(Wall(started.0 + 60_500)),
        files: Vec::new(),
        format: "wav/alaw/2".to_owned(),
        verdict: Verdict::Ok,
        keep_until: "2029-11-25".to_owned(),
        gaps: 0,
        recovered: false,
        leader: false,
    }
}

pub fn sealed(n: u64) -> Entry {
    Entry::Sealed(Box::new(sealed_recording(n)))
}

/// What a test cannot do on this machine: it is left out, but never where CI counts on it.
pub fn leave_out(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("SKIPPED: {what}");
}
