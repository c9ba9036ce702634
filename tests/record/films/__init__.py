"""Tests of films taken in."""
