//! The whole program from outside, in one test binary.

mod digest;
mod guessing;
mod registrar;
mod sources;
mod wire;
