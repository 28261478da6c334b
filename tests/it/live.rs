//! Calls with sound through the whole server, over real sockets.

mod town;

mod bad_days;
mod flood;
mod ipv6;
