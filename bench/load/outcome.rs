//! The machine before a run, what voices and processor say of it, and whether it counts.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::ear::Ear;
use super::figures::{self, Spread, add, round};
use super::machine::{self, Busy};
use super::options::Common;
use super::socket;
use super::voice::Heard;
use super::window::Watched;

/// Of the generator's ticks; beyond it nothing is to be quoted.
pub const LATE_TICKS: f64 = 0.001;
/// Cores that others may keep busy.
const QUIET: f64 = 0.35;

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

/// What voices and processor say of a window with so many calls.
pub fn figures_of(heard: &Heard, watched: &Watched, calls: usize, before: &Value) -> Value {
    let delay = Spread::new(heard.delays.iter().copied());
    let jitter = Spread::new(heard.legs.iter().map(|leg| leg.ear.jitter as u64));
    let sum = |of: fn(&Ear) -> u64| heard.legs.iter().map(|leg| of(&leg.ear)).sum::<u64>();
    let expected: u64 = heard.legs.iter().map(|leg| leg.expected).sum();
    let lossy = heard.legs.iter().filter(|leg| leg.ear.received < leg.expected).count();
    let deaf =
        heard.legs.iter().filter(|leg| leg.ear.received == 0).count() + (2 * calls).saturating_sub(heard.legs.len());
    let wrong = heard.legs.iter().filter(|leg| leg.ear.tone_bad > 0 || leg.ear.tone_good == 0).count();
    let loudest = heard.legs.iter().map(|leg| leg.ear.loudest_other).fold(-200.0, f64::max);
    println!("  forwarding delay             {}", delay.text());
    println!("  jitter at an ear             {}", jitter.text());
    let mut result = json!({
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
    });
    add(&mut result, &costs(heard, watched, calls, before));
    result
}

/// What the processor says of a window with so many calls, and whether the generator kept its times.
pub fn costs(heard: &Heard, watched: &Watched, calls: usize, before: &Value) -> Value {
    let late = heard.late_ticks as f64 / heard.ticks.max(1) as f64;
    let threads: Map<String, Value> = watched
        .threads
        .iter()
        .map(|(name, cpu)| (name.clone(), round(cpu * 1000.0 / watched.seconds / calls as f64).into()))
        .collect();
    let mut result = json!({
        "ms_per_call_second": round(watched.cpu * 1000.0 / watched.seconds / calls as f64),
        "by_thread": threads,
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
