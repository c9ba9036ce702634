"""Tests of the room for browsers that publish."""
