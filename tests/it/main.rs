//! The whole program from outside, in one test binary.

mod call;
mod call_chance;
mod call_glare;
mod call_queue;
mod call_seat;
mod call_table;
mod call_waiting;
#[cfg(feature = "server")]
mod commands;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod config_faults;
#[cfg(feature = "server")]
mod numbers;
