//! The whole program from outside, in one test binary.

#[cfg(feature = "server")]
mod commands;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod config_faults;
#[cfg(feature = "server")]
mod numbers;
