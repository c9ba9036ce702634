"""Exports: footage as files to take away, made beside everything else, one after the other."""
