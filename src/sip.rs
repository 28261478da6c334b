//! SIP as RFC 3261 and RFC 6026 define it: bytes and timers in, bytes and events out.
//!
//! `message` reads and prints; `transactions` owns the four transaction machines (`invite_server`,
//! `invite_client`, `request_server`, `request_client`); `session` is one INVITE dialog with its
//! offers and answers; `registrar`, `digest` and `registration` are who may call whom.
//! This folder knows no call, no seat and no socket.

mod address;
mod clients;
pub mod flow;
mod framing;
mod head;
mod headers;
pub mod invite_client;
pub mod invite_server;
mod key;
mod lexer;
pub mod message;
mod name;
mod params;
pub mod request_client;
pub mod request_server;
mod return_path;
mod servers;
pub mod timers;
pub mod transactions;
mod uri;
mod via;
