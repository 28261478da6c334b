//! The whole program from outside, in one test binary.

mod audio;
mod call;
mod call_chance;
mod call_glare;
mod call_queue;
mod call_seat;
mod call_table;
mod call_waiting;
mod commands;
mod config;
mod config_faults;
mod digest;
mod guessing;
mod media;
mod numbers;
mod registrar;
mod registration;
mod sdp;
mod sources;
mod torture;
mod transactions;
mod wire;
//! One test binary: a file per topic.

#[cfg(feature = "server")]
mod apply;
mod callback;
#[cfg(feature = "server")]
mod facts;
#[cfg(feature = "server")]
mod journal;
#[cfg(feature = "server")]
mod store;
mod archive;
mod retention;
mod sdp;
mod timeline;
mod wav;
