"""Footage: from access units to files that survive a power cut, and back."""
