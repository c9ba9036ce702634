"""Tests of `haechi.vision.speech`."""
