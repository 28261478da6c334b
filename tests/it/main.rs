mod sdp;
