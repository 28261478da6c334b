//! The whole program from outside, in one test binary.

mod commands;
mod config;
mod config_faults;
mod digest;
mod guessing;
mod numbers;
mod registrar;
mod registration;
mod sdp;
mod sources;
mod torture;
mod transactions;
mod wire;
