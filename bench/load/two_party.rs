//! Scenario: so many two-party calls stand at once, both parties speak, the server records.

use std::io;
use std::time::{Duration, Instant};

use super::burn::Export;
use super::closing::{self, Ending};
use super::figures::round;
use super::options::{Media, Pbx};
use super::phones::{Phones, Setup, State};
use super::recordings::Spoken;
use super::server::Server;
use super::socket::{self, steady};
use super::window::Window;
use super::{machine, outcome, tone};

/// Until the first marks have come and everything runs evenly.
pub const SETTLE: Duration = Duration::from_secs(3);
/// For the packets under way when the window closes.
pub const DRAIN: Duration = Duration::from_millis(500);
/// New calls per second, while they are brought up.
const RAMP: u64 = 50;
const SECOND: u64 = 1_000_000_000;

pub fn run(options: &Media) -> io::Result<()> {
    let calls = options.calls;
    let with = if options.burn { " beside a busy export" } else { "" };
    println!("media: {calls} recorded two-party calls, {} s{with}", options.seconds);
    let before = outcome::look_around(&options.common, options.pbx.target.is_none());
    let setup = Setup { talk: None, ..setup(&options.pbx, options.common.rtp_port, calls, calls + 2) };
    let (mut phones, mut server) = open(setup, &options.pbx, true)?;
    let pid = server.pid;

    let idle = Window::open(pid, None);
    pump(&mut phones, Duration::from_secs(2));
    let idle = idle.close();
    let resident = pid.map(machine::resident);
    let standing = bring_up(&mut phones, calls);
    let export = options.burn.then(Export::start).transpose()?;
    pump(&mut phones, SETTLE);

    let window = Window::open(pid, export.as_ref().map(Export::pid));
    phones.voice.as_ref().expect("opened with a voice").measure(true);
    pump(&mut phones, Duration::from_secs(options.seconds));
    phones.voice.as_ref().expect("opened with a voice").measure(false);
    let watched = window.close();
    let grown = pid.map(machine::resident).zip(resident).map(|(now, then)| now - then);
    pump(&mut phones, DRAIN);
    drop(export);

    let ended = end(&mut phones);
    let heard = phones.voice.take().expect("opened with a voice").stop();
    let mut result = outcome::figures_of(&heard, &watched, calls, &before);
    let name = if options.burn { "media-burn" } else { "media" };
    result["scenario"] = format!("{name}-{calls}").into();
    result["run"] = options.common.run.into();
    result["calls_up"] = standing.into();
    result["idle_cores"] = round(idle.cpu / idle.seconds).into();
    result["kib_per_call"] = grown.map(|grown| round(grown / calls as f64)).into();
    let spoken = Spoken { right: &[tone::SEAT], marked: 1, tracks: 0 };
    closing::finish(
        &mut phones,
        &mut server,
        &mut result,
        Ending { spoken: Some(spoken), keep: options.pbx.keep, ended },
    );
    outcome::conclude(&mut result, &options.common)
}

/// Dials so many calls; how many stand.
pub fn bring_up(phones: &mut Phones, calls: usize) -> usize {
    let start = steady();
    for at in 0..calls as u64 {
        phones.run_until(start + at * SECOND / RAMP);
        phones.dial();
    }
    let dialled = Instant::now();
    let up = |phones: &Phones| phones.calls.iter().filter(|call| call.state == State::Up).count();
    while up(phones) < calls && dialled.elapsed() < Duration::from_secs(15) {
        pump(phones, Duration::from_millis(20));
    }
    up(phones)
}

/// Every caller hangs up; when the last call had ended.
pub fn end(phones: &mut Phones) -> Instant {
    let start = steady();
    for at in 0..phones.calls.len() {
        phones.run_until(start + at as u64 * SECOND / (2 * RAMP));
        phones.hang_up(at);
    }
    let ending = Instant::now();
    while phones.live() > 0 && ending.elapsed() < Duration::from_secs(35) {
        pump(phones, Duration::from_millis(20));
    }
    Instant::now()
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
        thirds: 0,
        first_rtp_port,
        talk: None,
    }
}

/// Phones first, so that the server finds the seats when it looks for them.
pub fn open(setup: Setup, pbx: &Pbx, with_voice: bool) -> io::Result<(Phones, Server)> {
    let seats = setup.seats;
    socket::raise_file_limit((setup.lines + seats + setup.thirds) as u64 * 2 + seats as u64 + 200)?;
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
