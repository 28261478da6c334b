//! The whole program from outside, in one test binary.

mod digest;
mod sources;
mod wire;
