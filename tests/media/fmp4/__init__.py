"""Tests of the muxer and the reader."""
