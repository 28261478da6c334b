//! The whole program from outside, in one test binary.

mod numbers;
mod sdp;
mod transactions;
mod wire;
