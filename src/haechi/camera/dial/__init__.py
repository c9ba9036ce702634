"""A camera behind NAT: it dials the server over TLS and is then read over that connection (reverse RTSP)."""
