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
mod session;
mod sources;
mod transactions;
mod wire;
