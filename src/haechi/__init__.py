"""Haechi: from a camera's first frame to the verdict, the alarm and the evidence."""

__version__ = "0.1.0"
