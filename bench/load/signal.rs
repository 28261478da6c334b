//! Scenario: so many new calls a second, each one complete.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use super::closing::{self, Ending};
use super::figures::{Spread, add, round};
use super::options::Signal;
use super::outcome::{self, LATE_TICKS};
use super::phones::{Call, Setup, State};
use super::socket::steady;
use super::two_party::{self, pump};
use super::window::Window;

const SECOND: u64 = 1_000_000_000;
/// A call that is dialled later than this was not dialled when it should have been.
const LATE: u64 = 5_000_000;

pub fn run(options: &Signal) -> io::Result<()> {
    let rate = options.rate;
    // Talk, half a second for dialling and ending, and a tenth in hand.
    let seats = (rate as f64 * (options.talk + 0.5) * 1.1) as usize + 10;
    let before = outcome::look_around(&options.common, options.pbx.target.is_none());
    let setup = two_party::setup(&options.pbx, options.common.rtp_port, seats, seats);
    let setup = Setup { talk: Some((options.talk * 1e9) as u64), ..setup };
    let seats = setup.seats;
    println!("signal: {rate} calls/s for {} s, talk {} s, {seats} seats, wrap-up 0", options.seconds, options.talk);
    let (mut phones, mut server) = two_party::open(setup, &options.pbx, options.rtp)?;

    let window = Window::open(server.pid, None);
    let (mut late, mut unplaced) = (0u64, 0u64);
    let start = steady();
    let wanted = rate * options.seconds;
    for at in 0..wanted {
        let due = start + at * SECOND / rate;
        phones.run_until(due);
        late += u64::from(steady().saturating_sub(due) > LATE);
        unplaced += u64::from(!phones.dial());
    }
    let ending = Instant::now();
    while phones.live() > 0 && ending.elapsed() < Duration::from_secs(40) {
        pump(&mut phones, Duration::from_millis(20));
    }
    let ended = Instant::now();
    if let Some(voice) = phones.voice.take() {
        voice.stop();
    }
    // Sealing may trail; what it costs belongs to the calls.
    pump(&mut phones, Duration::from_secs(2));
    let watched = window.close();

    let complete = phones.calls.iter().filter(|call| call.state == State::Complete).count();
    let spread = |from: fn(&Call) -> u64, to: fn(&Call) -> u64| {
        let both = phones.calls.iter().map(|call| (from(call), to(call))).filter(|(from, to)| *from > 0 && *to > 0);
        Spread::new(both.map(|(from, to)| to.saturating_sub(from)))
    };
    let trying = spread(|call| call.invited, |call| call.trying);
    let ringing = spread(|call| call.invited, |call| call.seat_invited);
    let answering = spread(|call| call.seat_answered, |call| call.answered);
    println!("  INVITE to 100                {}", trying.text());
    println!("  INVITE to seat's INVITE      {}", ringing.text());
    println!("  seat's 200 to caller's 200   {}", answering.text());
    let per_call = |cpu: f64| round(cpu * 1000.0 / complete.max(1) as f64);
    let threads: serde_json::Map<String, serde_json::Value> =
        watched.threads.iter().map(|(name, cpu)| (name.clone(), per_call(*cpu).into())).collect();
    let share = late as f64 / wanted.max(1) as f64;
    let mut result = json!({
        "scenario": format!("signal-{rate}"),
        "run": options.common.run,
        "seats": seats,
        "ms_per_call": per_call(watched.cpu),
        "by_thread": threads,
        "no_line_free": unplaced,
        "trying_p99_ms": trying.at(0.99).map(round),
        "ring_p50_ms": ringing.at(0.5).map(round),
        "ring_p99_ms": ringing.at(0.99).map(round),
        "ring_max_ms": ringing.at(1.0).map(round),
        "answer_p50_ms": answering.at(0.5).map(round),
        "answer_p99_ms": answering.at(0.99).map(round),
        "answer_max_ms": answering.at(1.0).map(round),
        "late_ticks": late,
        "late_ticks_share": share,
        "quotable": share <= LATE_TICKS,
        "generator_cores": round(watched.own_cores),
        "server_cores": round(watched.cpu / watched.seconds),
        "other_cores": round(watched.other_cores),
        "load_average_after": super::machine::load_average(),
    });
    if share > LATE_TICKS {
        println!("  NOT TO BE QUOTED: {:.2} % of the calls were dialled more than 5 ms late", share * 100.0);
    }
    add(&mut result, &before);
    closing::finish(&mut phones, &mut server, &mut result, Ending { spoken: None, keep: options.pbx.keep, ended });
    outcome::conclude(&mut result, &options.common)
}
