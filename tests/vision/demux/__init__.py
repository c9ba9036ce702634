"""Tests of films taken apart."""
