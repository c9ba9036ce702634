"""Tests of the vision stage."""
