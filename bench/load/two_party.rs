//! Scenario: so many two-party calls stand at once, both parties speak, the server records.

use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::{self, Spread, round};
use super::machine::{self, Busy};
use super::options::{Common, Media, Pbx};
use super::phones::{Call, Phones, Setup, State};
use super::recordings::{self, Found};
use super::server::Server;
use super::socket::{self, steady};
use super::voice::Heard;
use super::window::{Watched, Window};

/// Until the first marks have come and everything runs evenly.
pub const SETTLE: Duration = Duration::from_secs(3);
/// For the packets under way when the window closes.
pub const DRAIN: Duration = Duration::from_millis(500);
/// New calls per second, while they are brought up.
const RAMP: u64 = 50;
/// Of the generator's ticks; beyond it nothing is to be quoted.
pub const LATE_TICKS: f64 = 0.001;
/// Cores that others may keep busy.
const QUIET: f64 = 0.35;
const SEALED_WITHIN: Duration = Duration::from_secs(60);
const SECOND: u64 = 1_000_000_000;

pub fn run(options: &Media) -> io::Result<()> {
    let calls = options.calls;
    let with = if options.burn { " beside a busy export" } else { "" };
    println!("media: {calls} recorded two-party calls, {} s{with}", options.seconds);
    let before = look_around(&options.common, options.pbx.target.is_none());
    let setup = Setup { talk: None, ..setup(&options.pbx, options.common.rtp_port, calls, calls + 2) };
    let (mut phones, mut server) = open(setup, &options.pbx, true)?;
    let pid = server.pid;

    let idle = Window::open(pid, None);
    pump(&mut phones, Duration::from_secs(2));
    let idle = idle.close();
    let resident = pid.map(machine::resident);
    let start = steady();
    for at in 0..calls as u64 {
        phones.run_until(start + at * SECOND / RAMP);
        phones.dial();
    }
    let dialled = Instant::now();
    let up = |phones: &Phones| phones.calls.iter().filter(|call| call.state == State::Up).count();
    while up(&phones) < calls && dialled.elapsed() < Duration::from_secs(15) {
        pump(&mut phones, Duration::from_millis(20));
    }
    let standing = up(&phones);
    let export = options.burn.then(burn).transpose()?;
    pump(&mut phones, SETTLE);

    let window = Window::open(pid, export.as_ref().map(|export| export.0.id()));
    phones.voice.as_ref().expect("opened with a voice").measure(true);
    pump(&mut phones, Duration::from_secs(options.seconds));
    phones.voice.as_ref().expect("opened with a voice").measure(false);
    let watched = window.close();
    let grown = pid.map(machine::resident).zip(resident).map(|(now, then)| now - then);
    pump(&mut phones, DRAIN);
    drop(export);

    let start = steady();
    for at in 0..phones.calls.len() {
        phones.run_until(start + at as u64 * SECOND / (2 * RAMP));
        phones.hang_up(at);
    }
    let ending = Instant::now();
    while phones.live() > 0 && ending.elapsed() < Duration::from_secs(35) {
        pump(&mut phones, Duration::from_millis(20));
    }
    let ended = Instant::now();
    let heard = phones.voice.take().expect("opened with a voice").stop();
    let mut result = figures_of(&heard, &watched, calls, &before);
    let name = if options.burn { "media-burn" } else { "media" };
    result["scenario"] = format!("{name}-{calls}").into();
    result["run"] = options.common.run.into();
    result["calls_up"] = standing.into();
    result["idle_cores"] = round(idle.cpu / idle.seconds).into();
    result["kib_per_call"] = grown.map(|grown| round(grown / calls as f64)).into();
    finish(&mut phones, &mut server, &mut result, Ending { spoke: true, keep: options.pbx.keep, ended });
    conclude(&mut result, &options.common)
}

/// The machine before anything of ours runs. Waits for it to be quiet, if told to.
pub fn look_around(common: &Common, own_network: bool) -> Value {
    let own_network = own_network && socket::own_network();
    let started = Instant::now();
    loop {
        let busy = Busy::now();
        std::thread::sleep(Duration::from_secs(2));
        let cores = busy.cores();
        if cores <= QUIET || started.elapsed() > Duration::from_secs(common.wait_quiet) {
            return json!({
                "own_network": own_network,
                "load_average_before": machine::load_average(),
                "busy_cores_before": round(cores),
            });
        }
    }
}

/// Keeps the result. Err, if told to be strict: somebody else's work disturbed the run.
pub fn conclude(result: &mut Value, common: &Common) -> io::Result<()> {
    let disturbed = result["other_cores"].as_f64().is_some_and(|cores| cores > QUIET) || result["quotable"] == false;
    result["disturbed"] = disturbed.into();
    figures::keep(result, common.out.as_deref())?;
    if disturbed {
        println!("  DISTURBED: {} cores were busy with others' work", result["other_cores"]);
    }
    if disturbed && common.strict { Err(io::Error::other("the run was disturbed")) } else { Ok(()) }
}

