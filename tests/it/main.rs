//! The whole program from outside, in one test binary.

mod digest;
mod guessing;
mod registrar;
mod registration;
mod sources;
mod wire;
