"""Modules that clients of the result socket ask for by name: ours, and those that others install."""
