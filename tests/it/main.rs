mod audio;
#[cfg(feature = "server")]
mod media;
mod sdp;
