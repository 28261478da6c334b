//! The subcommands of `hotline`: each has its `Args`, a function that works out the answer, and
//! `run`, which prints it.

pub mod check;
pub mod init;
pub mod route;
pub mod serve;
pub mod trace;
