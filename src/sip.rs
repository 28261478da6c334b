//! SIP as RFC 3261 and RFC 6026 define it: bytes and timers in, bytes and events out.
//!
//! `message` reads and prints; `transactions` owns the four transaction machines (`invite_server`,
//! `invite_client`, `request_server`, `request_client`); `session` is one INVITE dialog with its
//! offers and answers, `refer` what a transfer asks of it; `registrar`, `digest` and `registration` are who may call whom;
//! `ping` is whether a trunk is there, `sources` what strangers are told.
//! This folder knows no call, no seat and no socket.

mod address;
mod clients;
pub mod dialog;
pub mod digest;
mod fading;
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
pub mod negotiation;
mod params;
pub mod ping;
pub mod refer;
pub mod registrar;
pub mod registration;
pub mod request_client;
pub mod request_server;
mod return_path;
pub mod sdp;
mod servers;
pub mod session;
pub mod sources;
pub mod targets;
pub mod timers;
pub mod transactions;
mod uri;
mod via;
