"""Tests of the recorder and of what is read back."""
