"""A real RTSP camera made of software: serves a file or a rendered scene in real time, for demos, tests and load."""
