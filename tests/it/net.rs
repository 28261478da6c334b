//! Real sockets on loopback: the signalling loop with an exchange behind it.

pub mod hall;

mod flood;
mod names;
mod streams;
mod talk;
