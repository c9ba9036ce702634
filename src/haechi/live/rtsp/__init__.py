"""Streams out by RTSP: players, other systems and other Haechis take a camera's units as they are."""
