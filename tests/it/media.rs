//! The media threads over real loopback sockets, and their parts in virtual time.

mod clicks;
mod codecs;
mod hangup;
mod keys;
mod life;
mod parts;
pub mod peer;
mod recorder;
mod room;
mod shipped;
mod talk;
mod whisper;