pub fn setup(pbx: &Pbx, first_rtp_port: u16, lines: usize, seats: usize) -> Setup {
    Setup {
        server: pbx.target.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()),
        dial: pbx.dial.clone(),
        address: pbx.address,
        trunk_port: pbx.trunk_port,
        seat_port: pbx.seat_port,
        seats: pbx.seats.unwrap_or(seats),
        lines,
        first_rtp_port,
        talk: None,
    }
}

/// Phones first, so that the server finds the seats when it looks for them.
pub fn open(setup: Setup, pbx: &Pbx, with_voice: bool) -> io::Result<(Phones, Server)> {
    let seats = setup.seats;
    socket::raise_file_limit((setup.lines + seats) as u64 * 2 + seats as u64 + 200)?;
    let mut phones = Phones::open(setup, with_voice)?;
    let mut server = Server::start(pbx, seats)?;
    phones.setup.server = server.target;
    let started = Instant::now();
    while !server.is_ready()? || (server.is_ours() && phones.seats_found() < seats) {
        pump(&mut phones, Duration::from_millis(20));
        if started.elapsed() > Duration::from_secs(20) {
            let found = phones.seats_found();
            return Err(io::Error::other(format!("after 20 s the server has looked for {found} of {seats} seats")));
        }
    }
    pump(&mut phones, Duration::from_millis(500));
    Ok((phones, server))
}

pub fn pump(phones: &mut Phones, time: Duration) {
    phones.run_until(steady() + time.as_nanos() as u64);
}

/// What voices and processor say of a window with so many calls.
pub fn figures_of(heard: &Heard, watched: &Watched, calls: usize, before: &Value) -> Value {
    let delay = Spread::new(heard.delays.iter().copied());
    let jitter = Spread::new(heard.legs.iter().map(|leg| leg.ear.jitter as u64));
    let sum = |of: fn(&super::ear::Ear) -> u64| heard.legs.iter().map(|leg| of(&leg.ear)).sum::<u64>();
    let expected: u64 = heard.legs.iter().map(|leg| leg.expected).sum();
    let lossy = heard.legs.iter().filter(|leg| leg.ear.received < leg.expected).count();
    let deaf =
        heard.legs.iter().filter(|leg| leg.ear.received == 0).count() + (2 * calls).saturating_sub(heard.legs.len());
    let wrong = heard.legs.iter().filter(|leg| leg.ear.tone_bad > 0 || leg.ear.tone_good == 0).count();
    let loudest = heard.legs.iter().map(|leg| leg.ear.loudest_other).fold(-200.0, f64::max);
    let late = heard.late_ticks as f64 / heard.ticks.max(1) as f64;
    println!("  forwarding delay             {}", delay.text());
    println!("  jitter at an ear             {}", jitter.text());
    let threads: serde_json::Map<String, Value> = watched
        .threads
        .iter()
        .map(|(name, cpu)| (name.clone(), round(cpu * 1000.0 / watched.seconds / calls as f64).into()))
        .collect();
    let mut result = json!({
        "ms_per_call_second": round(watched.cpu * 1000.0 / watched.seconds / calls as f64),
        "by_thread": threads,
        "packets": expected,
        "lost": expected.saturating_sub(sum(|ear| ear.received)),
        "lossy_legs": lossy,
        "deaf_legs": deaf,
        "duplicates": sum(|ear| ear.duplicates),
        "reordered": sum(|ear| ear.reordered),
        "foreign": sum(|ear| ear.foreign),
        "ssrc_changes": sum(|ear| ear.ssrc_changes),
        "clock_moved": sum(|ear| ear.moved),
        "unplaced": sum(|ear| ear.unplaced),
        "legs_with_wrong_tone": wrong,
        "loudest_other_tone_db": round(loudest),
        "delay_p50_ms": delay.at(0.5).map(round),
        "delay_p99_ms": delay.at(0.99).map(round),
        "delay_p999_ms": delay.at(0.999).map(round),
        "delay_max_ms": delay.at(1.0).map(round),
        "jitter_p99_ms": jitter.at(0.99).map(round),
        "late_ticks": heard.late_ticks,
        "late_ticks_share": late,
        "latest_tick_ms": round(heard.latest_tick as f64 / 1e6),
        "quotable": late <= LATE_TICKS,
        "generator_cores": round(watched.own_cores),
        "other_cores": round(watched.other_cores),
        "load_average_after": machine::load_average(),
    });
    if late > LATE_TICKS {
        println!("  NOT TO BE QUOTED: {:.2} % of the generator's ticks came more than 5 ms late", late * 100.0);
    }
    add(&mut result, before);
    result
}

