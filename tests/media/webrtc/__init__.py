"""Tests of WebRTC as bytes and values."""
