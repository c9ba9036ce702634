"""Tests of cameras that are published."""
