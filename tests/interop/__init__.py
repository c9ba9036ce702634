"""Real programs as cameras, as clients of our RTSP server and as senders of RTP: ``make interop``."""
