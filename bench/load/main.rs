//! The load generator: trunk callers, seats and third parties in one process, over SIP and RTP, against any PBX.
//!
//! `bench/run.sh` runs what the project promises and prints the table. One scenario alone:
//! `cargo bench --bench load -- media --calls 50 --seconds 30`.
//!
//! How things are measured: delay and loss by marks in the audio (`mark`), from just before sendto
//! to the kernel's stamp of the arrival; CPU and memory of the server from /proc; the machine's other
//! load and the generator's own late ticks are printed with every result, and a result with more than
//! 0.1 % late ticks is not to be quoted. Baseline: `relay`.

mod archive;
mod baseline;
mod burn;
mod closing;
mod ear;
mod figures;
mod jitter;
mod keys;
mod machine;
mod mark;
mod mixed;
mod options;
mod outcome;
mod phones;
mod recordings;
mod relay;
mod rooms;
mod seat;
mod server;
mod signal;
mod socket;
mod table;
mod thirds;
mod tone;
mod two_party;
mod voice;
mod window;
mod wire;

use std::process::ExitCode;

use clap::Parser;
use options::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Media(options) => two_party::run(&options),
        Command::Rooms(options) => rooms::run(&options),
        Command::Signal(options) => signal::run(&options),
        Command::Baseline(options) => baseline::run(&options),
        Command::Archive(options) => archive::run(&options),
        Command::Table(options) => table::print(&options.results),
        Command::Relay(options) => relay::run(&options),
        Command::Burn => {
            burn::run();
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
