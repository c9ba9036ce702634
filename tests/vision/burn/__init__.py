"""Tests of text burned into pictures."""
