//! `hotline`: arguments, logging, one command, its exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hotline::commands::{check, init, route, serve, trace};

/// The server behind a city's hotline 12345.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Serve(serve::Args),
    Check(check::Args),
    Route(route::Args),
    Trace(trace::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(&args),
        Command::Route(args) => route::run(&args),
        Command::Trace(args) => trace::run(&args),
    }
}
