"""Thin clients push RTP to us and get results back on the same connection."""
