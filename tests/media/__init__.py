"""Tests of the media room: bytes in, values out."""
