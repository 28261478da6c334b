//! SIP as RFC 3261 and RFC 6026 define it: bytes and timers in, bytes and events out.
//!
//! `message` reads and prints; `transactions` owns the four transaction machines (`invite_server`,
//! `invite_client`, `request_server`, `request_client`); `session` is one INVITE dialog with its
//! offers and answers; `registrar`, `digest` and `registration` are who may call whom;
//! `ping` is whether a trunk is there, `sources` what strangers are told.
//! This folder knows no call, no seat and no socket.

mod address;
pub mod digest;
mod fading;
pub mod flow;
mod framing;
mod head;
mod headers;
mod lexer;
pub mod message;
mod name;
mod params;
pub mod ping;
pub mod registrar;
pub mod registration;
pub mod sources;
mod uri;
mod via;
