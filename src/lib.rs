//! The server behind a city's hotline 12345, in the order in which a call meets its parts.
//!
//! Pure modules (`rules`, `sip`, `call`, `audio`, `exchange`) hold every decision and know no
//! clock, socket, file or thread; the modules behind the feature `server` are the thin shell that
//! feeds them. ARCHITECTURE.md tells the whole story on one page.

#[deny(clippy::disallowed_methods)]
pub mod time;

#[deny(clippy::disallowed_methods)]
pub mod privacy;

#[deny(clippy::disallowed_methods)]
mod words;

#[deny(clippy::disallowed_methods)]
mod hex;

#[deny(clippy::disallowed_methods)]
pub mod rules;

#[deny(clippy::disallowed_methods)]
pub mod sip;

#[deny(clippy::disallowed_methods)]
pub mod call;

#[deny(clippy::disallowed_methods)]
pub mod audio;

#[deny(clippy::disallowed_methods)]
pub mod exchange;

#[cfg(feature = "server")]
pub mod vital;

#[cfg(feature = "server")]
mod whole;

#[cfg(feature = "server")]
pub mod config;

#[cfg(feature = "server")]
pub mod net;

#[cfg(feature = "server")]
pub mod media;

#[cfg(feature = "server")]
pub mod archive;

#[cfg(feature = "server")]
pub mod store;

#[cfg(feature = "server")]
pub mod accounts;

#[cfg(feature = "server")]
pub mod audit;

#[cfg(feature = "server")]
pub mod mirror;

#[cfg(feature = "server")]
pub mod web;

#[cfg(feature = "server")]
pub mod app;

#[cfg(feature = "server")]
pub mod commands;
