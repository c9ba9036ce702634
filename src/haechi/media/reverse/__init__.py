"""The greeting of a camera that dials out to us, before RTSP begins (docs/design/reverse-rtsp.md)."""
