//! Sound as numbers: laws, tones, files, and the time at which each sample was spoken.

pub mod dtmf;
pub mod g711;
pub mod timeline;
pub mod tone;
pub mod wav;
