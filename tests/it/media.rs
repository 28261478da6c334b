//! The media threads over real loopback sockets, and their parts in virtual time.

mod parts;
mod peer;
mod recorder;
mod talk;
