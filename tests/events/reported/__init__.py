"""Tests of `haechi.events.reported`."""
