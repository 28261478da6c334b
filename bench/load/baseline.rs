//! The bare relay under the same voices: what the machine itself takes for a call.

use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::burn::Export;
use super::options::Baseline;
use super::voice::{self, Voice};
use super::window::Window;
use super::{figures, machine, outcome, socket, two_party};

const RELAY_PORT: u16 = 10_000;

pub fn run(options: &Baseline) -> io::Result<()> {
    let calls = options.calls;
    println!("baseline: {calls} calls through a bare relay, {} s", options.seconds);
    let before = outcome::look_around(&options.common, true);
    socket::raise_file_limit(calls as u64 * 4 + 200)?;
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let voice = Voice::start(here, options.common.rtp_port, [calls, calls, 0])?;
    let relay = start(calls, options.common.rtp_port)?;
    let pid = relay.0.id();
    let resident = machine::resident(pid);
    for leg in 0..2 * calls {
        voice.talk(leg, SocketAddr::new(here, voice::port(RELAY_PORT, leg)));
    }
    let export = options.burn.then(Export::start).transpose()?;
    std::thread::sleep(two_party::SETTLE);
    let window = Window::open(Some(pid), export.as_ref().map(Export::pid));
    voice.measure(true);
    std::thread::sleep(Duration::from_secs(options.seconds));
    voice.measure(false);
    let watched = window.close();
    drop(export);
    std::thread::sleep(two_party::DRAIN);
    let per_call = (machine::resident(pid) - resident) / calls as f64;
    let heard = voice.stop();
    let mut result = outcome::figures_of(&heard, &watched, calls, &before);
    result["scenario"] = format!("{}-{calls}", if options.burn { "baseline-burn" } else { "baseline" }).into();
    result["run"] = options.common.run.into();
    result["kib_per_call"] = figures::round(per_call).into();
    let void = result["ms_per_call_second"].as_f64().is_none_or(|cost| cost > figures::VOID_ABOVE_MS);
    if void {
        let most = figures::VOID_ABOVE_MS;
        println!("  VOID: the bare relay takes more than {most} ms per call-second; the machine is too busy");
    }
    result["void"] = void.into();
    outcome::conclude(&mut result, &options.common)
}

/// Ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(calls: usize, to: u16) -> io::Result<Process> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["relay", "--calls", &calls.to_string(), "--first", &RELAY_PORT.to_string(), "--to", &to.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let relay = Process(child);
    if line.trim() == "ready" { Ok(relay) } else { Err(io::Error::other("the relay did not start")) }
}
