//! The IO shell around signalling: one loop that owns the exchange, and the sockets that feed it.

pub mod clock;
pub mod driver;
pub mod socket;
pub mod tcp;
pub mod udp;
