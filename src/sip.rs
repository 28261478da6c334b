//! SIP as RFC 3261 and RFC 6026 define it: bytes and timers in, bytes and events out.
//!
//! `message` reads and prints; `transactions` owns the four transaction machines (`invite_server`,
//! `invite_client`, `request_server`, `request_client`); `session` is one INVITE dialog with its
//! offers and answers; `registrar`, `digest` and `registration` are who may call whom.
//! This folder knows no call, no seat and no socket.

pub mod flow;
pub mod message;
pub mod sdp;
