//! What encryption costs: CPU of the recorder per second of a call, in the clear and in each suite, with calls
//! that speak in real time. `cargo bench --bench cipher -- CALLS SECONDS`; 200 and 20 unless given.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotline::archive::cipher::Suite;
use hotline::archive::keys::MasterKeys;
use hotline::archive::{Batch, Done, Heard, Order, Settings, Voice, start};
use hotline::audio::g711::Law;
use hotline::call::{CallId, LegId};
use hotline::time::{Mono, Now, Wall};

/// 2026-11-24T00:00:00+08:00
const STARTED: Wall = Wall(1_795_449_600_000);
const OPENED: Mono = Mono::from_millis(60_000);
/// Milliseconds of sound in an order, as media hands it over.
const BATCH: u64 = 200;

fn main() {
    let mut given = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let (calls, seconds) = (given.next().unwrap_or(200), given.next().unwrap_or(20));
    println!("{calls} calls of {seconds} s, both voices; the seal with its sums is part of it");
    let mut clear = None;
    for suite in [None, Some(Suite::Aes256Gcm), Some(Suite::Sm4Gcm)] {
        let spent = record(suite, calls, seconds);
        let each = spent.as_secs_f64() * 1e6 / (calls * seconds) as f64;
        let name = suite.map_or("off", Suite::name);
        let more = clear.map_or(String::new(), |clear: f64| format!("  {:+.1} µs", each - clear));
        println!("{name:12} {each:8.1} µs of CPU per call-second{more}");
        clear.get_or_insert(each);
    }
}

/// CPU of the whole process, user and system.
fn cpu() -> Duration {
    let mut spent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime writes one timespec to a place that we own.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut spent) };
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

fn record(suite: Option<Suite>, calls: u64, seconds: u64) -> Duration {
    let folder = std::env::temp_dir().join(format!("hotline-cipher-{}-{suite:?}", std::process::id()));
    let keys = MasterKeys::of_text("bench", &"0f".repeat(32)).expect("a key");
    let (tell, done) = channel();
    let tell = Mutex::new(tell);
    let tell = Arc::new(move |what| drop(tell.lock().map(|tell| tell.send(what))));
    let archive = start(Settings { suite, keys, ..Settings::new(folder.clone()) }, tell).expect("a folder");
    let order = |order| archive.orders.send(order).expect("the recorder");
    let (before, began) = (cpu(), Instant::now());
    for call in (1..=calls).map(CallId) {
        let now = Now { mono: OPENED, wall: STARTED };
        order(Order::Open { call, now, folder_day: STARTED, meta: Box::default() });
    }
    for at in (0..seconds * 1_000).step_by(BATCH as usize) {
        std::thread::sleep((began + Duration::from_millis(at + BATCH)).saturating_duration_since(Instant::now()));
        for call in (1..=calls).map(CallId) {
            for voice in [Voice::Citizen, Voice::Heard(LegId(2))] {
                order(Order::Audio { call, voice, batch: batch(at) });
            }
        }
    }
    let length = Duration::from_secs(seconds);
    for call in (1..=calls).map(CallId) {
        order(Order::Seal { call, ended: STARTED + length, at: OPENED + length });
    }
    let mut left = calls;
    while left > 0 {
        match done.recv().expect("the recorder") {
            Done::Sealed(_) => left -= 1,
            Done::Heard { .. } => {}
            Done::Failed { error, .. } => panic!("{error}"),
        }
    }
    let spent = cpu() - before;
    archive.stop();
    let _ = std::fs::remove_dir_all(folder);
    spent
}

fn batch(from: u64) -> Batch {
    let packets = (from..from + BATCH).step_by(20);
    let heard = packets.map(|at| Heard {
        arrival: OPENED + Duration::from_millis(at + 20),
        ssrc: 7,
        sequence: (at / 20) as u16,
        timestamp: (at * 8) as u32,
        law: Law::A,
        len: 160,
    });
    let heard: Vec<_> = heard.collect();
    let bytes = (0..heard.len() * 160).map(|at| (at % 251) as u8).collect();
    Batch { heard, bytes, wide: Vec::new() }
}
