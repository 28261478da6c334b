//! Sound as numbers: laws, tones, files, and the time at which each sample was spoken.

pub mod concealment;
pub mod dtmf;
pub mod ear;
pub mod g711;
pub mod mixing;
pub mod timeline;
pub mod tone;
pub mod wav;
