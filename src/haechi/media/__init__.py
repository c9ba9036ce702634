"""Coded media, sans-I/O: bytes in, values out. No sockets, files, clocks or logging in this package."""
