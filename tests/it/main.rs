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
mod config;
mod config_faults;
mod digest;
mod guessing;
mod numbers;
mod registrar;
mod registration;
mod audio;
#[cfg(feature = "server")]
mod media;
mod sdp;
mod sources;
mod torture;
mod transactions;
mod wire;
