"""Tests of sites that are asked."""
