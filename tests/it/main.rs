mod archive;
mod retention;
mod sdp;
mod timeline;
mod wav;
