//! `hotline`: arguments, logging, one command, its exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hotline::commands::{
    alarms, archive, audit, calls, check, demo, directory, healthcheck, init, login, mirror, missed, recordings,
    reload, route, seats, serve, sessions, tickets, trace, users,
};

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
    Demo(demo::Args),
    Calls(calls::Args),
    Seats(seats::Args),
    Directory(directory::Args),
    Sessions(sessions::Args),
    Tickets(tickets::Args),
    Recordings(Box<recordings::Args>),
    Archive(archive::Args),
    Missed(missed::Args),
    Trace(trace::Args),
    Mirror(mirror::Args),
    Alarms(alarms::Args),
    Healthcheck(healthcheck::Args),
    Reload(reload::Args),
    Users(users::Args),
    Login(login::Args),
    Audit(audit::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(&args),
        Command::Route(args) => route::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Calls(args) => calls::run(&args),
        Command::Seats(args) => seats::run(&args),
        Command::Directory(args) => directory::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::Tickets(args) => tickets::run(&args),
        Command::Recordings(args) => recordings::run(&args),
        Command::Archive(args) => archive::run(&args),
        Command::Missed(args) => missed::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Mirror(args) => mirror::run(&args),
        Command::Alarms(args) => alarms::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Users(args) => users::run(&args),
        Command::Login(args) => login::run(&args),
        Command::Audit(args) => audit::run(&args),
    }
}
