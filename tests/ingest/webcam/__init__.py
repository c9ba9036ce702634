"""Tests of cameras in this machine."""
