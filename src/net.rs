//! The IO shell around signalling: one loop that owns the exchange, the sockets that feed it, and
//! the names of trunks.

pub mod clock;
pub mod connection;
pub mod driver;
pub mod resolve;
pub mod socket;
pub mod tcp;
pub mod udp;
