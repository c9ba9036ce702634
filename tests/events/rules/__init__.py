"""Kinds of rules."""
