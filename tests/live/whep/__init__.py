"""Watching by WebRTC."""
