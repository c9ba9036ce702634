"""RTSP 1.0 (RFC 2326), sans-I/O: messages, framing, authentication, a client machine and a server machine."""
