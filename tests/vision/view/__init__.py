"""Tests of the view of a camera."""
