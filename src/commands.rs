//! The subcommands of `hotline`: each has its `Args`, a function that works out the answer, and
//! `run`, which prints it.

pub mod alarms;
pub mod archive;
pub mod audit;
pub mod calls;
pub mod check;
pub mod client;
pub mod demo;
pub mod directory;
pub mod find;
pub mod healthcheck;
pub mod init;
pub mod keeping;
pub mod login;
pub mod mirror;
pub mod missed;
pub mod page;
pub mod recordings;
pub mod reload;
pub mod route;
pub mod seats;
mod secret;
pub mod serve;
pub mod sessions;
pub mod table;
pub mod tickets;
pub mod trace;
pub mod users;

/// What this process writes is readable by its owner alone, whatever the shell says: journal,
/// database and recordings hold citizens' numbers and voices.
fn keep_files_private() {
    // SAFETY: umask takes an integer and cannot fail.
    unsafe { libc::umask(0o077) };
}
