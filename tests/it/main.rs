//! The whole program from outside, in one test binary.

mod sdp;
mod transactions;
mod wire;
#[cfg(feature = "server")]
mod numbers;
