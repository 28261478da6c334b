//! The whole program from outside, in one test binary.

#[cfg(feature = "server")]
mod commands;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod config_faults;
#[cfg(feature = "server")]
mod numbers;
mod sdp;
mod transactions;
mod digest;
mod guessing;
mod registrar;
mod registration;
mod sources;
mod wire;
