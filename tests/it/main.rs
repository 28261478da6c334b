//! The whole program from outside, in one test binary.

mod numbers;
mod sdp;
mod transactions;
mod digest;
mod guessing;
mod registrar;
mod registration;
mod sources;
mod wire;