/// How a run ended.
pub struct Ending {
    /// Parties were speaking.
    pub spoke: bool,
    pub keep: bool,
    /// The last call.
    pub ended: Instant,
}

/// Waits for the recordings, ends the server, and adds what is left on disk and in the database.
pub fn finish(phones: &mut Phones, server: &mut Server, result: &mut Value, ending: Ending) {
    let Ending { spoke, keep, ended } = ending;
    let complete: Vec<&Call> = phones.calls.iter().filter(|call| call.state == State::Complete).collect();
    let (wanted, talks): (usize, Vec<f64>) = (complete.len(), complete.iter().map(|call| talk(call)).collect());
    let failed = failures(&phones.calls);
    add(
        result,
        &json!({
            "dialled": phones.calls.len(),
            "complete": wanted,
            "failed": phones.calls.len() - wanted,
            "requests_resent": phones.counts.resent,
            "seats_rung_twice": phones.counts.rung_twice,
            "seat_invites_unmatched": phones.counts.unmatched,
            "seats_without_ack": phones.counts.without_ack,
            "unreadable": phones.counts.unreadable,
        }),
    );
    if !failed.is_empty() {
        result["failures"] = failed.into();
    }
    if let Some(folder) = server.recordings.clone() {
        let mut found = recordings::find(&folder);
        result["open_at_the_end"] = found.open.into();
        while (found.sealed.len() < wanted || found.open > 0) && ended.elapsed() < SEALED_WITHIN {
            pump(phones, Duration::from_millis(250));
            found = recordings::find(&folder);
        }
        result["sealed_after_s"] = round(ended.elapsed().as_secs_f64()).into();
        add(result, &recordings_of(&found, talks, spoke, wanted));
    }
    let metrics = server.metrics(&["sync", "backlog", "journal", "sealing", "tap", "lost"]);
    if !metrics.is_empty() {
        result["metrics"] = metrics.into();
    }
    result["server_ended"] = server.stop().into();
    let (complaints, first) = server.complaints();
    result["warnings_in_log"] = complaints.into();
    if complaints > 0 {
        result["first_warnings"] = first.into();
    }
    if let Some(database) = server.database() {
        result["tickets"] = tickets(&database).into();
    }
    server.remove(keep);
}

fn recordings_of(found: &Found, talks: Vec<f64>, spoke: bool, wanted: usize) -> Value {
    let checked = recordings::check(&found.sealed, talks, spoke);
    let mut value = json!({
        "recordings": checked.files,
        "recordings_missing": wanted.saturating_sub(checked.files),
        "recordings_left_open": found.open,
        "recordings_wrong_length": checked.wrong_length,
        "recordings_unreadable": checked.unreadable,
        "recordings_with_gaps": checked.with_gaps,
        "gaps": checked.gaps,
        "recordings_not_ok": checked.not_ok,
        "shortest_s": round(checked.shortest),
        "longest_s": round(checked.longest),
    });
    if spoke {
        value["recorded_tones_right"] = checked.tones_right.into();
        value["recorded_tones_wrong"] = checked.tones_wrong.into();
    }
    if let Some(example) = checked.example {
        value["first_gap"] = example.into();
    }
    value
}

/// Seconds from the seat's answer to the caller's BYE.
fn talk(call: &Call) -> f64 {
    let from = if call.seat_answered == 0 { call.answered } else { call.seat_answered };
    call.bye.saturating_sub(from) as f64 / 1e9
}

/// Reasons with their numbers.
fn failures(calls: &[Call]) -> Vec<String> {
    let mut reasons = std::collections::BTreeMap::new();
    for call in calls {
        match &call.state {
            State::Failed(why) => *reasons.entry(why.clone()).or_insert(0) += 1,
            State::Calling | State::Up | State::Leaving => *reasons.entry("never ended".into()).or_insert(0) += 1,
            State::Complete => {}
        }
    }
    reasons.into_iter().map(|(why, count)| format!("{count} × {why}")).collect()
}

/// Tickets in a hotline's database, once it has ended.
fn tickets(database: &std::path::Path) -> Option<u64> {
    use hotline::store::{Store as _, query::Span, sqlite::Sqlite};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let store = Sqlite::new(database);
        let numbers = store.numbers().await.ok()?;
        let counts = store.counts(Span::ALL).await.ok()?;
        store.close().await;
        let greatest: u64 = numbers.iter().map(|number| number.serial).sum();
        (greatest == counts.answered).then_some(counts.answered)
    })
}

fn burn() -> io::Result<Burning> {
    Ok(Burning(Command::new(std::env::current_exe()?).arg("burn").spawn()?))
}

struct Burning(Child);

impl Drop for Burning {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn add(to: &mut Value, more: &Value) {
    if let (Some(to), Some(more)) = (to.as_object_mut(), more.as_object()) {
        to.extend(more.clone());
    }
}
