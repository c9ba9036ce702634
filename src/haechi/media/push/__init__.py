"""The result socket: video in, results out, on one connection; from bytes to messages and back."""
