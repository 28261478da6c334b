//! Sound as numbers: codecs, tones, files, and the time at which each sample was spoken.

pub mod codec;
pub mod concealment;
pub mod dtmf;
pub mod ear;
pub mod g711;
pub mod g722;
pub mod inband;
pub mod mixing;
pub mod opus;
pub mod resample;
pub mod timeline;
pub mod tone;
pub mod wav;
