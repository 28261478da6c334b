//! The whole program from outside, in one test binary.

#[cfg(feature = "server")]
mod numbers;
